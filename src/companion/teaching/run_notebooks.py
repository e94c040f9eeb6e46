"""Running the notebooks headlessly: papermill, made strict.

Papermill itself accepts a parameter that a notebook does not have, and leaves a half-run notebook behind where it
fails; here both are errors, and `executed/` only ever holds notebooks that ran to their end.
"""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from companion.errors import CompanionError
from companion.locks import atomic_write
from companion.teaching.stamps import current, digest, installed, trace, write_stamp

if TYPE_CHECKING:  # imported where a notebook is run: it takes longer than to see that nothing has changed
    import nbformat
    from traitlets.config import Config

AT_ONCE = 2
KERNEL = "python3"
WIDGET = "application/vnd.jupyter.widget"


def parse_parameters(pairs: Sequence[str]) -> dict[str, Any]:
    """`N_ITEMS=100` → {"n_items": 100}: names in lower case, values as Python literals where they are, else text.

    Numbers with commas between them are a list, since papermill passes on no tuples.
    """
    parameters: dict[str, Any] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name.isidentifier():
            raise CompanionError(f"{pair!r} is no parameter; write NAME=VALUE, such as N_ITEMS=100")
        try:
            literal = ast.literal_eval(value)
            parameters[name.lower()] = list(literal) if isinstance(literal, tuple) else literal
        except (ValueError, SyntaxError):
            parameters[name.lower()] = value
    return parameters


def parameters_of(notebook: Path) -> dict[str, Any]:
    """What the cell tagged `parameters` of a notebook sets, by name, None where that is no literal; a notebook without
    that cell is an error."""
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    tagged = [cell for cell in cells if "parameters" in cell["metadata"].get("tags", [])]
    if len(tagged) != 1:
        raise CompanionError(f"{notebook} has {len(tagged)} cells tagged parameters; give it one")
    tree = ast.parse("".join(tagged[0]["source"]))
    found: dict[str, Any] = {}
    for node in tree.body:
        if isinstance(node, ast.Assign):
            try:
                value = ast.literal_eval(node.value)
            except ValueError:
                value = None
            found |= {target.id: value for target in node.targets if isinstance(target, ast.Name)}
    return found


WANTED = {
    bool: "True or False",
    int: "a whole number",
    float: "a number",
    str: "text",
    list: "numbers with commas between them",
}
"""Types of parameters, in words."""


def _check_type(notebook: Path, name: str, value: Any, default: Any) -> None:
    """Raises CompanionError for a value of another type than the notebook's own."""
    kind = type(default)
    if kind in WANTED and type(value) is not kind and (kind, type(value)) != (float, int):
        own = f", as {default!r}" if default or default == 0 else ""
        raise CompanionError(f"{name.upper()}={value}: {notebook.name} wants {WANTED[kind]} there{own}")


def run_notebooks(
    notebooks: Sequence[Path], executed: Path, parameters: Mapping[str, Any], stamps: Path | None = None
) -> list[Path]:
    """Run notebooks from the current folder, two at a time, and write each to `executed` when it has ended.

    A parameter is given to the notebooks that have it; one that none of them has is an error, before anything runs.
    stamps: a folder in which is kept from what each was made; one that would come out the same is not run.
    """
    known = {notebook: parameters_of(notebook) for notebook in notebooks}
    if not notebooks:
        raise CompanionError("no notebook to run; start the command in the project's folder, where notebooks/ lies")
    for name in parameters:
        if not any(name in names for names in known.values()):
            every = sorted(set().union(*known.values()))
            raise CompanionError(f"no notebook has a parameter {name!r}; there are {', '.join(every)}")
        for notebook, own in known.items():
            if name in own:
                _check_type(notebook, name, parameters[name], own[name])
    executed.mkdir(parents=True, exist_ok=True)
    os.environ["PYDEVD_DISABLE_FILE_VALIDATION"] = "1"  # the kernel's debugger would warn about frozen modules
    # Two notebooks share the cores. A thread of torch that waits for one without a core spins on its own: with as many
    # threads as cores in each, a notebook took minutes instead of seconds. Products of NumPy are too small to share.
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // AT_ONCE)))
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # The first notebook that evaluates the model on a whole benchmark leaves its rows to the others that ask the model,
    # which wait for it. Those that only read records come between, so that no core waits as well.
    evaluates = [notebook for notebook in notebooks if "model" in known[notebook]]
    evaluates.sort(key=lambda notebook: "n_items" not in known[notebook])
    records = [notebook for notebook in notebooks if notebook not in evaluates]

    def run(notebook: Path, after: Future[None] | None = None) -> None:
        if after:
            after.result()
        own = {name: value for name, value in parameters.items() if name in known[notebook]}
        _run(notebook, executed, own, stamps and stamps / f"{notebook.stem}.json")

    with ThreadPoolExecutor(AT_ONCE) as pool:
        first = [pool.submit(run, notebook) for notebook in evaluates[:1]]
        meanwhile = [pool.submit(run, notebook) for notebook in records]
        after = [pool.submit(run, notebook, *first) for notebook in evaluates[1:]]
        for done in first + meanwhile + after:
            done.result()
    shutil.rmtree(executed / "failed", ignore_errors=True)
    return [executed / notebook.name for notebook in notebooks]


