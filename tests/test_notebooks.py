import json
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import nbformat
import pandas as pd
import pytest

from companion.errors import CompanionError
from companion.figures.gallery import Gallery
from companion.teaching.run_notebooks import parameters_of, parse_parameters, run_notebooks

LIVE = {"model", "benchmark", "n_items", "seed", "device", "profile"}
AUDIT = {
    "gap", "sample_sizes", "seed", "endpoint", "benchmark", "n_items", "samples", "temperature", "effort", "profile",
    "price", "budget", "figures",
}  # fmt: skip
PARAMETERS = {
    "00_start_here": LIVE - {"n_items"} | {"item"},
    "01_perturbation_drops": LIVE,
    "02_confidence": LIVE,
    "03_cot_consistency": LIVE | {"compare", "results"},
    "04_closed_vs_open": AUDIT,
    "05_training_dynamics": {"results", "start", "live_steps", "seed"},
    "06_remedies": {"results", "start", "seed"},
    "07_tradeoff_lab": {"item", "watched", "results", "own", "seed"},
    "08_your_model": LIVE | {"figures"},
}
TABLES = {
    "findings", "findings_consistency", "findings_gap", "findings_perturbed", "gap_delivery", "your_model",
    "your_model_types", "your_model_claims",
}  # fmt: skip
"""Entries of the manifest that have no figure."""


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
    assert parameters_of(root / "notebooks" / f"{name}.ipynb") == expected


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
        wanted = {about, "lock_hash", "code_revision", "dirty", "seeds", "device"}
        assert not wanted - set(entry)
    assert len(list((tmp_path / "figures").glob("*.csv"))) == len(manifest)
    tables = {p.name: p.read_bytes() for p in (tmp_path / "figures").glob("*.csv")}
    for name in PARAMETERS:
        notebook = nbformat.read(tmp_path / "executed" / f"{name}.ipynb", as_version=4)
        assert all(cell.execution_count for cell in notebook.cells if cell.cell_type == "code")
        widgets = notebook.metadata.get("widgets", {}).get("application/vnd.jupyter.widget-state+json", {})
        models = {widget["model_name"] for widget in widgets.get("state", {}).values()}
        assert "OutputModel" not in models  # with one, nbclient may wait for ever
    written = [p for folder in ("executed", "figures") for p in (tmp_path / folder).iterdir() if p.suffix != ".png"]
    assert not [p.name for p in written if str(tmp_path) in p.read_text()]
    parts = sorted(p.name for p in (tmp_path / "runs").iterdir())
    shutil.rmtree(tmp_path / "figures")
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    assert sorted(p.name for p in (tmp_path / "runs").iterdir()) == parts
    assert {p.name: p.read_bytes() for p in (tmp_path / "figures").glob("*.csv")} == tables


def test_a_failing_notebook_leaves_no_finished_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    notebook = write(tmp_path / "n.ipynb", ("n = 1", ["parameters"]), ("1 / (n - 1)", []))
    with pytest.raises(CompanionError, match=r"n\.ipynb failed: ZeroDivisionError.*as far as it came"):
        run_notebooks([notebook], tmp_path / "executed", {})
    assert not (tmp_path / "executed" / "n.ipynb").exists()
    assert (tmp_path / "executed" / "failed" / "n.ipynb").exists()
    run_notebooks([notebook], tmp_path / "executed", {"n": 2})
    assert [p.name for p in (tmp_path / "executed").iterdir()] == ["n.ipynb"]


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


def test_rows_are_left_by_the_first_notebook_that_evaluates_a_whole_benchmark(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    few = write(tmp_path / "00.ipynb", ("model = 0\nitem = 1", ["parameters"]), ("open('rows')", []))
    most = write(tmp_path / "01.ipynb", ("model = 0\nn_items = 1", ["parameters"]), ("open('rows', 'w').write('')", []))
    done = run_notebooks([few, most], tmp_path / "executed", {})
    assert [path.name for path in done] == ["00.ipynb", "01.ipynb"]


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
    gallery = Gallery(tmp_path / "figures", "n", {"model": given}, {"model": given}, code={})
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
