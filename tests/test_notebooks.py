import ast
import json
import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from types import SimpleNamespace

import nbformat
import numpy as np
import pandas as pd
import pytest

from companion.analysis.consistency import with_verdicts
from companion.analysis.findings.rule import EQUIVALENT
from companion.analysis.panel import RunsPanel
from companion.errors import CompanionError
from companion.evaluation.engine import judge
from companion.evaluation.judges.rule_judge import Rule
from companion.evaluation.store import VERDICTS, Store
from companion.figures import quadrants, tradeoff
from companion.figures.gallery import Gallery
from companion.intervals import RESAMPLES
from companion.models.local import LocalModel
from companion.questions.microworld import questions
from companion.study import summaries
from companion.study.protocol import CORRECT, MISREAD_20
from companion.teaching.pages.teachers_page import PACE
from companion.teaching.run_notebooks import parameters_of, parse_parameters, run_notebooks
from companion.training import grpo
from companion.training.recipes import GRPO

LIVE = {"model", "benchmark", "n_items", "seed", "device", "profile"}
AUDIT = {
    "gap",
    "sample_sizes",
    "seed",
    "endpoint",
    "benchmark",
    "n_items",
    "samples",
    "temperature",
    "effort",
    "profile",
    "price",
    "budget",
    "figures",
}
PARAMETERS = {
    "00_start_here": LIVE - {"n_items"} | {"item"},
    "01_perturbation_drops": LIVE,
    "02_confidence": LIVE,
    "03_cot_consistency": LIVE,
    "07_closed_vs_open": AUDIT,
    "04_training_dynamics": {"study", "live_steps", "seed"},
    "05_remedies": {"study", "initial", "step", "seed"},
    "06_tradeoff_lab": {"item", "watched", "study", "own", "seed"},
    "08_your_model": LIVE | {"delivery", "max_new_tokens", "system", "figures"},
}
TABLES = {
    "coverage",
    "study_tests",
    "findings_gap",
    "gap_delivery",
    "over_rl",
    "by_path",
    "survival_after_rl",
    "your_model",
    "your_model_types",
    "your_model_claims",
}
"""Entries of the manifest that have no figure."""


AGAIN = {
    "01_perturbation_drops": "evaluates a model, whose rows are stored and read back",
    "06_tradeoff_lab": "shows panels of widgets, which draw ids",
    "07_closed_vs_open": "reads records alone",
}
"""Of each kind of notebook the one that is run twice, and its kind. Continuous integration runs all of them twice, on
54 items, so that what is held here on 27 is held on another number too."""


def write(path, *cells):
    notebook = nbformat.v4.new_notebook(metadata={"language_info": {"name": "python"}})
    for source, tags in cells:
        notebook.cells.append(nbformat.v4.new_code_cell(source, metadata={"tags": tags}))
    nbformat.write(notebook, path)
    return path


def test_every_notebook_is_listed(root):
    assert sorted(p.stem for p in (root / "notebooks").glob("*.ipynb")) == sorted(PARAMETERS)


@pytest.mark.parametrize(("name", "expected"), PARAMETERS.items())
def test_sources_are_stripped_and_have_the_parameters(root, name, expected):
    notebook = nbformat.read(root / "notebooks" / f"{name}.ipynb", as_version=4)
    nbformat.validate(notebook)
    assert not any(cell.get("outputs") for cell in notebook.cells)
    assert set(parameters_of(root / "notebooks" / f"{name}.ipynb")) == expected


