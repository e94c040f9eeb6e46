"""The look of all figures: told apart without colour, descriptions that stand alone, alt text everywhere."""

import importlib
import itertools
import json
import re
import shutil
from pathlib import Path

import matplotlib.text
import nbformat
import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from PIL import Image

from companion.analysis import tables
from companion.cli import main
from companion.figures import single_items
from companion.figures.gallery import Gallery, description
from companion.figures.interval_plots import STEPS
from companion.figures.looks import BLIND_SAFE, CHECKPOINTS, RECIPES, STYLES
from companion.figures.theme import set_theme
from companion.perturbations.perturbation import apply
from companion.questions.microworld import questions
from companion.questions.question import LETTERS

LOOKS = {
    "perturbations": STYLES,
    "recipes": {name: look[:2] for name, look in RECIPES.items() if name != "before RL"},
    "checkpoints": {name: look[:2] for name, look in CHECKPOINTS.items()},
}
LOOKALIKES = [{"d", "D"}, {"o", "h"}, {"o", "p"}, {"p", "h"}, {"H", "h"}, {"8", "h"}, {"8", "H"}, {"8", "o"}]
"""Markers that differ in little when they are small."""

SEEN_AS = {
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "grey": [[0.2126, 0.7152, 0.0722]] * 3,
}
"""How linear RGB is seen (Machado, Oliveira and Fernandes 2009, full severity), and how it is printed in grey."""


def linear(color):
    rgb = np.array(to_rgb(color))
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def lab(rgb):
    """CIE L*a*b* of linear RGB (D65)."""
    xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]) @ rgb.clip(0, 1)
    x, y, z = np.cbrt(xyz / [0.9505, 1.0, 1.089])
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def distance(one, other, sight):
    """CIE76 difference of two colours as somebody sees them; 2.3 can just be told."""
    matrix = np.array(SEEN_AS[sight])
    return np.linalg.norm(lab(matrix @ linear(one)) - lab(matrix @ linear(other)))


@pytest.mark.parametrize("looks", LOOKS.values(), ids=LOOKS)
def test_whatever_stands_in_one_figure_is_told_apart_without_colour(looks):
    markers = [marker for _, marker in looks.values()]
    assert len(set(markers)) == len(markers)
    for (one, (color, marker)), (other, (color_2, marker_2)) in itertools.combinations(looks.items(), 2):
        if {marker, marker_2} in LOOKALIKES:
            for sight in SEEN_AS:
                assert distance(color, color_2, sight) > 5, (one, other, sight)


def test_what_an_example_says_stays_within_its_picture():
    row = {
        "prompt": "Here is a description of the picture.",
        "prefill": "<think>" + "word " * 40,
        "response": "word " * 40,
        "correct": True,
        "answer": "A",
        "p_correct": 0.5,
        "rule": "disagree",
        "grounding": "disagree",
    }
    rows = pd.DataFrame([row, row], index=["wrong-caption-disclaimer", "plain"])
    figure = single_items.example(questions("test", 1)[0], rows)
    FigureCanvasAgg(figure).draw()
    assert "P(correct) 0.50" in " ".join(text.get_text() for text in figure.texts)
    assert max(text.get_window_extent().x1 for text in figure.texts) <= figure.bbox.x1


@pytest.mark.parametrize("looks", LOOKS.values(), ids=LOOKS)
def test_every_mark_stands_out_from_white_paper(looks):
    for name, (color, _) in looks.items():
        luminance = linear(color) @ SEEN_AS["grey"][0]
        assert 1.05 / (luminance + 0.05) >= 3, name


ABOUT = (
    "microworld, cv-bench · Qwen/Qwen2.5-VL-7B-Instruct · 300 items each · one checkpoint, one seed, of which so much "
    "has to be said that no figure is wide enough for it"
)
MANIFEST = json.loads((Path(__file__).parent.parent / "figures" / "manifest.json").read_text(encoding="utf-8"))
DRAWN = [name for name, entry in MANIFEST.items() if "about" in entry]


def module(name):
    return importlib.import_module(f"companion.figures.{name}")


def test_every_figure_has_its_module(root):
    pictures = {path.stem for path in (root / "figures").glob("*.png")}
    assert pictures == {path.stem for path in (root / "figures").glob("*.svg")} == set(DRAWN)
    for name in DRAWN:
        assert callable(module(name).table), name
        assert description(module(name)) == MANIFEST[name]["caption"], name


