"""From what `make figures` made something, and whether it has to be made again."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest

from companion.teaching.run_notebooks import run_notebooks
from companion.teaching.stamps import current, digest, write_stamp

pytestmark = pytest.mark.slow

WITH = {"parameters": {"n": 1}}

READS = """
import json
from pathlib import Path
from pyarrow.parquet import read_table

rows = sorted(Path("results/rows").glob("*.parquet"))  # read natively: no open is seen
number = read_table(rows[0])["a"][0].as_py() + json.loads(Path("results/study/run.json").read_text())
Path("results/study/never").exists()  # asked unseen
[path.name for path in Path("texts").iterdir()]
from companion.measures import UNPARSABLE
"""

WRITES = """
Path("figures").mkdir(exist_ok=True)
Path("figures/a.csv").write_text(str(number))
Path("figures/.b.part").write_text("b")
Path("figures/.b.part").rename("figures/b.csv")
assert Path("figures/b.csv").read_text() == "b"
Path("runs/1.parquet").write_text("a row under its hash")
"""


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project with data of all kinds, in which a script was traced; its stamp is runs/made/a.json."""
    monkeypatch.chdir(tmp_path)
    import pandas as pd

    for folder in ("results/rows", "results/study", "results/other", "texts", "runs/made"):
        Path(folder).mkdir(parents=True)
    pd.DataFrame({"a": [1]}).to_parquet("results/rows/a.parquet")
    Path("results/study/run.json").write_text("1")
    Path("results/other/run.json").write_text("1")
    Path("texts/one.txt").write_text("1")
    trace("runs/made/a.json")
    return tmp_path


def trace(stamp, script=READS + WRITES):
    record = Path("runs/record")
    code = f"from companion.teaching.stamps import trace\ntrace({str(record)!r})\n{script}"
    subprocess.run([sys.executable, "-c", code], check=True)
    write_stamp(Path(stamp), WITH, record)
    record.unlink()


def is_current(parameters=WITH):
    return current(Path("runs/made/a.json"), parameters)


def write(path, text):
    return lambda: Path(path).write_text(text)


CHANGES = {
    "nothing": (lambda: None, True),
    "touch": (lambda: os.utime("results/study/run.json", (1, 1)), True),
    "the same again": (write("results/study/run.json", "1"), True),
    "a record": (write("results/study/run.json", "2"), False),
    "rows read natively": (write("results/rows/a.parquet", "2"), False),
    "a file beside them": (write("results/rows/b.parquet", "2"), False),
    "a file that was asked for": (write("results/study/never", ""), False),
    "a record that is not read": (write("results/other/run.json", "2"), True),
    "a name in a folder that was listed": (write("texts/two.txt", ""), False),
    "a text whose name alone was read": (write("texts/one.txt", "2"), True),
    "a row": (write("runs/2.parquet", ""), True),
    "what was made, gone": (lambda: Path("figures/b.csv").unlink(), False),
    "what was made, by hand": (write("figures/a.csv", "3"), False),
    "what others made": (write("figures/c.csv", "3"), True),
    "the stamp, half": (write("runs/made/a.json", '{"read": {'), False),
    "the stamp, gone": (lambda: Path("runs/made/a.json").unlink(), False),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_makes_it_run_again(project, change):
    assert is_current()
    assert not is_current({"parameters": {"n": 2}})
    happens, stays = CHANGES[change]
    happens()
    assert is_current() == stays


def test_the_modules_that_were_imported_count_and_no_others(project):
    read = json.loads(Path("runs/made/a.json").read_text())["read"]
    modules = {Path(path).stem for path in read if path.endswith(".py")}
    assert {"__init__", "stamps", "locks", "errors", "measures"} == modules


def test_what_a_module_says_counts(project):
    stamp = Path("runs/made/a.json")
    told = json.loads(stamp.read_text())
    (module,) = (path for path in told["read"] if path.endswith("measures.py"))
    assert told["read"][module] == digest(module)
    stamp.write_text(json.dumps(told | {"read": told["read"] | {module: digest("texts/one.txt")}}))
    assert not is_current()


def test_a_run_that_could_not_be_traced_leaves_no_stamp(project):
    Path("runs/record").write_text("")
    write_stamp(Path("runs/made/b.json"), WITH, Path("runs/record"))
    assert not Path("runs/made/b.json").exists()


def test_entries_of_other_notebooks_in_the_manifest_do_not_count(project):
    manifest = Path("figures/manifest.json")
    manifest.write_text(json.dumps({"one": {"notebook": "a", "n": 1}, "two": {"notebook": "b", "n": 1}}))
    trace("runs/made/a.json", "open('figures/manifest.json', 'a').close()\nopen('texts/one.txt')")
    assert is_current()
    for entries, stays in (
        ({"two": {"notebook": "b", "n": 2}, "one": {"notebook": "a", "n": 1}}, True),
        ({"one": {"notebook": "a", "n": 2}}, False),
        ({}, False),
    ):
        manifest.write_text(json.dumps(entries))
        assert is_current() == stays


LANGUAGE = {"language_info": {"name": "python"}}


def notebook(name, *sources):
    Path("notebooks").mkdir(exist_ok=True)
    cells = [nbformat.v4.new_code_cell(source, id=f"{name}-{k}") for k, source in enumerate(sources)]
    cells[0].metadata["tags"] = ["parameters"]
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=LANGUAGE), f"notebooks/{name}.ipynb")
    return Path(f"notebooks/{name}.ipynb")