@pytest.mark.slow(300)
def test_make_figures_in_small(root, tmp_path):
    """The main job on 27 items, in a copy of the project: figures, tables, manifest, executed notebooks."""
    for folder in ("notebooks", "checkpoints", "results"):
        shutil.copytree(root / folder, tmp_path / folder)
    shutil.copy(root / "requirements.lock", tmp_path)
    command = [sys.executable, "-m", "companion", "figures", "N_ITEMS=27"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    manifest = json.loads((tmp_path / "figures" / "manifest.json").read_text())
    assert len(manifest) >= 5
    for name, entry in manifest.items():
        for suffix in ("csv",) if name in TABLES else ("png", "svg", "csv"):
            assert (tmp_path / "figures" / f"{name}.{suffix}").stat().st_size > 100
        live = PARAMETERS[entry["notebook"]] >= LIVE
        assert not live or entry["parameters"]["n_items"] == entry["items"] == 27
        about = "checkpoint_hash" if live else "models" if "gap" in entry["parameters"] else "runs"
        wanted = {about, "lock_hash", "code_hash", "seeds", "device"}
        assert not wanted - set(entry)
    assert len(list((tmp_path / "figures").glob("*.csv"))) == len(manifest)
    for name in PARAMETERS:
        notebook = nbformat.read(tmp_path / "executed" / f"{name}.ipynb", as_version=4)
        assert all(cell.execution_count for cell in notebook.cells if cell.cell_type == "code")
        widgets = notebook.metadata.get("widgets", {}).get("application/vnd.jupyter.widget-state+json", {})
        models = {widget["model_name"] for widget in widgets.get("state", {}).values()}
        assert "OutputModel" not in models  # with one, nbclient may wait for ever
    written = [p for folder in ("executed", "figures") for p in (tmp_path / folder).iterdir() if p.suffix != ".png"]
    assert not [p.name for p in written if str(tmp_path) in p.read_text()]
    parts = sorted(p.name for p in (tmp_path / "runs").iterdir())
    again = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True)
    assert again.stdout.count("nothing that it is made from has changed") == len(PARAMETERS)
    made = {p: p.read_bytes() for folder in ("executed", "figures") for p in (tmp_path / folder).iterdir()}
    for name, entry in manifest.items():
        if entry["notebook"] in AGAIN:
            for file in (tmp_path / "figures").glob(f"{name}.*"):
                file.unlink()
    again = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True)
    assert {line.removesuffix(".ipynb") for line in again.stdout.splitlines() if line.endswith(".ipynb")} == set(AGAIN)
    assert sorted(p.name for p in (tmp_path / "runs").iterdir()) == parts
    assert {p: p.read_bytes() for folder in ("executed", "figures") for p in (tmp_path / folder).iterdir()} == made


@pytest.mark.slow
def test_a_failing_notebook_leaves_no_finished_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    notebook = write(tmp_path / "n.ipynb", ("n = 1", ["parameters"]), ("1 / (n - 1)", []))
    with pytest.raises(CompanionError, match=r"n\.ipynb failed: ZeroDivisionError.*as far as it came"):
        run_notebooks([notebook], tmp_path / "executed", {})
    assert not (tmp_path / "executed" / "n.ipynb").exists()
    assert (tmp_path / "executed" / "failed" / "n.ipynb").exists()
    run_notebooks([notebook], tmp_path / "executed", {"n": 2})
    assert [p.name for p in (tmp_path / "executed").iterdir()] == ["n.ipynb"]


