"""The whole way at the paper's scale, in small: eight benchmarks in their real schemas, models of the paper's classes.

Evaluate, judge, claims, compare and the report of notebook 08, each as a user calls it. The models are tiny and random
but for the habit of answering; Qwen2.5-VL and InternVL come with their real processors, which need torchvision (see
tiny_models.py), and Idefics3, which does not, goes the same way everywhere.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pandas as pd
import pytest
import real_schemas
import tiny_models

from companion.evaluation.store import VERDICTS, Store
from companion.perturbations.perturbation import PERTURBATIONS
from companion.training.gpu_hours import PAPERS_BENCHMARKS

pytestmark = pytest.mark.slow

ITEMS = 3
TESTS = Path(__file__).parent


@pytest.fixture(scope="module")
def study(root, tmp_path_factory):
    """A folder with the notebooks and figures, the eight benchmarks, and a place for models."""
    folder = tmp_path_factory.mktemp("study")
    for part in ("notebooks", "figures"):
        shutil.copytree(root / part, folder / part)
    shutil.copy(root / "requirements.lock", folder)
    for name in PAPERS_BENCHMARKS:
        real_schemas.write(name, folder / "data" / name)
    (folder / "sitecustomize.py").write_text(
        f"import sys\nsys.path.append({str(TESTS)!r})\nimport tiny_models\ntiny_models.declare_torchvision()\n"
    )
    return folder


def companion(study, *arguments):
    """Run a command in a process of its own, as its users do."""
    path = os.pathsep.join([str(study), *os.environ.get("PYTHONPATH", "").split(os.pathsep)])
    done = subprocess.run(
        [sys.executable, "-m", "companion", *map(str, arguments)],
        cwd=study,
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": path, "HF_HUB_OFFLINE": "1"},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


@pytest.mark.slow(80)
@pytest.mark.parametrize(
    ("kind", "name", "quoted"),
    [("qwen", "Qwen2.5-VL-7B-Instruct", "55.25"), ("internvl", "InternVL3-8B-hf", None), ("idefics", "mine", None)],
)
def test_from_evaluation_to_report(study, kind, name, quoted, request):
    model = study / "models" / name
    shutil.copytree(request.getfixturevalue(kind), model)
    tiny_models.teach_to_answer(model)
    every = ",".join(PAPERS_BENCHMARKS)

    said = companion(study, "evaluate", "--model", f"models/{name}", "--benchmark", every, "--limit", ITEMS)
    assert all(f"{name} on {benchmark}" in said for benchmark in PAPERS_BENCHMARKS)
    rows = pd.DataFrame(Store(study / "runs").read().values())
    rows = rows[rows["model"] == name]
    assert set(rows["benchmark"]) == set(PAPERS_BENCHMARKS)
    assert rows.groupby(["benchmark", "question"])["perturbation"].nunique().eq(len(PERTURBATIONS)).all()
    assert rows["answer"].notna().mean() > 0.9

    companion(study, "judge", "runs")
    assert len(Store(study / "runs" / "verdicts", VERDICTS).read()) >= len(rows)
    tests = study / f"{name}.csv"
    companion(study, "claims", "runs", "--csv", tests)
    assert {"F1", "F2", "F3", "F12", "F13"} <= set(pd.read_csv(tests)["finding"])
    board = companion(study, "compare", "runs")
    assert board.count(name) >= len(PAPERS_BENCHMARKS)
    assert not quoted or quoted in board

    before = len(Store(study / "runs").read())
    companion(
        study, "figures", "--out", f"reports/{name}", f"MODEL=models/{name}", f"BENCHMARK={every}", f"N_ITEMS={ITEMS}"
    )
    assert len(Store(study / "runs").read()) == before  # the notebook asked the model nothing again
    report = study / "reports" / name
    notebook = nbformat.read(report / "08_your_model.ipynb", as_version=4)
    assert all(cell.execution_count for cell in notebook.cells if cell.cell_type == "code")
    manifest = json.loads((report / "figures" / "manifest.json").read_text())
    assert {"your_model_accuracy", "your_model_drops", "your_model_confidence", "your_model_shrinking"} <= set(manifest)
    assert all((report / "figures" / f"{figure}.csv").stat().st_size for figure in manifest)
    page = (report / "FINDINGS.md").read_text()
    assert f"*Your run* is `{name}`" in page
    assert all(f"| {benchmark} | wrong-caption: change of accuracy |" in page for benchmark in PAPERS_BENCHMARKS)
    assert "](../../figures/gap.png)" in page
    board = pd.read_csv(report / "figures" / "your_model.csv")
    assert set(board["benchmark"]) == set(PAPERS_BENCHMARKS)
