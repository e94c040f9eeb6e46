"""The site: its checker on pages with faults, and, where the extra `site` is installed, a build of the whole."""

import base64
import importlib
import io
import re
import subprocess
import sys
from importlib.util import find_spec

import nbformat
import pytest
from PIL import Image

from companion.analysis.findings import FINDINGS
from companion.study.planned_tests import HYPOTHESES
from companion.teaching.pages.findings_data import load

pytestmark = pytest.mark.slow
needs_sphinx = pytest.mark.skipif(find_spec("myst_nb") is None, reason="the extra site is not installed")


def check(root, site):
    done = subprocess.run(
        [sys.executable, root / "docs" / "site" / "check.py", site], capture_output=True, text=True, check=False
    )
    assert done.returncode in (0, 1), done.stderr
    return done.stdout.splitlines() if done.returncode else []


def build(root, source, out):
    """Returns what sphinx-build said, or "" where it passed."""
    options = ["-W", "--keep-going", "-q", "-c", root / "docs" / "site", "-d", out / "doctrees"]
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", *options, source, out / "html"], capture_output=True, text=True, check=False
    )
    return done.stderr if done.returncode else ""


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ('<a href="other.html#there">x</a><a href="#">x</a><a href="https://example.org">x</a>', None),
        ('<img src="a.png" alt="a dot"><a href="a.png">x</a>', None),
        ('<img src="data:image/png;base64,AA" alt="a dot">', None),
        ('<a href="gone.html">x</a>', "page.html: leads nowhere, gone.html"),
        ('<a href="../outside.html">x</a>', "page.html: leads nowhere, ../outside.html"),
        ('<a href="other.html#gone">x</a>', "page.html: no such place, other.html#gone"),
        ('<a href="#gone">x</a>', "page.html: no such place, #gone"),
        ('<img src="gone.png" alt="a dot">', "page.html: leads nowhere, gone.png"),
        ('<img src="a.png">', "page.html: a picture without alt text, a.png"),
        ('<img src="a.png" alt=" ">', "page.html: a picture without alt text, a.png"),
        ('<img src="a.png" alt="a.png">', "page.html: a picture without alt text, a.png"),
        ('<script src="https://cdn.example/x.js"></script>', "page.html: loads https://cdn.example/x.js"),
        ('<script src="//cdn.example/x.js"></script>', "page.html: loads //cdn.example/x.js"),
        ('<link rel="stylesheet" href="https://cdn.example/x.css">', "page.html: loads https://cdn.example/x.css"),
        ('<iframe src="https://example.org"></iframe>', "page.html: loads https://example.org"),
        ('<link rel="stylesheet" href="bad.css">', "bad.css: loads https://cdn.example/font.woff2"),
    ],
)
def test_the_checker_finds_what_is_wrong(root, tmp_path, body, said):
    site = tmp_path / "site"
    site.mkdir()
    (tmp_path / "outside.html").write_text("<p>outside</p>")
    (site / "other.html").write_text('<h1 id="there">there</h1>')
    (site / "a.png").write_bytes(b"x")
    if "bad.css" in body:
        (site / "bad.css").write_text('a {src: url("https://cdn.example/font.woff2")} b {src: url("data:x,//y")}')
    (site / "page.html").write_text(f"<html><body>{body}</body></html>")
    assert check(root, site) == ([said] if said else [])


def test_the_checker_wants_pages(root, tmp_path):
    assert check(root, tmp_path) == [f"{tmp_path} holds no page"]