@pytest.mark.slow
def test_what_was_run_changes_with_its_results_alone(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    panel = (
        "from ipywidgets import HTML, IntSlider, VBox\nfrom tqdm import tqdm\n"
        "both = [HTML(f'n is {n}'), IntSlider(n)]\nlist(tqdm(both))\nVBox(both + both)"
    )
    notebook = write(tmp_path / "n.ipynb", ("n = 1", ["parameters"]), (panel, []), ("VBox(both[:1])", []))
    written = [run_notebooks([notebook], tmp_path / "executed", {})[0].read_text() for _ in range(2)]
    assert written[0] == written[1]
    executed = nbformat.reads(written[0], as_version=4)
    state = executed.metadata["widgets"]["application/vnd.jupyter.widget-state+json"]["state"]
    shown = [
        cell.outputs[-1].data["application/vnd.jupyter.widget-view+json"]["model_id"] for cell in executed.cells[1:]
    ]
    boxes = [state[box]["state"]["children"] for box in shown]
    assert boxes[0][:2] == boxes[0][2:]
    assert boxes[1] == boxes[0][:1]
    assert state[boxes[1][0].removeprefix("IPY_MODEL_")]["state"]["value"] == "n is 1"
    assert {cell.outputs[-1].data["text/plain"] for cell in executed.cells[1:]} == {"Controls that need a live kernel."}


@pytest.mark.slow
def test_rows_are_left_by_the_first_notebook_that_evaluates_a_whole_benchmark(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    few = write(tmp_path / "00.ipynb", ("model = 0\nitem = 1", ["parameters"]), ("open('rows')", []))
    most = write(tmp_path / "01.ipynb", ("model = 0\nn_items = 1", ["parameters"]), ("open('rows', 'w').write('')", []))
    done = run_notebooks([few, most], tmp_path / "executed", {})
    assert [path.name for path in done] == ["00.ipynb", "01.ipynb"]


@pytest.mark.slow
def test_no_kernel_waits_for_a_port_or_a_core_that_another_took(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "1")
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 6)
    asked = "import os\nfrom ipykernel.kernelapp import IPKernelApp as App\nown = App.instance()\n"
    asked += "print(own.transport, own.ip, os.environ['OMP_NUM_THREADS'])"
    both = [write(tmp_path / f"{n}.ipynb", ("n = 1", ["parameters"]), (asked, [])) for n in range(2)]
    done = [nbformat.read(path, 4) for path in run_notebooks(both, tmp_path / "executed", {})]
    addresses = [notebook.cells[-1].outputs[0].text.split() for notebook in done]
    assert [transport for transport, *_ in addresses] == ["ipc", "ipc"]
    assert addresses[0][1] != addresses[1][1]
    assert [threads for *_, threads in addresses] == ["3", "3"]  # of six cores
    assert {path.name for path in tmp_path.iterdir()} == {"0.ipynb", "1.ipynb", "executed"}


def test_a_missing_tag_is_an_error(tmp_path):
    notebook = write(tmp_path / "n.ipynb", ("n = 1", []))
    with pytest.raises(CompanionError, match=r"n\.ipynb has 0 cells tagged parameters"):
        parameters_of(notebook)


def test_no_notebook_at_all(tmp_path):
    with pytest.raises(CompanionError, match="no notebook to run"):
        run_notebooks([], tmp_path, {})


@pytest.mark.parametrize(
    ("pair", "expected"),
    [
        ("N_ITEMS=100", {"n_items": 100}),
        ("MODEL=Qwen/Qwen2.5-VL-7B-Instruct", {"model": "Qwen/Qwen2.5-VL-7B-Instruct"}),
        ("model=a=b", {"model": "a=b"}),
        ("seed=", {"seed": ""}),
        ("PRICE=2,8.5", {"price": [2, 8.5]}),
        ("BENCHMARK=cv-bench,vstar", {"benchmark": "cv-bench,vstar"}),
    ],
)
def test_parse_parameters(pair, expected):
    assert parse_parameters([pair]) == expected


@pytest.mark.parametrize(
    ("given", "written"),
    [
        ("/home/me/models/mine", "mine"),
        ("{root}/checkpoints/base", "checkpoints/base"),
        ("checkpoints/base", "checkpoints/base"),
        ("microworld,/home/me/photographs,{root}/data/own", "microworld,photographs,data/own"),
        (["/home/me/a", "b", 2], ["a", "b", 2]),
        ("vllm:/home/me/models/mine,vllm:org/model", "vllm:mine,vllm:org/model"),
        ("http://localhost:8000/v1#/home/me/models/mine", "http://localhost:8000/v1#mine"),
        ("org/model", "org/model"),
        ("/", "/"),
        (0.05, 0.05),
    ],
)
def test_a_manifest_holds_no_path_of_the_machine(tmp_path, monkeypatch, given, written):
    (tmp_path / "requirements.lock").touch()
    monkeypatch.chdir(tmp_path)
    given = given.format(root=tmp_path) if isinstance(given, str) else given
    gallery = Gallery(tmp_path / "figures", "n", {"model": given}, {"model": given})
    gallery.add_table("one", pd.DataFrame({"a": [1]}), "a table")
    entry = json.loads((tmp_path / "figures" / "manifest.json").read_text())["one"]
    assert (entry["parameters"], entry["model"]) == ({"model": written}, written)


def test_two_notebooks_may_enter_figures_at_once(tmp_path):
    def enter(notebook):
        gallery = Gallery(tmp_path, notebook, {})
        for k in range(25):
            gallery.add_table(f"{notebook}-{k}", pd.DataFrame({"a": [k]}), "a table")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(enter, "abcd"))
    assert len(json.loads((tmp_path / "manifest.json").read_text())) == 100


BY_HAND = {
    "01_perturbation_drops": [f"01-hand-{id}" for id in ("row-1", "accuracy", "paired-1", "bootstrap-1", "name-1")],
    "02_confidence": [
        f"02-hand-{id}"
        for id in ("response", "softmax-1", "letters-1", "entropy-1", "auroc-1", "auroc-2", "auroc-3", "simpson-1")
    ],
    "03_cot_consistency": ["03-hand-clauses-1", "03-hand-clauses-2", "03-05"],
    "04_training_dynamics": [f"04-hand-{id}" for id in ("group-1", "advantage-1", "gate-1")],
    "05_remedies": ["05-hand-prefix-1"],
}
"""The cells that do by hand what the notebook then calls by name."""


