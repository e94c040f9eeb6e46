"""The site of the executed notebooks, for Sphinx: `make site` builds it into runs/site/html and checks it.

The project's folder is the source, so that a link between README, docs and notebooks leads to the same place here as on
GitHub. Nothing is run, and no page loads anything from elsewhere: formulas become MathML, and a widget is left out,
since it needs a kernel.
"""

import hashlib
import json
from base64 import b64decode
from pathlib import Path

from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.util.osutil import relative_uri

project = "companion"
extensions = ["myst_nb"]
root_doc = "README"
include_patterns = ["README.md", "FINDINGS.md", "docs/*.md", "executed/*.ipynb", "checkpoints/*/README.md"]
exclude_patterns = [".*", "data", "runs", "reports", "src", "tests"]  # not searched for pages

nb_execution_mode = "off"
nb_ipywidgets_js: dict = {}
nb_render_markdown_format = "myst"  # tables and links in what a cell writes, as in the cells of text
myst_enable_extensions = ["dollarmath"]
myst_dmath_allow_digits = False  # "$5" is money
myst_dmath_allow_space = False
myst_heading_anchors = 4
smartquotes = False

html_theme = "sphinx_book_theme"
html_title = "companion"
html_theme_options = {
    "use_download_button": False,
    "use_fullscreen_button": False,
    "show_toc_level": 2,
    "navbar_persistent": [],
}
html_sidebars = {
    "**": ["navbar-logo.html", "icon-links.html", "search-button-field.html", "try-it.html", "sbt-sidebar-nav.html"]
}
templates_path = ["templates"]
html_copy_source = False
html_show_search_summary = False  # would read pages from the disk, which a browser forbids
html_show_copyright = False
html_math_renderer = "mathml"


def add_contents(app: Sphinx, page: str, source: list[str]) -> None:
    """The README is the first page; the table of contents, which GitHub does not need, is added to it here."""
    pages = sorted(app.env.found_docs - {root_doc})
    parts = {
        "Notebooks": [name for name in pages if name.startswith("executed/")],
        "Findings and documents": [name for name in pages if name.startswith("docs/") or "/" not in name],
        "Model cards": [name for name in pages if name.startswith("checkpoints/")],
    }
    if page == root_doc:
        for caption, names in parts.items():
            lines = ["", "```{toctree}", ":hidden:", f":caption: {caption}", "", *names, "```", ""]
            source[0] += "\n".join(lines)


def describe_images(app: Sphinx, doctree: nodes.document) -> None:
    """Give each picture of a notebook the alt text of its output, which myst-nb does not read.

    Pictures are known by the hash of their bytes, after which myst-nb names their files.
    """
    path = Path(app.env.doc2path(app.env.docname))
    if path.suffix != ".ipynb":
        return
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    outputs = [out for cell in cells for out in cell.get("outputs", []) if "image/png" in out.get("data", {})]
    told = {
        hashlib.sha256(b64decode("".join(out["data"]["image/png"]))).hexdigest(): out["metadata"] for out in outputs
    }
    for image in doctree.findall(nodes.image):
        about = told.get(Path(image["uri"]).stem, {}).get("image/png", {})
        if "alt" in about:
            image["alt"] = about["alt"]


def follow_links(app: Sphinx, doctree: nodes.document) -> None:
    """Links that lead to something on GitHub and to no page here; what is not there at all stays, and is an error.

    A folder, which GitHub lists, becomes a mere name; a notebook's source, the page of the executed one; any other file
    is copied.
    """
    for link in list(doctree.findall(addnodes.pending_xref)):
        target = link["reftarget"]
        if link.get("refdomain") != "doc":
            if (Path(app.env.doc2path(app.env.docname)).parent / target).is_dir():
                link.replace_self(link.children)
        elif target not in app.env.found_docs:
            executed = target.replace("notebooks/", "executed/")
            if executed in app.env.found_docs:
                link["reftarget"] = executed
            else:
                found = next(Path(app.srcdir).glob(f"{target}.*"))
                link.replace_self(
                    addnodes.download_reference("", "", *link.children, reftarget=f"/{target}{found.suffix}")
                )


def show_files(app: Sphinx, doctree: nodes.document, page: str) -> None:
    """A link to a file that is no page opens it, where Sphinx would have it saved."""
    for link in list(doctree.findall(addnodes.download_reference)):
        if "filename" in link:
            target = relative_uri(app.builder.get_target_uri(page), f"_downloads/{link['filename']}")
            link.replace_self(nodes.reference("", "", *link.children, refuri=target, internal=True))


def lead_frames(app: Sphinx, doctree: nodes.document) -> None:
    """A notebook frames the page *Try it* where `make try` writes it; here it stands where `make site` does."""
    for raw in list(doctree.findall(nodes.raw)):
        if "/runs/try/one-file.html" in raw.astext():
            text = raw.astext().replace("/runs/try/one-file.html", "/try/index.html")
            raw.replace_self(nodes.raw("", text, **raw.attributes))


def write_index(app: Sphinx, error: Exception | None) -> None:
    page = '<!doctype html><meta charset="utf-8"><title>companion</title>'
    page += f'<meta http-equiv="refresh" content="0; url={root_doc}.html"><a href="{root_doc}.html">companion</a>\n'
    if not error:
        (Path(app.outdir) / "index.html").write_text(page, encoding="utf-8")


def offer_to_try(app: Sphinx, page: str, template: str, context: dict, doctree: nodes.document | None) -> None:
    """Whether the page *Try it* will stand beside the others, which `docs/site/try/make.py` makes after them."""
    context["can_be_tried"] = (Path(app.srcdir) / "docs" / "site" / "try").is_dir()


def visit_math(writer: nodes.NodeVisitor, node: nodes.math) -> None:
    writer.body.append(tex2mathml(node.astext()))
    raise nodes.SkipNode


def visit_math_block(writer: nodes.NodeVisitor, node: nodes.math_block) -> None:
    writer.body.append(tex2mathml(node.astext(), as_block=True))
    raise nodes.SkipNode


def setup(app: Sphinx) -> None:
    app.connect("source-read", add_contents)
    app.connect("doctree-read", describe_images)
    app.connect("doctree-read", follow_links, priority=400)  # before Sphinx looks for files to copy
    app.connect("doctree-read", lead_frames)
    app.connect("doctree-resolved", show_files)
    app.connect("html-page-context", offer_to_try)
    app.connect("build-finished", write_index)
    app.add_html_math_renderer("mathml", (visit_math, None), (visit_math_block, None))