def _run(notebook: Path, executed: Path, parameters: Mapping[str, Any], stamp: Path | None) -> None:
    made_with = {"parameters": parameters, "packages": installed(), "source": digest(notebook.as_posix())}
    if stamp and current(stamp, made_with):
        print(f"{notebook.name}: nothing that it is made from has changed", flush=True)
        return
    import nbformat
    import papermill
    from papermill.exceptions import PapermillExecutionError

    finished = executed / notebook.name
    with tempfile.TemporaryDirectory() as folder:
        draft, record = Path(folder) / notebook.name, Path(folder) / "record"
        outside = [path for value in parameters.values() if isinstance(value, str) for path in _outside(value)]
        tracing = f"__import__({trace.__module__!r}, fromlist=['trace']).trace({str(record)!r}, {outside!r})"
        print(f"{notebook.name}", flush=True)
        if stamp:
            stamp.unlink(missing_ok=True)
        try:
            papermill.execute_notebook(
                notebook,
                draft,
                parameters,
                kernel_name=KERNEL,
                cwd=Path.cwd(),
                stderr_file=sys.stderr,
                extra_arguments=[f"--IPKernelApp.exec_lines={tracing}"] if stamp else [],
                config=_connection(Path(folder)),
            )
        except PapermillExecutionError as error:
            failed = executed / "failed" / notebook.name
            failed.parent.mkdir(exist_ok=True)
            shutil.copy(draft, failed)
            raise CompanionError(
                f"{notebook} failed: {error.ename}: {error.evalue} (it lies in {failed} as far as it came)"
            ) from error
        with atomic_write(finished) as part:
            nbformat.write(_tidy(nbformat.read(draft, as_version=4), notebook), part)
        for sentence in left_out(nbformat.read(draft, as_version=4)):
            print(f"{notebook.name}: {sentence}", file=sys.stderr, flush=True)
        if stamp:
            write_stamp(stamp, made_with, record, [finished.as_posix()])


def left_out(notebook: nbformat.NotebookNode) -> list[str]:
    """What an executed notebook says of items that were left out: nobody at a terminal sees its cells."""
    from companion.teaching.outcome import LEFT_OUT

    printed = [out.text for cell in notebook.cells for out in cell.get("outputs", []) if out.get("name") == "stdout"]
    return [text.strip() for text in printed if LEFT_OUT in text]


def _connection(folder: Path) -> Config:
    """A kernel is talked to through sockets in a folder of its own.

    A port is chosen before the kernel binds it; what else starts meanwhile may take it, and the notebook never ends.
    """
    from traitlets.config import Config

    if os.name == "nt":  # there ZeroMQ has ports only
        return Config()
    return Config({"KernelManager": {"transport": "ipc", "ip": str(folder / "kernel")}})


def _outside(value: str) -> list[str]:
    """Folders and files outside of the project that a parameter names, as models and benchmarks of one's own."""
    paths = [Path(part.removeprefix("vllm:")).expanduser() for part in value.split(",")]
    return [str(path.resolve()) for path in paths if path.exists() and not path.resolve().is_relative_to(Path.cwd())]


def _tidy(notebook: nbformat.NotebookNode, source: Path) -> nbformat.NotebookNode:
    """Without progress bars, clock times, drawn ids and folders of the machine: what is left changes with the results
    alone. Where a page shows no widgets, it says what would be there.
    """
    parameters = notebook.metadata.papermill.parameters
    notebook.metadata["papermill"] = {"source": source.name, "parameters": parameters}
    for cell in notebook.cells:
        if "injected-parameters" in cell.metadata.get("tags", []):
            cell["id"] = "injected-parameters"
        for key in ("papermill", "execution"):
            cell.metadata.pop(key, None)
        if cell.cell_type == "code":
            cell.outputs = [out for out in cell.outputs if out.get("name") != "stderr"]
            for out in cell.outputs:
                if f"{WIDGET}-view+json" in out.get("data", {}):
                    out.data["text/plain"] = "Controls that need a live kernel."
    return _number_widgets(notebook)


def _number_widgets(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Widgets, whose ids are drawn at random, get numbers in the order in which they are shown."""
    widgets = notebook.metadata.get("widgets", {}).get(f"{WIDGET}-state+json", {}).get("state", {})
    numbers: dict[str, str] = {}

    def number(widget: str) -> None:
        if widget not in numbers:
            numbers[widget] = f"{len(numbers):032x}"
            for part in re.findall(r"IPY_MODEL_(\w+)", json.dumps(widgets[widget]["state"], sort_keys=True)):
                number(part)

    for out in (out for cell in notebook.cells for out in cell.get("outputs", [])):
        if view := out.get("data", {}).get(f"{WIDGET}-view+json"):
            number(view["model_id"])
    if not numbers:
        return notebook
    import nbformat

    text = re.sub("|".join(numbers), lambda found: numbers[found[0]], nbformat.writes(notebook))
    return nbformat.reads(text, as_version=4)