def cells_of(root, name):
    return nbformat.read(root / "notebooks" / f"{name}.ipynb", as_version=4).cells


def by_hand(root, name):
    sources = {cell.id: cell.source for cell in cells_of(root, name)}
    return [sources[id] for id in BY_HAND[name]]


@pytest.mark.parametrize("name", BY_HAND)
def test_a_notebook_is_read_in_minutes(root, name):
    cells = cells_of(root, name)
    words = sum(len(cell.source.split()) for cell in cells if cell.cell_type == "markdown")
    assert 25 <= len(cells) <= 45
    assert 600 <= words <= 1200
    code = [cell.source for cell in cells if cell.cell_type == "code"]
    assert not [source for source in code if "|---" in source]  # tables are shown, not written
    assert all(len(source.splitlines()) <= 10 for source in by_hand(root, name))


COUNTED = "%|points?|items|questions|runs|seeds|steps|models|checkpoints|recipes|words|times"
NUMBER_WORDS = "three|four|five|six|seven|eight|nine|ten|eleven|twelve|twenty|thirty|forty|fifty|hundred"
DEFINITIONS = {
    "00_start_here": {f"{PACE} words"},
    "01_perturbation_drops": {f"{RESAMPLES:,} times"},
    "04_training_dynamics": {
        f"{CORRECT.steps:,} steps",
        f"{100 * MISREAD_20.shares.misread:g} %",
        f"{100 * EQUIVALENT:g} points",
    },
    "05_remedies": {f"{100 * EQUIVALENT:g} points"},
    "06_tradeoff_lab": {"six words"},  # of a gate
}
"""Numbers that a notebook's text may give, because they are fixed and no results."""


def typed_numbers(text):
    """Shares, counts and effects in Markdown, code and links left out; "95 %" is the level of all intervals."""
    prose = re.sub(r"```.*?```|`[^`]*`|\$\$?.*?\$\$?|\]\([^)]*\)", "", text, flags=re.DOTALL)
    found = re.findall(
        rf"(?i)(?<![\w.])(?:(?:\d[\d,.]*|{NUMBER_WORDS}) (?:{COUNTED})(?!\w)|\d[\d,.]* of \d[\d,.]*|\[[−+]?\d[^]]*\])",
        prose,
    )
    return [one for one in found if one != "95 %"]


@pytest.mark.parametrize("name", PARAMETERS)
def test_results_are_not_typed_into_the_text(root, name):
    """A number that comes from data is written by a cell of code, which follows the data."""
    own = [cell for cell in cells_of(root, name) if "exercise" not in cell.metadata.get("tags", [])]
    found = [one for cell in own if cell.cell_type == "markdown" for one in typed_numbers(cell.source)]
    assert set(found) == DEFINITIONS.get(name, set())


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("35 runs of 250 steps, from a model", ["35 runs", "250 steps"]),
        ("where 10 % of the prompts hold a caption", ["10 %"]),
        ("with fewer than five seeds nothing is decided; Five seeds", ["five seeds", "Five seeds"]),
        (
            "it costs −10.4 points [−13.4, −7.4] on 54 items, 43 of 300",
            ["10.4 points", "[−13.4, −7.4]", "54 items", "43 of 300"],
        ),
        ("a 95 % interval; `n_items = 500 items`; step 0; notebook 4; 1. item", []),
    ],
)
def test_a_typed_number_is_found(text, found):
    assert typed_numbers(text) == found


@pytest.mark.parametrize("number", ["00", "01", "02", "03"])
def test_one_checkpoint_is_asked_until_rl_is_explained(root, number):
    """Notebook 04 explains RL; before it nothing hangs on what other checkpoints do. Notebook 00 ends with the first
    figure, which names those from which RL began."""
    (path,) = (root / "notebooks").glob(f"{number}_*.ipynb")
    own = [cell for cell in nbformat.read(path, 4).cells if "exercise" not in cell.metadata.get("tags", [])]
    code = "\n".join(cell.source for cell in own if cell.cell_type == "code")
    text = "\n".join(cell.source for cell in own if cell.cell_type == "markdown")
    assert set(re.findall(r"checkpoints(?:/[\w-]+)?", code)) == {"checkpoints/base"}
    others = [folder.parent.name for folder in (root / "checkpoints").glob("*/config.json")]
    assert len(others) > 5
    known = {"base", *(tradeoff.INITIALS if number == "00" else ())}
    assert [name for name in others if name not in known and f"`{name}`" in text] == []


