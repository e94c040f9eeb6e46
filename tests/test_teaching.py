"""The teacher's page: its tables are those of the notebooks, and what it points to is there."""

import re
import shutil

import nbformat
import pytest

from companion.errors import CompanionError
from companion.teaching.exercises import EXERCISES
from companion.teaching.pages import teachers_page
from companion.teaching.run_notebooks import run_notebooks


def notebook(path, minutes=None):
    cells = [
        nbformat.v4.new_markdown_cell("# 1 · Does it see?\n\n" + "word " * 299),
        nbformat.v4.new_code_cell("n = 1", metadata={"tags": ["parameters"]}),
    ]
    metadata = {} if minutes is None else {"papermill": {"minutes": minutes}}
    path.parent.mkdir(exist_ok=True)
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=metadata), path)


@pytest.mark.parametrize(("minutes", "told"), [(None, "not measured"), (0, "under 1"), (3, "3")])
def test_a_notebook_is_measured(tmp_path, minutes, told):
    notebook(tmp_path / "notebooks" / "99_seeing.ipynb")
    notebook(tmp_path / "executed" / "99_seeing.ipynb", minutes)
    line = teachers_page.notebooks(tmp_path / "notebooks", tmp_path / "executed").splitlines()[-1]
    assert line == f"| [99](../executed/99_seeing.ipynb) | Does it see? | 305 | 2 | 0 | 2 | {told} |"


def test_a_notebook_that_never_ran_is_not_measured(tmp_path):
    notebook(tmp_path / "notebooks" / "01_seeing.ipynb")
    own = sum(id.startswith("01.") for id in EXERCISES)
    assert f"| {own} | 2 | not measured |" in teachers_page.notebooks(tmp_path / "notebooks", tmp_path / "executed")


def test_a_run_leaves_its_minutes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    notebook(tmp_path / "notebooks" / "99_seeing.ipynb")
    run_notebooks([tmp_path / "notebooks" / "99_seeing.ipynb"], tmp_path / "executed", {})
    assert teachers_page.notebooks(tmp_path / "notebooks", tmp_path / "executed").endswith("| under 1 |")


def test_the_committed_page_is_what_is_written(root, tmp_path):
    page = tmp_path / "teaching.md"
    shutil.copy(root / "docs" / "teaching.md", page)
    teachers_page.update_teaching(page, root / "notebooks", root / "executed")
    assert page.read_text() == (root / "docs" / "teaching.md").read_text()


def test_a_page_without_its_marks_is_an_error(tmp_path, root):
    (tmp_path / "teaching.md").write_text("# Teaching\n")
    with pytest.raises(CompanionError, match=r"teaching\.md lacks the line '<!-- notebooks"):
        teachers_page.update_teaching(tmp_path / "teaching.md", root / "notebooks", root / "executed")


def test_cells_and_exercises_that_it_names_are_there(root):
    page = (root / "docs" / "teaching.md").read_text()
    paths = {path.stem[:2]: path for path in (root / "notebooks").glob("*.ipynb")}
    cells = {id for path in paths.values() for id in (cell.id for cell in nbformat.read(path, 4).cells)}
    named = {id for id in re.findall(r"\b\d\d-\d\d\b", page) if id[:2] in paths}
    assert len(named) > 20
    assert not named - cells
    exercises = set(re.findall(r"(?<![\d.])0\d\.\d\b", page))
    assert len(exercises) > 10
    assert not exercises - set(EXERCISES)


def test_links_lead_somewhere(root):
    page = (root / "docs" / "teaching.md").read_text()
    for link in re.findall(r"\]\(([^)#]+)\)", page):
        assert link.startswith("http") or (root / "docs" / link).exists(), link