@pytest.mark.slow
def test_a_figure_is_drawn_again_from_its_table_to_the_same_bytes(root, tmp_path):
    for name in ("perturbation_drops", "tradeoff", "judge_accuracy"):
        for ending in ("csv", "png", "svg"):
            shutil.copy(root / "figures" / f"{name}.{ending}", tmp_path)
    shutil.copy(root / "figures" / "manifest.json", tmp_path)
    made = {path.name: path.read_bytes() for path in tmp_path.glob("*.[ps][nv]g")}
    assert main(["figures", "--out", str(tmp_path), "perturbation_drops", "tradeoff", "judge_accuracy"]) == 0
    assert {path.name: path.read_bytes() for path in tmp_path.glob("*.[ps][nv]g")} == made


def test_a_figure_that_is_not_there_is_one_sentence(tmp_path, capsys):
    assert main(["figures", "--out", str(tmp_path), "nonsense"]) == 2
    assert "no figure 'nonsense'" in capsys.readouterr().err
    assert main(["figures", "confidence", "N_ITEMS=3"]) == 2
    assert "not both" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("name", DRAWN)
def test_a_figure_stands_alone(root, name):
    """It says what its marks mean, labels its axes, and is legible at the width at which notebooks show it."""
    set_theme()
    figure = module(name).draw(pd.read_csv(root / "figures" / f"{name}.csv"), ABOUT)
    title, about, note = figure.get_label().rsplit("\n", 2)
    assert title.split() == figure.get_suptitle().split()  # there in lines that fit
    assert about == ABOUT
    assert re.search(
        "interval|each line: one checkpoint|points: RL runs|lines: RL runs|a single example, no evidence", note
    )
    assert any(axes.get_xlabel() for axes in figure.axes) or figure.get_supxlabel()
    figure.draw_without_rendering()
    written = [text for text in figure.findobj(matplotlib.text.Text) if text.get_text() and text.get_visible()]
    assert min(text.get_fontsize() for text in written) * 9 / figure.get_figwidth() >= 7
    width = figure.get_window_extent().width
    title = figure._suptitle.get_window_extent()
    assert title.x0 >= 0
    assert title.x1 <= width
    assert title.y1 <= figure.get_window_extent().height
    assert title.y0 >= max(axes.get_tightbbox().y1 for axes in figure.axes)
    ticks = {tick for axes in figure.axes for axis in (axes.xaxis, axes.yaxis) for tick in axis.get_ticklabels()}
    for text in (text for text in written if text not in ticks):  # ticks beyond the limits are not drawn
        assert text.get_window_extent().x0 >= 0, text.get_text()
        assert text.get_window_extent().x1 <= width, text.get_text()
    bars = [patch for axes in figure.axes for patch in axes.patches]
    if name == "where_answers_go":  # bars that are told apart by what fills them
        assert len({patch.get_hatch() for patch in bars}) == 4


def test_one_item_shows_what_was_asked_and_what_was_put_there():
    """The right letter is hatched, the asserted one is red, as is the text that asserts it."""
    item = questions("test", 1)[0]
    asked = {name: apply(item, name) for name in ("plain", "wrong-caption", "wrong-think")}
    probs = np.full(len(item.options), 1 / len(item.options))
    rows = pd.DataFrame(
        [
            {
                "options": list(item.options),
                "right": item.letter,
                "letter_probs": probs,
                "suggested": None if prompt.suggested is None else LETTERS[prompt.suggested],
                "prompt": prompt.text,
                "prefill": prompt.prefill,
            }
            for prompt in asked.values()
        ],
        index=list(asked),
    )
    figure = single_items.letters(item, rows, ABOUT)
    title = figure.get_suptitle()
    assert all(option in title for option in (item.text, *item.options))
    for axes, (name, prompt) in zip(figure.axes[1:], asked.items(), strict=True):
        hatched = [letter for letter, patch in zip(LETTERS, axes.patches, strict=False) if patch.get_hatch()]
        assert hatched == [item.letter]
        red = [tick.get_text() for tick in axes.get_xticklabels() if tick.get_color() == single_items.ADDED]
        assert red == ([] if name == "plain" else [LETTERS[prompt.suggested]])
        said = axes.get_xlabel().replace("\n", " ")
        assert said.endswith("" if name == "plain" else item.claims[prompt.suggested])
        assert bool(said) == (name != "plain")