def by_hand_names(root, name, tmp_path):
    """What the cells by hand find when they are run: the notebook's imports, and its rows."""
    opening = next(cell.source for cell in cells_of(root, name) if cell.id == f"{name[:2]}-02")
    space = {"seed": 0}
    for node in ast.parse(opening).body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            exec(ast.unparse(node), space)
    if name[:2] in ("01", "02", "03"):
        items = questions(n=60)
        rows = pd.read_parquet(root / "results" / "rows" / "rl-correct.parquet")
        rows = rows[rows["question"].isin([item.id for item in items])]
        if name[:2] == "03":
            rows = rows[rows["perturbation"].isin(["plain", "wrong-think", "wrong-think-but", "blank-image"])]
            rows = with_verdicts(rows, judge(Rule(), rows, items, Store(tmp_path, VERDICTS)))
            space["table"] = quadrants.table(rows, np.random.default_rng(0))
        space |= {"rows": rows}
        space["context"] = SimpleNamespace(rows=rows, questions=items, rng=lambda: np.random.default_rng(0))
    if name[:2] == "05":
        panel = RunsPanel(root / "results" / "study")
        place = panel, "misread-20", 500
        space |= dict(zip(("panel", "initial", "step"), place, strict=True))
        space |= {"beside": summaries.beside_correct(*place, ["right"])}
    return space


FAULTS = {
    "01_perturbation_drops": lambda space: {
        "tables": SimpleNamespace(
            contrast=lambda rows, one, other, rng: space["tables"].contrast(rows, one, other, np.random.default_rng(1))
        )
    },
    "02_confidence": lambda space: {
        "responses": lambda *given: [replace(one, letter_mass=1.0) for one in space["responses"](*given)]
    },
    "02_confidence F10": lambda space: {
        "tables": SimpleNamespace(
            DEFINITIONS=space["tables"].DEFINITIONS,
            survival=lambda rows, rng: space["tables"].survival(rows[rows["category"] != "position"], rng),
        )
    },
    "03_cot_consistency": lambda space: {"table": space["table"].assign(value=space["table"]["value"] + 0.01)},
    "04_training_dynamics": lambda space: {
        "reward": lambda prompt, response, gates=(): space["reward"](prompt, response)
    },
    "05_remedies": lambda space: {"beside": space["beside"].assign(value=space["beside"]["value"] + 0.01)},
}
"""What is wrong with the package, so that what is done by hand no longer agrees with it."""


@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_done_by_hand_is_what_the_package_gives(root, fault, tmp_path, monkeypatch):
    name = fault.partition(" ")[0]
    monkeypatch.chdir(root)
    space = by_hand_names(root, name, tmp_path)

    def run(space):
        for source in by_hand(root, name):
            table = space.get("table")
            exec(source, space)
            space["table"] = table  # in the notebook, a cell between these makes it

    run(dict(space))
    with pytest.raises(AssertionError):
        run(space | FAULTS[fault](space))


def test_a_relation_turns_round_within_families(tmp_path, root, monkeypatch):
    """What notebook 02 calls Simpson's paradox, on made-up items: the family that survives is the less sure one, and
    within each family the surer items survive."""
    monkeypatch.chdir(root)
    space = by_hand_names(root, "02_confidence", tmp_path)
    items = [("firm", 0.80 + 0.01 * k, k > 0) for k in range(5)] + [
        ("gullible", 0.90 + 0.01 * k, k > 3) for k in range(5)
    ]
    space["rows"] = pd.DataFrame(
        [
            {
                "question": f"{family}-{k}",
                "group": f"{family}-{k}",
                "category": family,
                "perturbation": perturbation,
                "correct": perturbation == "plain" or stays,
                "p_correct": p,
                "entropy": 1 - p,
                "answer": "A",
                "right": "A",
                "suggested": None if perturbation == "plain" else "B",
                "n_options": 4,
            }
            for k, (family, p, stays) in enumerate(items)
            for perturbation in ("plain", "wrong-think")
        ]
    )
    for source in by_hand(root, "02_confidence")[4:]:
        exec(source, space)
    found = space["f10"]["P(correct)"]
    assert found["2. right under plain"] == found["1. all items"] < 0.5
    assert found["3. within a family"] == 1
    ranks = space["families"]["mean rank"]
    assert ranks.to_dict() == {"firm": pytest.approx(2 / 9), "gullible": pytest.approx(7 / 9)}


