"""The glossary: each term stands on the page that it names, in a word that the glossary gives for it."""

import re

import nbformat
import pytest

from companion.study.protocol import PROTOCOL
from companion.training.recipes import GRPO


def entries(root):
    """(term, its other words, link) of each line that has a link."""
    for line in (root / "docs" / "glossary.md").read_text().splitlines():
        cells = [cell.strip() for cell in line.split("|")[1:-1]]
        if len(cells) == 3 and "](" in cells[2]:
            term, _, others = cells[0].partition(" (")
            if not others.endswith(")"):
                term, others = cells[0], ""
            yield term, re.findall(r"[`*]([^`*]+)[`*]", others), re.search(r"\]\((.+)\)", cells[2])[1]


def text_of(page):
    """What is written on a page, or in all cells of a notebook, in one line of small letters."""
    if page.suffix == ".ipynb":
        return " ".join(" ".join(cell.source for cell in nbformat.read(page, 4).cells).lower().split())
    return " ".join(page.read_text().lower().split())


def missing(root, term, others, link):
    """The parts of a term that are not on its page, where none of its other words are either. A comma parts terms."""
    text = text_of(root / "docs" / link)
    return [
        part for part in term.lower().split(", ") if part not in text and not any(o.lower() in text for o in others)
    ]


def test_each_term_is_met_where_it_says(root):
    found = list(entries(root))
    assert len(found) > 50
    assert len({term for term, _, _ in found}) == len(found)
    assert [(term, link, gone) for term, others, link in found if (gone := missing(root, term, others, link))] == []


@pytest.mark.parametrize(
    ("term", "others", "gone"),
    [("microworld", [], []), ("macroworld", [], ["macroworld"]), ("macroworld", ["Microworld"], [])],
)
def test_a_term_that_is_not_there_is_found(root, term, others, gone):
    assert missing(root, term, others, "../executed/01_perturbation_drops.ipynb") == gone


def test_every_notebook_begins_with_a_link_to_it(root):
    """One that holds from notebooks/ and from executed/."""
    for path in root.glob("notebooks/*.ipynb"):
        assert "](../docs/glossary.md)" in nbformat.read(path, 4).cells[0].source, path.name


def test_no_model_is_called_clean(root):
    """Two were: `base`, and `misread-0`. The protocol, which stays as it was, has an amendment on it."""
    texts = [text_of(path) for path in (root / "README.md", root / "FINDINGS.md", *root.glob("notebooks/*.ipynb"))]
    assert not [text for text in texts if re.search(r"\bclean\b", text)]


def test_each_term_has_one_sentence(root):
    for line in (root / "docs" / "glossary.md").read_text().splitlines():
        cells = [cell.strip() for cell in line.split("|")[1:-1]]
        if len(cells) == 3 and "](" in cells[2]:
            assert re.fullmatch(r"[^.]*(?:\d\.\d[^.]*)*[.?]", cells[1]), cells[1]
            assert len(cells[1].split()) <= 25, cells[1]


def test_every_recipe_is_in_the_table(root):
    page = (root / "docs" / "glossary.md").read_text()
    listed = set(re.findall(r"^\| `(rl-[a-z-]+)` \| ", page, re.MULTILINE))
    assert listed == set(GRPO)
    endings = tuple(re.findall(r"…`(-[a-z0-9-]+)`", page))
    planned = {runs.recipe.name for runs in PROTOCOL.planned}
    assert all(name in listed or name.endswith(endings) for name in planned)
