"""A deck of slides of each executed notebook: `python docs/slides/make.py executed runs/slides`, run by `make slides`.

nbconvert makes the pages. What stands on a slide follows a rule, so that a notebook needs no marks for it:

* A heading begins a slide; below the second level, one beneath it. Exercises and the cell of parameters are left out.
* On the slide stand headings, tables, lists, quotations, formulas, code that the text shows, what is bold as a whole,
  and paragraphs that ask something. Every other paragraph goes into the speaker's notes.
* Of a cell of code only what it put out is shown: a picture, a table, a printed text. What comes after the first of
  these has a slide of its own. Widgets, which need a kernel, and frames, which show another page, are left out.

Nothing is loaded from another site: reveal.js is copied beside the decks (from the package sphinx-revealjs, extra
`slides`), formulas become MathML, links to other notebooks lead to their decks, and other links within the project are
mere words.
"""

import html
import re
import shutil
import sys
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import nbformat
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from nbconvert.exporters import SlidesExporter
from nbformat import NotebookNode

from companion.errors import CompanionError

HERE = Path(__file__).parent

REVEAL = (
    "dist/reveal.js",
    "dist/reveal.css",
    "dist/theme/white.css",
    "dist/theme/fonts/source-sans-pro",
    "plugin/notes",
)
"""What a deck needs of reveal.js."""

LEFT_OUT = ("parameters", "exercise")
"""Tags of cells that are on no slide."""

KEPT = re.compile(r"#|\||[*-] |\d+\. |>|```|\$\$|!\[|<")
"""How a block begins that stands on the slide. All others are paragraphs."""

FORMULA = re.compile(r"\$\$(?P<block>.+?)\$\$|(?<![\w\\$])\$(?=\S)(?P<inline>[^$\n]+?)(?<=\S)\$(?![\w$])", re.DOTALL)
"""Dollars around a formula; "$5" is money."""

PICTURE = re.compile(r"!\[(?P<alt>[^\]]*)\]\((?P<file>[^)\s:]+\.png)\)")

LINK = re.compile(r"(?<!!)\[(?P<words>[^\]]+)\]\((?P<target>[^)\s]+)\)")

KERNEL = "application/vnd.jupyter.widget-view+json"


def blocks(text: str) -> list[str]:
    """The blocks of a text, parted by empty lines; code between fences and what is between HTML tags stays whole."""
    found: list[str] = []
    for part in re.split(r"(^```.*?^```\s*$|^<details>.*?</details>)", text, flags=re.MULTILINE | re.DOTALL):
        whole = part.startswith(("```", "<details>"))
        found += [part.rstrip()] if whole else [block.strip("\n") for block in re.split(r"\n\s*\n", part)]
    return [block for block in found if block.strip()]


def on_slide(block: str) -> bool:
    """Whether a block of text stands on the slide, and not in the speaker's notes."""
    words = block.strip()
    return bool(KEPT.match(words) or "?" in words or re.fullmatch(r"\*\*.*\*\*", words, re.DOTALL))


def slide(text: str, kind: str = "-") -> NotebookNode:
    """A cell of a deck. kind: slide, subslide (beneath the one before), notes, or "-" (goes on)."""
    return nbformat.v4.new_markdown_cell(text, metadata={"slideshow": {"slide_type": kind}})


def of_text(text: str) -> Iterator[NotebookNode]:
    """The slides of a cell of text."""
    shown: list[str] = []
    told: list[str] = []
    kind = "-"

    def done() -> Iterator[NotebookNode]:
        if shown:
            yield slide("\n\n".join(shown), kind)
        if told:
            yield slide("\n\n".join(told), "notes")

    for block in blocks(text):
        if heading := re.match(r"(#+) ", block):
            yield from done()
            shown, told, kind = [], [], "slide" if len(heading[1]) <= 2 else "subslide"
        (shown if on_slide(block) else told).append(block)
    yield from done()


def picture(alt: str, png: str) -> str:
    """png: in base64."""
    return f'<img alt="{html.escape(alt)}" src="data:image/png;base64,{"".join(png.split())}">'


def with_pictures(text: str, folder: Path) -> str:
    """With the pictures that a text refers to in it. folder: from which it does."""

    def changed(match: re.Match[str]) -> str:
        return picture(match["alt"], b64encode((folder / match["file"]).read_bytes()).decode())

    return PICTURE.sub(changed, text)