def test_the_group_changes_sign_under_the_gate(root, tmp_path, monkeypatch):
    """What the text beside notebook 04's group says of it."""
    monkeypatch.chdir(root)
    space = by_hand_names(root, "04_training_dynamics", tmp_path)
    for source in by_hand(root, "04_training_dynamics"):
        exec(source, space)
    hollow, wrong = space["right"] & ~space["agrees"], ~space["right"] & space["agrees"]
    assert hollow.any()
    assert wrong.any()
    assert (space["A"][hollow] > 0).all()
    assert space["A_gated"][hollow].max() < min(0, space["A_gated"][wrong].min())


def test_an_advantage_by_hand_is_the_trainers(root, checkpoint, tmp_path, monkeypatch):
    """The line of notebook 04 against what the trainer makes of the same rewards, over groups of four."""
    line = next(line for line in by_hand(root, "04_training_dynamics")[1].splitlines() if line.startswith("A = "))
    rewards, found = [], []
    rng = np.random.default_rng(0)

    def pay(self, completions, **_):
        rewards.extend([0.1, 0.1, 0.1, 0.1, *rng.choice([0.0, 0.1, 1.1], len(completions) - 4).tolist()])
        return rewards[-len(completions) :]

    scored = grpo._Trainer._generate_and_score_completions

    def spy(self, inputs):
        output = scored(self, inputs)
        found.extend(output["advantages"].tolist())
        return output

    monkeypatch.setattr(grpo.Reward, "__call__", pay)
    monkeypatch.setattr(grpo._Trainer, "_generate_and_score_completions", spy)
    recipe = replace(GRPO["rl-correct"], prompts=4, rollouts=4, steps=1, warmup=1)
    prompts = grpo.prompts_for(recipe, grpo.microworld_stream(recipe, 0), 0)
    grpo.train_grpo(recipe, LocalModel(str(checkpoint)), prompts, tmp_path, 0, disable_tqdm=True, save_strategy="no")
    by_hand_found = []
    for group in np.reshape(rewards, (-1, 4)):
        space = {"r": group}
        exec(line, space)
        by_hand_found.extend(space["A"])
    assert len(found) == 16
    assert found == pytest.approx(by_hand_found, abs=1e-4)
    assert max(found) > 0.5


def test_the_last_digits_of_another_processor_leave_the_tables_as_they_are(tmp_path):
    """Two processors: P(correct) of 108 items is off by 0.000002, and a change of −1e-9 by its sign."""
    value, noise = np.array([0.697312, 0.292404, 1e-9, np.nan]), np.array([2e-6, -2e-6, -2e-9, 0])
    table = pd.DataFrame({"measure": ["p_correct", "entropy", "change", "brier"], "value": value, "n": 108})
    written = {}
    for name in ("confidence", "perturbation_drops"):
        for machine, one in enumerate((table, table.assign(value=value + noise))):
            Gallery(tmp_path / str(machine), "n", {}).add_table(name, one, "a table")
            written[name, machine] = (tmp_path / str(machine) / f"{name}.csv").read_text()
    lines = written["confidence", 0].splitlines()
    assert lines == ["measure,value,n", "p_correct,0.697,108", "entropy,0.292,108", "change,0.000,108", "brier,,108"]
    assert written["confidence", 1] == written["confidence", 0]
    assert written["perturbation_drops", 0] != written["perturbation_drops", 1]
    assert ",0.697312," in written["perturbation_drops", 0]


def test_entries_are_the_same_whenever_they_are_made(tmp_path):
    for _ in range(2):
        Gallery(tmp_path, "n", {"n_items": 2}).add_table("one", pd.DataFrame({"a": [1.0]}), "a table")
        text = (tmp_path / "manifest.json").read_text()
    entry = json.loads(text)["one"]
    assert set(entry) == {"caption", "notebook", "parameters", "code_hash", "lock_hash"}
    assert len(entry["code_hash"]) == 16
