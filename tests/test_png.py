"""Figures as PNG files: small, and of the colours in which they are drawn."""

import io

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from companion.figures.looks import BLIND_SAFE
from companion.figures.theme import png


def chart():
    figure = Figure(figsize=(6, 4))
    axes = figure.subplots()
    for k, colour in enumerate(BLIND_SAFE):
        axes.plot([0, 1], [k, k + 1], color=colour, marker="o", label=f"colour {k}")
    axes.legend()
    return figure


def pictures():
    """Pictures of noise, as hard scenes of the microworld are."""
    figure = Figure(figsize=(4, 2))
    rng = np.random.default_rng(0)
    for axes in figure.subplots(1, 2):
        axes.imshow(rng.integers(100, 256, (64, 64, 3)).astype("uint8"))
    return figure


def drawn(figure):
    buffer = io.BytesIO()
    figure.savefig(buffer, dpi=110)
    return buffer.getvalue()


def pixels(data):
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).astype(int)


@pytest.mark.parametrize(("draw", "mode"), [(chart, "P"), (pictures, "RGB")])
def test_a_palette_where_it_does_not_show(draw, mode):
    data = png(draw(), metadata={"Title": "π"})
    with Image.open(io.BytesIO(data)) as picture:
        assert picture.mode == mode
        assert picture.text["Title"] == "π"
        assert round(picture.info["dpi"][0]) == 110
    off = np.abs(pixels(data) - pixels(drawn(draw()))).max(axis=2)
    assert (off > 16).mean() <= 0.002
    assert data == png(draw(), metadata={"Title": "π"})


def test_a_chart_loses_two_thirds_of_its_bytes_and_no_colour():
    data, whole = png(chart()), drawn(chart())
    assert len(data) < 0.45 * len(whole)
    colours, counts = np.unique(pixels(whole).reshape(-1, 3), axis=0, return_counts=True)
    kept = {tuple(colour) for colour in np.unique(pixels(data).reshape(-1, 3), axis=0)}
    often = colours[counts > 100]
    assert len(often) > 20
    near = [min(np.abs(np.array(one) - colour).max() for one in kept) for colour in often]
    assert max(near) <= 2