READER = "from pathlib import Path\nnumber = int(Path('results/{}/run.json').read_text())\nnumber"
WRITER = (
    "Path('figures').mkdir(exist_ok=True)\nPath('figures/{}.csv').write_text(str(n + number))\n"
    "for k in range(3):\n    Path(f'figures/{}-{{k}}.csv').write_text('x' * 100_000)"
)


@pytest.fixture
def two(project):
    shutil.rmtree("figures")
    made = ("study", "other")
    return [notebook(name, "n = 1", READER.format(name), WRITER.format(name, name)) for name in made]


def ran(capsys, notebooks, **parameters):
    capsys.readouterr()
    run_notebooks(notebooks, Path("executed"), parameters, Path("runs/made"))
    said = capsys.readouterr().out.splitlines()
    return sorted(line.removesuffix(".ipynb") for line in said if line.endswith(".ipynb"))


def test_notebooks_run_where_something_changed_and_only_there(two, capsys):
    assert ran(capsys, two) == ["other", "study"]
    before = everything()
    assert ran(capsys, two) == []
    Path("results/study/run.json").write_text("5")
    assert ran(capsys, two) == ["study"]
    assert Path("figures/study.csv").read_text() == "6"
    Path("results/study/run.json").write_text("1")
    text = two[1].read_text()
    two[1].write_text(text.replace("n = 1", "n = 2"))
    assert ran(capsys, two) == ["other", "study"]
    assert Path("figures/other.csv").read_text() == "3"
    two[1].write_text(text)
    assert ran(capsys, two) == ["other"]
    assert ran(capsys, two, n=2) == ["other", "study"]
    assert ran(capsys, two) == ["other", "study"]
    assert everything() == before


def everything():
    return {
        path: Path(path).read_bytes()
        for folder in ("figures", "executed")
        for path in sorted(map(str, Path(folder).rglob("*")))
        if Path(path).is_file()
    }


def test_a_run_that_was_killed_goes_on(two, capsys):
    code = (
        "from pathlib import Path\nfrom companion.teaching.run_notebooks import run_notebooks\n"
        "run_notebooks(sorted(Path('notebooks').glob('*')), Path('executed'), {}, Path('runs/made'))"
    )
    for seconds in (1.0, 2.5, 4.0):
        killed = subprocess.Popen([sys.executable, "-c", code], start_new_session=True, stdout=subprocess.DEVNULL)
        time.sleep(seconds)
        os.killpg(killed.pid, signal.SIGKILL)
        killed.wait()
    ran(capsys, two)
    went_on = everything()
    for folder in ("figures", "executed", "runs/made"):
        shutil.rmtree(folder)
    Path("runs/made").mkdir()
    assert ran(capsys, two) == ["other", "study"]
    assert went_on == everything()