def test_an_auroc_that_is_clear_of_chance_is_filled():
    line = {"perturbation": "wrong-think", "predictor": "P(correct)", "value": 0.6, "high": 0.7}
    ends = dict(zip(tables.DEFINITIONS, (0.55, 0.45, 0.5), strict=True))
    table = pd.DataFrame([line | {"definition": definition, "low": low} for definition, low in ends.items()])
    for axes, filled in zip(module("survival_auroc").draw(table, ABOUT).axes, (True, False, False), strict=True):
        (mark,) = (one for one in axes.lines if len(one.get_xdata()) == 1)
        assert (mark.get_markerfacecolor() == mark.get_color()) is filled


def test_a_mark_of_calibration_grows_with_its_items():
    table = pd.DataFrame(
        {"bin": [5, 9], "confidence": [0.55, 0.95], "value": 0.5, "low": 0.4, "high": 0.6, "n": [1, 99]}
    )
    drawn = module("calibration").draw(table.assign(perturbation="plain"), ABOUT).axes[0].collections
    (sizes,) = (marks.get_sizes() for marks in drawn if len(marks.get_offsets()) == 2)
    assert sizes[1] > 4 * sizes[0] > 0


def test_a_picture_file_says_what_it_shows(root, tmp_path):
    table = pd.read_csv(root / "figures" / "confidence.csv")
    said = Gallery(tmp_path, "n", {}).add(module("confidence"), table, "microworld · 3 items")
    shown = "Mean probability of the right letter, and normalised entropy over the letters, under each perturbation"
    assert said.startswith(f"{shown} (After a wrong reasoning prefix P(correct) falls (0.71 → 0.14); ")
    assert said.endswith("; microworld · 3 items; lines through points: 95 % intervals over items)")
    with Image.open(tmp_path / "confidence.png") as image:
        assert image.text["Description"] == said
    svg = (tmp_path / "confidence.svg").read_text(encoding="utf-8")
    assert f"<title>{shown}</title>" in svg
    assert f"<dc:description>{said}</dc:description>" in svg


def test_every_figure_of_the_manifest_says_what_it_shows_and_of_what(root):
    for name, entry in MANIFEST.items():
        assert len(entry["caption"].split()) >= 5, name
        assert entry["items"] > 0, name
        assert entry["seeds"], name
        svg = root / "figures" / f"{name}.svg"
        if svg.exists():
            said = re.search("<dc:description>(.*?)</dc:description>", svg.read_text(encoding="utf-8"), re.DOTALL)
            assert said, name
            assert said[1].startswith(entry["caption"]), name
            assert "microworld" in said[1], name
            assert re.search(r"\bseeds?\b|pairs", said[1]), name


def test_every_picture_of_an_executed_notebook_has_an_alt_text(root):
    for path in sorted((root / "executed").glob("*.ipynb")):
        for cell in nbformat.read(path, as_version=4).cells:
            for output in cell.get("outputs", []):
                if "image/png" in output.get("data", {}):
                    alt = output["metadata"].get("image/png", {}).get("alt", "")
                    assert len(alt.split()) >= 4, f"{path.name}, cell {cell.id}: {alt!r}"


def test_every_picture_in_prose_has_an_alt_text(root):
    texts = {path.name: path.read_text(encoding="utf-8") for path in (*root.glob("*.md"), *root.glob("docs/*.md"))}
    for path in (root / "notebooks").glob("*.ipynb"):
        cells = nbformat.read(path, as_version=4).cells
        texts[path.name] = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    found = [(name, alt) for name, text in texts.items() for alt in re.findall(r"!\[([^\]]*)\]\(", text)]
    assert found
    assert not [(name, alt) for name, alt in found if len(alt.split()) < 4]
    assert not [name for name, text in texts.items() if re.search(r"<img(?![^>]*\balt=\"[^\"]+ )", text)]


def test_the_steps_of_shrinking_have_markers_of_their_own():
    assert len({marker for _, marker in STEPS.values()}) == len(STEPS)
    assert len(set(BLIND_SAFE)) == len(BLIND_SAFE)
