"""Slides: what of a notebook stands on them, and that a deck opens without a network."""

import importlib.util
import subprocess
import sys

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from companion.errors import CompanionError

pytest.importorskip("docutils", reason="the extra slides is not installed")


@pytest.fixture(scope="module")
def make(root):
    spec = importlib.util.spec_from_file_location("make_slides", root / "docs" / "slides" / "make.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("block", "shown"),
    [
        ("## Predict", True),
        ("| a | b |\n|---|---|", True),
        ("* one\n* two", True),
        ("1. The accuracy.", True),
        ("```bash\nmake\n```", True),
        ("$$A = r$$", True),
        ("> A quotation.", True),
        ("**Only bold.**", True),
        ("Larger or smaller? Why?", True),
        ("Every row is read.", False),
        ("**What is said.** And more.", False),
        ("*Slanted* words.", False),
    ],
)
def test_what_stands_on_a_slide(make, block, shown):
    assert make.on_slide(block) is shown


def test_headings_begin_slides_and_paragraphs_become_notes(make):
    text = "# One\n\nTold.\n\n* kept\n\n### Three\n\nIs it?\n\n```\na\n\nb\n```\n\nTold, too."
    found = [(one.metadata.slideshow.slide_type, one.source) for one in make.of_text(text)]
    assert found == [
        ("slide", "# One\n\n* kept"),
        ("notes", "Told."),
        ("subslide", "### Three\n\nIs it?\n\n```\na\n\nb\n```"),
        ("notes", "Told, too."),
    ]


@pytest.mark.parametrize(
    ("output", "shown"),
    [
        (new_output("stream", name="stdout", text="a < b"), "<pre>a &lt; b</pre>"),
        (new_output("stream", name="stderr", text="100 %"), ""),
        (new_output("display_data", {"text/markdown": "| a |", "text/plain": "…"}), "| a |"),
        (
            new_output("display_data", {"image/png": "AA\nBB"}, metadata={"image/png": {"alt": "a “dot” & more"}}),
            '<img alt="a “dot” &amp; more" src="data:image/png;base64,AABB">',
        ),
        (new_output("display_data", {"text/html": "<b>a</b>", "text/plain": "<HTML>"}), "<b>a</b>"),
        (new_output("display_data", {"text/html": '<details><iframe src="../a.html"></iframe></details>'}), ""),
        (new_output("display_data", {"application/vnd.jupyter.widget-view+json": {}, "text/plain": "Controls"}), ""),
    ],
)
def test_what_an_output_shows(make, output, shown):
    assert make.of_output(output) == shown


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("[a](01_a.ipynb)", "[a](01_a.html)"),
        ("[a](01_a.ipynb#part)", "a"),
        ("[a](../FINDINGS.md)", "a"),
        ("[a](https://example.org)", "[a](https://example.org)"),
        ("![a](b.png)", "![a](b.png)"),
    ],
)
def test_links(make, text, left):
    assert make.linked(text, {"01_a"}) == left


def test_formulas(make):
    for text in ("It costs $5, or $2.", "`$x$` is code", "```\n$x$\n```", "a$x$b"):
        assert make.with_formulas(text) == text
    assert make.with_formulas("so $A_i$ is").count("<math") == 1
    found = make.with_formulas("$$\nA = \\frac{r}{s}\n$$\n\nand $r$")
    assert found.count("<math") == 2
    assert "<mfrac>" in found
    assert "\n\n" not in found.split("</math>")[0]  # where it would end as HTML


def test_a_formula_that_cannot_be_shown_is_one_sentence(make):
    with pytest.raises(
        CompanionError, match=r"the formula 'a \\\\nonsense b' cannot be MathML .*; write it another way"
    ):
        make.with_formulas("so $a \\nonsense b$ is")


@pytest.fixture
def notebook():
    two = [new_output("stream", name="stdout", text="first"), new_output("stream", name="stdout", text="second")]
    return new_notebook(
        cells=[
            new_markdown_cell("# 1 · A\n\n$H$ and [b](02_b.ipynb)?"),
            new_code_cell("n = 1", metadata={"tags": ["parameters"]}, outputs=two),
            new_markdown_cell("## Part"),
            new_code_cell("secret()", outputs=two),
            new_markdown_cell("![a dot](../a.png)"),
            new_markdown_cell("## Exercises", metadata={"tags": ["exercise"]}),
        ]
    )


def test_a_deck(make, notebook, tmp_path):
    (tmp_path / "a.png").write_bytes(b"x")
    (tmp_path / "executed").mkdir()
    found = make.deck(notebook, {"02_b"}, tmp_path / "executed")
    kinds = [(cell.metadata.slideshow.slide_type, cell.source[:14]) for cell in found.cells]
    assert kinds == [
        ("slide", "# 1 · A\n\n<math"),
        ("slide", "## Part"),
        ("-", "<pre>first</pr"),
        ("subslide", "<pre>second</p"),
        ("subslide", '<img alt="a do'),
    ]
    assert "[b](02_b.html)" in found.cells[0].source
    assert found.metadata.title == "1 · A"


@pytest.mark.slow
def test_decks_load_nothing_from_elsewhere(make, root, notebook, tmp_path):
    executed, reveal, out = tmp_path / "executed", tmp_path / "revealjs", tmp_path / "slides"
    executed.mkdir()
    (tmp_path / "a.png").write_bytes(b"x")
    for name in ("01_a", "02_b"):
        nbformat.write(notebook, executed / f"{name}.ipynb")
    for file in (
        "dist/reveal.js",
        "dist/reveal.css",
        "dist/theme/white.css",
        "dist/theme/black.css",
        "plugin/notes/notes.js",
    ):
        (reveal / file).parent.mkdir(parents=True, exist_ok=True)
        (reveal / file).write_text("@import url(https://fonts.example.org/a.css);" if "black" in file else "")
    assert [path.name for path in make.write(executed, out, reveal)] == ["01_a.html", "02_b.html"]
    page = (out / "01_a.html").read_text()
    assert "secret" not in page
    assert page.count("<section") == 6  # two slides, with one and three beneath them
    assert "width: 1080" in page
    done = subprocess.run([sys.executable, root / "docs" / "site" / "check.py", out], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
