"""Rows on the Hugging Face Hub: a folder of rows becomes a dataset with a card, and is read back as such a folder.

`companion push RUN --to USER/NAME` packs RUN by model and its verdicts by judge, writes the card from them and uploads
all in one commit; `--dry-run` stops before that. `companion compare` takes `hub:USER/NAME[@REVISION]` for a folder of
rows (`local`). The token is that of `hf auth login` or of the environment variable HF_TOKEN; it is never written.
Pictures stay at home, and so do rows that would give away a key or a path of the machine.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterable
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import pandas as pd
import pyarrow as pa

from companion.errors import CompanionError
from companion.evaluation.current_rows import current
from companion.evaluation.store import ROWS, VERDICTS, Store, to_frame
from companion.perturbations.perturbation import in_standing_order
from companion.provenance import made_by

PREFIX = "hub:"

MEANINGS = {
    "rows": {
        "key": "stands for all that can change the row",
        "model": "name of the model",
        "model_hash": "of its weights, or its name and server",
        "profile": "how it was asked",
        "precision": "in which it computed; empty where a server did, null in rows from before it was told",
        "system": "the system prompt; empty where there is none, null in rows from before it was told",
        "benchmark": "where the question is from",
        "question": "id of the question in its benchmark",
        "group": "joins copies of one item, which are resampled together",
        "category": "of the question",
        "difficulty": "of the question",
        "n_options": "number of options of the question",
        "options": "those shown, an added “I'm not sure” included",
        "perturbation": "what was done to the prompt",
        "wording": "which of the wordings was drawn",
        "delivery": "how a start of the reasoning reached the model; empty where there is none",
        "suggested": "letter of the option that the perturbation asserts",
        "temperature": "0 is greedy",
        "sample": "which of several samples of one prompt",
        "seed": "which drew the wrong option and the wordings",
        "prompt": "the user's turn, without the picture and the profile's instruction",
        "prefill": "the start of the reasoning",
        "response": "what the model wrote after it",
        "think": "its reasoning, the prefill included",
        "tokens": "number of tokens written",
        "finish": "stop, or length where they ran out",
        "answer": "letter that the model answered, null where none could be read",
        "right": "letter of the right option",
        "correct": "whether they are the same",
        "letter_probs": "over the letters of the options, at the token that wrote the answer; they sum to 1",
        "letter_mass": "share of the whole vocabulary's probability that these letters had",
        "p_correct": "the right letter's part of letter_probs",
        "entropy": "of letter_probs, divided by the logarithm of the number of options shown",
    },
    "verdicts": {
        "key": "stands for judge and row",
        "row": "key of the row that is judged",
        "judge": "name of the judge",
        "judge_hash": "of all that makes it up",
        "verdict": "whether the reasoning leads to the answer, or what the judge conflict found, in a word",
        "concluded": "letter that the reasoning commits to, or null",
        "reason": "in words",
        "details": "of the judge, as JSON",
    },
}
"""What each column of `store.ROWS` and `store.VERDICTS` means."""

FREE = ("prompt", "system", "prefill", "response", "think", "options", "reason", "details")
"""Columns of running text, where a slash at the beginning need not be a path."""

SECRET = re.compile(r"\b(?:sk-[\w-]{20,}|hf_\w{30,}|AIza[\w-]{35}|gh[pousr]_\w{36,}|AKIA[A-Z0-9]{16})")
"""The keys of OpenAI and its like, Hugging Face, Google, GitHub and Amazon."""


def push(run: Path, name: str, private: bool = False) -> str:
    """Upload a folder of rows as the dataset USER/NAME, which is made if need be; returns its address.

    What the dataset held before and the folder does not hold is removed in the same commit. private: of a new one.
    Raises CompanionError where the Hub refuses, and all that `pack` raises.
    """
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi
    from huggingface_hub.errors import HFValidationError, HTTPError

    api = HfApi()
    with tempfile.TemporaryDirectory() as folder:
        files = {str(file.relative_to(folder)): file for file in pack(run, name, Path(folder))}
        try:
            address = api.create_repo(name, private=private, repo_type="dataset", exist_ok=True)
            old = [file for file in api.list_repo_files(name, repo_type="dataset") if file.endswith(".parquet")]
            api.create_commit(
                name,
                [
                    *(CommitOperationAdd(path, str(file)) for path, file in files.items()),
                    *(CommitOperationDelete(path) for path in old if path not in files),
                ],
                commit_message=f"Rows, pushed by {made_by()}",
                repo_type="dataset",
            )
        except (HTTPError, HFValidationError, OSError) as error:
            raise CompanionError(
                f"cannot push to {name}: {_sentence(error)}; see that the name is USER/NAME and that `hf auth login`, "
                "or HF_TOKEN, gives a token that may write there"
            ) from error
    return str(address)


def fetch(name: str) -> Path:
    """The folder of rows of a dataset, "USER/NAME" or "USER/NAME@REVISION", downloaded unless it is cached."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, HTTPError

    repository, _, revision = name.partition("@")
    try:
        folder = snapshot_download(
            repository, repo_type="dataset", revision=revision or None, allow_patterns="*.parquet"
        )
    except (HTTPError, HFValidationError, OSError) as error:
        raise CompanionError(
            f"cannot fetch {PREFIX}{name}: {_sentence(error)}; see that the name is USER/NAME or USER/NAME@REVISION, "
            "that the Hub can be reached, and that your token may read it"
        ) from error
    if not any(Path(folder).glob("*.parquet")):
        raise CompanionError(f"{PREFIX}{name} holds no rows; give a dataset that `companion push` has made")
    return Path(folder)