@pytest.fixture
def project(tmp_path):
    """A project in small: a README that links to a notebook, its source, a file and a folder."""
    folder = tmp_path / "project"
    for name in ("executed", "notebooks", "figures", "docs"):
        (folder / name).mkdir(parents=True)
    (folder / "figures" / "a.csv").write_text("a\n1\n")
    (folder / "README.md").write_text(
        "# Project\n\n[page](executed/01_a.ipynb#part-two), [source](notebooks/01_a.ipynb), "
        "[table](figures/a.csv), [folder](figures). It costs $5, or $2.\n"
    )
    picture = io.BytesIO()
    Image.new("RGB", (2, 2)).save(picture, "png")
    data = {"image/png": base64.b64encode(picture.getvalue()).decode()}
    output = nbformat.v4.new_output("display_data", data, metadata={"image/png": {"alt": "a black dot", "width": 90}})
    text = "<details><summary>open</summary>\n\n| a |\n|---|\n| [itself](01_a.ipynb) |\n\n</details>"
    table = nbformat.v4.new_output("display_data", {"text/markdown": text})
    frame = nbformat.v4.new_output(
        "display_data", {"text/html": '<iframe src="../runs/try/one-file.html" title="Try it"></iframe>'}
    )
    notebook = nbformat.v4.new_notebook(
        metadata={"language_info": {"name": "python", "pygments_lexer": "ipython3"}},
        cells=[
            nbformat.v4.new_markdown_cell("# 1 · A\n\n$H = -\\sum_i p_i \\log p_i$\n\n## Part two"),
            nbformat.v4.new_code_cell("show()", outputs=[output, table, frame], execution_count=1),
        ],
    )
    nbformat.write(notebook, folder / "executed" / "01_a.ipynb")
    nbformat.write(nbformat.v4.new_notebook(), folder / "notebooks" / "01_a.ipynb")
    return folder


@needs_sphinx
def test_links_that_work_on_github_work_in_the_site(root, project, tmp_path):
    assert build(root, project, tmp_path / "out") == ""
    site = tmp_path / "out" / "html"
    (site / "try").mkdir()  # as docs/site/try/make.py makes it after the pages
    (site / "try" / "index.html").write_text("")
    assert check(root, site) == []
    first, page = (site / "README.html").read_text(), (site / "executed" / "01_a.html").read_text()
    assert first.count('href="executed/01_a.html"') >= 2  # the source leads to the executed notebook
    assert "a.csv" in first
    assert 'href="figures"' not in first
    assert "It costs $5, or $2." in first
    assert 'alt="a black dot"' in page
    assert '<iframe src="../try/index.html"' in page
    assert "<math" in page
    assert "<table" in page
    assert "MathJax" not in page


@needs_sphinx
def test_each_dangling_link_fails_the_build(root, project, tmp_path):
    links = [
        "[x](executed/09_gone.ipynb)",
        "[x](figures/gone.csv)",
        "[x](gone_folder/)",
        "[x](#gone-place)",
        "[x](executed/01_a.ipynb#part-three)",
        "![a dot](figures/gone.png)",
    ]
    with (project / "README.md").open("a") as readme:
        readme.write("\n" + "\n\n".join(links) + "\n")
    said = build(root, project, tmp_path / "out")
    for name in ("09_gone", "gone.csv", "gone_folder/", "gone-place", "part-three", "gone.png"):
        assert sum(name in line for line in said.splitlines()) == 1, (name, said)


def test_related_work_leads_to_findings_files_and_measures_that_there_are(root):
    """Its links stand before FINDINGS.md is written again: they are held to what findings and hypotheses there are."""
    page = (root / "docs" / "related-work.md").read_text(encoding="utf-8")
    links = re.findall(r"\]\(((?!https?:)[^)]+)\)", page)
    sections = {name.lower() for name in (*FINDINGS, *HYPOTHESES)}
    named = {target.partition("#")[2] for target in links if target.startswith("../FINDINGS.md")}
    assert named <= sections
    assert {name for name in sections if name.startswith("h")} <= named  # each hypothesis is spoken of
    assert not [target for target in links if not (root / "docs" / target.partition("#")[0]).exists()]
    places = re.findall(r"`(companion\.[\w.]+)\.(\w+)`", page)
    assert len(places) > 10
    for module, name in places:
        assert hasattr(importlib.import_module(module), name), (module, name)
    assert not re.findall(r"\d ?%|\d points", page)  # numbers of findings stand in FINDINGS.md
    verdicts = load(root / "figures").joint
    told = re.findall(r"\[([FH]\d+)\]\(\S+\)\s+\*(\w+)\*", page)
    assert len(told) > 20
    for name, verdict in told:
        assert verdict in set(verdicts[name]), (name, verdict)


@needs_sphinx
def test_the_whole_site(root, tmp_path):
    assert build(root, root, tmp_path) == ""
    page = tmp_path / "html" / "try"
    subprocess.run([sys.executable, root / "docs" / "site" / "try" / "make.py", page, "--items", "9"], check=True)
    assert check(root, tmp_path / "html") == []
    assert 'href="../try/index.html"' in (tmp_path / "html" / "executed" / "00_start_here.html").read_text()