def of_output(output: NotebookNode) -> str:
    """What an output shows, as Markdown or HTML; "" where that is nothing, or needs a kernel or another page."""
    data = output.get("data", {})
    if KERNEL in data or output.get("name") == "stderr":
        return ""
    if "image/png" in data:
        alt = output.metadata.get("image/png", {}).get("alt", "A figure of this notebook")
        return picture(alt, data["image/png"])
    if "text/markdown" in data:
        return str(data["text/markdown"])
    if "text/html" in data:
        return "" if "<iframe" in data["text/html"] else str(data["text/html"])
    text = output.get("text") or data.get("text/plain", "")
    return f"<pre>{html.escape(text)}</pre>" if text.strip() else ""


def linked(text: str, decks: set[str]) -> str:
    """With links that lead somewhere from a deck. decks: stems of the notebooks that have one."""

    def changed(match: re.Match[str]) -> str:
        target, _, place = match["target"].partition("#")
        if target.startswith(("http://", "https://")):
            return match[0]
        path = Path(target)
        return f"[{match['words']}]({path.stem}.html)" if path.stem in decks and not place else match["words"]

    return LINK.sub(changed, text)


def with_formulas(text: str) -> str:
    """With each formula as MathML, but for what is code. Raises CompanionError for one that docutils cannot turn."""

    def changed(match: re.Match[str]) -> str:
        formula = (match["block"] or match["inline"]).strip()
        try:
            return " ".join(tex2mathml(formula, as_block=bool(match["block"])).split())
        except MathError as error:
            raise CompanionError(f"the formula {formula!r} cannot be MathML ({error}); write it another way") from error

    parts = re.split(r"(^```.*?^```\s*$|`[^`\n]+`|<pre>.*?</pre>|<img[^>]*>)", text, flags=re.MULTILINE | re.DOTALL)
    return "".join(part if number % 2 else FORMULA.sub(changed, part) for number, part in enumerate(parts))


def deck(notebook: NotebookNode, decks: set[str], folder: Path) -> NotebookNode:
    """The deck of an executed notebook, as a notebook of cells of text that say on which slide they stand.

    decks: stems of the notebooks that have one. folder: of the notebook.
    """
    cells: list[NotebookNode] = []
    filled = False  # whether the last slide holds more than its headings
    for cell in notebook.cells:
        if set(cell.metadata.get("tags", [])) & set(LEFT_OUT):
            continue
        if cell.cell_type == "markdown":
            for one in of_text(cell.source):
                kind = one.metadata.slideshow.slide_type
                if kind in ("slide", "subslide"):
                    filled = any(not block.startswith("#") for block in blocks(one.source))
                elif kind == "-":  # text that goes on after an output, and has no heading
                    one.metadata.slideshow.slide_type = "subslide"
                    filled = True
                cells.append(one)
        else:
            for output in cell.outputs:
                if shown := of_output(output):
                    cells.append(slide(shown, "subslide" if filled else "-"))
                    filled = True
    for one in cells:
        one.source = with_formulas(linked(with_pictures(one.source, folder), decks))
    return nbformat.v4.new_notebook(
        cells=cells, metadata={"title": notebook.cells[0].source.splitlines()[0].strip("# ")}
    )


def write(executed: Path, out: Path, reveal: Path) -> list[Path]:
    """Write a deck of each notebook of a folder, and reveal.js beside them. reveal: the folder with its dist/."""
    paths = sorted(executed.glob("[0-9]*.ipynb"))
    exporter = SlidesExporter(
        template_name="offline",
        extra_template_basedirs=[str(HERE)],
        reveal_url_prefix="reveal.js",
        reveal_theme="white",
        exclude_anchor_links=True,
    )
    for part in REVEAL:
        for file in (file for file in sorted((reveal / part).rglob("*")) or [reveal / part] if file.is_file()):
            copy = out / "reveal.js" / file.relative_to(reveal)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, copy)
    decks, written = {path.stem for path in paths}, []
    for path in paths:
        page, _ = exporter.from_notebook_node(deck(nbformat.read(path, as_version=4), decks, executed))
        written.append(out / f"{path.stem}.html")
        written[-1].write_text(page, encoding="utf-8")
    return written


if __name__ == "__main__":
    import sphinx_revealjs

    folder = Path(sphinx_revealjs.__file__).parent / "_static" / "revealjs"
    print("\n".join(str(path) for path in write(Path(sys.argv[1]), Path(sys.argv[2]), folder)))