def local(run: str) -> Path:
    """A folder of rows by its name: that folder, or, of hub:USER/NAME[@REVISION], a copy of the dataset."""
    if run.startswith(PREFIX):
        return fetch(run.removeprefix(PREFIX))
    if not Path(run).is_dir():
        raise CompanionError(f"no folder {run}; give one that `companion evaluate` has written, or {PREFIX}USER/NAME")
    return Path(run)


def pack(run: Path, name: str, folder: Path) -> list[Path]:
    """Write what `push` uploads into an empty folder: rows by model, verdicts by judge, and the card; returns these.

    Rows on questions that were corrected since stay at home. The run is not changed. Raises CompanionError, naming key
    and column, for a row that holds a key or a path.
    """
    if folder.is_dir() and any(folder.iterdir()):
        raise CompanionError(f"{folder} is not empty; choose another --out, or remove it first")
    rows = current([run]).rows if run.is_dir() else []
    if not rows:
        raise CompanionError(f"no rows in {run}; make some with `companion evaluate --out {run}`")
    files = _packed(rows, ROWS, folder, "model")
    judged = (run / "verdicts").is_dir()
    if judged:
        verdicts = list(Store(run / "verdicts", VERDICTS).read().values())
        files += _packed(verdicts, VERDICTS, folder / "verdicts", "judge")
    card = folder / "README.md"
    card.write_text(_card(name, to_frame(rows), judged), encoding="utf-8")
    return [card, *files]


def _packed(rows: list[dict[str, Any]], schema: pa.Schema, folder: Path, column: str) -> list[Path]:
    for row in rows:
        for name, value in row.items():
            for text in value if isinstance(value, list) else [value]:
                if isinstance(text, str) and (SECRET.search(text) or (name not in FREE and _is_path(text))):
                    raise CompanionError(
                        f"row {row['key']}, column {name}, holds what looks like a key or a path of this machine, and "
                        "is not published; make the rows again without it, or push a folder that does not hold them"
                    )
    store = Store(folder, schema)
    store.append(rows)
    return store.pack(column)


def _is_path(text: str) -> bool:
    return PurePosixPath(text).is_absolute() or PureWindowsPath(text).is_absolute()


def _sentence(error: Exception) -> str:
    """The name of an error, and its first line."""
    return f"{type(error).__name__}, {str(error).strip().partition(chr(10))[0].rstrip('.')}"


def _card(name: str, rows: pd.DataFrame, judged: bool) -> str:
    """The dataset card: a header that `datasets` and the Hub read, and what the rows are."""
    from huggingface_hub import DatasetCardData

    benchmarks = sorted(rows["benchmark"].unique())
    configs = [{"config_name": "rows", "data_files": "*.parquet", "default": True}]
    if judged:
        configs.append({"config_name": "verdicts", "data_files": "verdicts/*.parquet"})
    own = benchmarks == ["microworld"]
    header = DatasetCardData(license="apache-2.0" if own else None, tags=TAGS, configs=configs)
    counts = [
        (column, rows[column].nunique(), ", ".join(f"`{value}`" for value in sorted(rows[column].unique())))
        for column in ("model", "benchmark", "perturbation", "profile", "seed", "temperature")
    ]
    return _CARD.format(
        header=header.to_yaml(),
        name=name,
        rows=len(rows),
        items=len(rows.groupby(["benchmark", "question"])),
        made_by=made_by(),
        counts=_table(("what", "how many", "which"), counts),
        accuracy=_accuracy(rows),
        columns="\n\n".join(
            f"### {config['config_name']}\n\n" + _columns(str(config["config_name"])) for config in configs
        ),
        licence=OWN_LICENCE if own else OTHERS_LICENCE.format(benchmarks=", ".join(benchmarks)),
    )


def _accuracy(rows: pd.DataFrame) -> str:
    order = in_standing_order(rows["perturbation"].unique())
    lines = []
    for cell, part in rows.groupby(["model", "benchmark", "perturbation", "delivery"]):
        shares = (f"{part['correct'].mean():.1%}", f"{part['answer'].isna().mean():.1%}")
        lines.append((*cell, part["question"].nunique(), len(part), *shares))
    lines.sort(key=lambda line: (line[0], line[1], order.index(line[2])))
    return _table(("model", "benchmark", "perturbation", "delivery", "items", "rows", "accuracy", "no answer"), lines)


def _columns(config: str) -> str:
    schema = {"rows": ROWS, "verdicts": VERDICTS}[config]
    return _table(
        ("column", "type", "meaning"),
        [(f"`{field.name}`", str(field.type), MEANINGS[config][field.name]) for field in schema],
    )


def _table(names: Iterable[str], lines: Iterable[Iterable[Any]]) -> str:
    cells = [list(map(str, line)) for line in (names, *lines)]
    cells.insert(1, ["---"] * len(cells[0]))
    return "\n".join(f"| {' | '.join(line)} |" for line in cells)


TAGS = ["vision-language-model", "chain-of-thought", "robustness", "evaluation"]

OWN_LICENCE = (
    "Questions, perturbations, measures and verdicts are companion's, under Apache-2.0; what a model wrote may fall "
    "under its own licence."
)

OTHERS_LICENCE = (
    "No licence is stated: questions and options are those of {benchmarks}, under their authors' licences, and what a "
    "model wrote may fall under its own. What companion added (perturbations, measures, verdicts) is under Apache-2.0."
)

_CARD = """---
{header}
---
# {name}

What vision-language models answered when text around a question misled them: {rows} rows on {items} items. One row is
one question under one perturbation, with the prompt, what the model wrote, the letter that was read from it, and,
where they could be had, the probabilities of the letters. Made with the companion to *On Robustness and
Chain-of-Thought Consistency of RL-Finetuned VLMs* (arXiv 2602.12506). No pictures are included.

{counts}

Published by {made_by}; earlier code may have made the rows.

```python
from datasets import load_dataset

rows = load_dataset("{name}", "rows", split="train")
```

In companion, `companion compare hub:{name}` reads them.

## Accuracy

Plain means over rows, all seeds, samples and temperatures of a line together.

{accuracy}

## Columns

{columns}

## Licence

{licence}
"""
