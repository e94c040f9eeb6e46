"""Scenes of the microworld: coloured shapes on a three by three grid, and the pictures drawn of them.

A scene is the truth that questions, captions and reasoning are checked against. Its difficulty changes how it is
drawn (contrast, clutter, hue, noise) and how full it is, never what is true of it.
"""

from __future__ import annotations

import hashlib
import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw

COLORS = {
    "red": (214, 39, 40),
    "orange": (255, 138, 20),
    "yellow": (240, 215, 40),
    "green": (44, 160, 44),
    "cyan": (40, 200, 215),
    "blue": (40, 70, 220),
    "purple": (130, 60, 180),
    "pink": (240, 120, 190),
}
SHAPES = ("circle", "square", "triangle", "star", "cross", "diamond")
CELLS = ("northwest", "north", "northeast", "west", "center", "east", "southwest", "south", "southeast")
"""Names of the nine cells, row by row, each a single word."""

IMAGE_SIZE = 72
CELL_SIZE = IMAGE_SIZE // 3


@dataclass(frozen=True)
class Difficulty:
    """How full a scene is and how it is drawn; ranges are (lowest, highest), drawn uniformly for each scene.

    things: how many shapes; contrast: 1 is the pure colour, 0 the background; hue: share of the way towards a
    random neighbour colour; noise: standard deviation of the pixel noise in grey levels; clutter: thin lines drawn
    over the picture; jitter: pixels that a shape may lie off the middle of its cell; hops: steps of a two-hop question.
    """

    name: str
    things: tuple[int, int]
    contrast: tuple[float, float]
    hue: float
    noise: float
    clutter: tuple[int, int]
    jitter: int
    hops: tuple[int, int]


DIFFICULTIES = {
    level.name: level
    for level in (
        Difficulty("easy", (2, 4), (0.85, 1.0), 0.0, 4, (0, 0), 2, (1, 1)),
        Difficulty("medium", (4, 6), (0.6, 1.0), 0.1, 8, (0, 2), 3, (1, 1)),
        Difficulty("hard", (6, 9), (0.18, 0.36), 0.3, 18, (5, 9), 3, (1, 2)),
    )
}


@dataclass(frozen=True)
class Thing:
    """One shape. Two things of a scene may share a name; questions only name things that are unique in it."""

    color: str
    shape: str
    large: bool

    @property
    def name(self) -> str:
        return f"{self.color} {self.shape}"


@dataclass(frozen=True)
class Scene:
    """`cells`: nine entries in the order of `CELLS`, None where a cell is empty. `style` seeds the drawing."""

    cells: tuple[Thing | None, ...]
    difficulty: str
    style: int

    def things(self) -> Iterator[tuple[int, Thing]]:
        """(cell, thing) of each occupied cell, row by row."""
        return ((cell, thing) for cell, thing in enumerate(self.cells) if thing)

    def where(self, name: str) -> list[int]:
        """Cells of all things with that name ("red circle"), shape ("circle") or colour ("red")."""
        return [cell for cell, thing in self.things() if name in (thing.name, thing.shape, thing.color)]

    @property
    def split(self) -> str:
        """train (60 %), validation or test (20 % each), by a hash of what the scene holds, however it is drawn."""
        content = "|".join(f"{thing.name} {thing.large:d}" if thing else "" for thing in self.cells)
        bucket = hashlib.blake2b(content.encode(), digest_size=2).digest()[0] % 5
        return ("train", "train", "train", "validation", "test")[bucket]


def neighbour(cell: int, direction: str) -> int | None:
    """The cell next to `cell`, or None at the border. Directions: "left of", "right of", "above", "below"."""
    row, column = divmod(cell, 3)
    down, right = {"left of": (0, -1), "right of": (0, 1), "above": (-1, 0), "below": (1, 0)}[direction]
    row, column = row + down, column + right
    return 3 * row + column if 0 <= row < 3 and 0 <= column < 3 else None


def distance(a: int, b: int) -> int:
    """Squared distance between two cells, in cells."""
    return (a // 3 - b // 3) ** 2 + (a % 3 - b % 3) ** 2


@lru_cache(maxsize=1024)
def draw(scene: Scene) -> Image.Image:
    """The picture of a scene: RGB, 72 × 72 pixels, the same for the same scene. Kept, and so not to be changed."""
    rng = random.Random(scene.style)
    level = DIFFICULTIES[scene.difficulty]
    ground = rng.randint(215, 250)
    scale = 2  # drawn twice as large, then halved: smooth edges
    image = Image.new("RGB", (IMAGE_SIZE * scale, IMAGE_SIZE * scale), (ground, ground, ground))
    pen = ImageDraw.Draw(image)
    contrast = rng.uniform(*level.contrast)
    palette = list(COLORS.values())
    for cell, thing in scene.things():
        row, column = divmod(cell, 3)
        x = (column + 0.5) * CELL_SIZE + rng.uniform(-level.jitter, level.jitter)
        y = (row + 0.5) * CELL_SIZE + rng.uniform(-level.jitter, level.jitter)
        radius = rng.uniform(8.0, 9.0) if thing.large else rng.uniform(4.5, 5.5)
        hue = rng.uniform(0, level.hue)
        drift = palette[rng.randrange(len(palette))]
        fill = tuple(
            round(ground + contrast * ((1 - hue) * own + hue * other - ground))
            for own, other in zip(COLORS[thing.color], drift, strict=True)
        )
        _draw_shape(pen, thing.shape, x * scale, y * scale, radius * scale, fill)
    for _ in range(rng.randint(*level.clutter)):
        ends = [rng.uniform(0, IMAGE_SIZE * scale) for _ in range(4)]
        pen.line(ends, fill=palette[rng.randrange(len(palette))], width=scale)
    image = image.reduce(scale)
    noise = np.random.default_rng(scene.style).normal(0, level.noise, (IMAGE_SIZE, IMAGE_SIZE, 3))
    return Image.fromarray(np.clip(np.asarray(image) + noise, 0, 255).astype(np.uint8))


def _draw_shape(pen: ImageDraw.ImageDraw, shape: str, x: float, y: float, radius: float, fill: tuple[int, ...]) -> None:
    def polygon(points: list[tuple[float, float]]) -> None:
        pen.polygon([(x + radius * px, y + radius * py) for px, py in points], fill=fill)

    if shape == "circle":
        pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=fill)
    elif shape == "square":
        polygon([(-0.85, -0.85), (0.85, -0.85), (0.85, 0.85), (-0.85, 0.85)])
    elif shape == "triangle":
        polygon([(0, -1), (0.95, 0.8), (-0.95, 0.8)])
    elif shape == "diamond":
        polygon([(0, -1.1), (0.7, 0), (0, 1.1), (-0.7, 0)])
    elif shape == "cross":
        polygon(
            [
                (-0.3, -1),
                (0.3, -1),
                (0.3, -0.3),
                (1, -0.3),
                (1, 0.3),
                (0.3, 0.3),
                (0.3, 1),
                (-0.3, 1),
                (-0.3, 0.3),
                (-1, 0.3),
                (-1, -0.3),
                (-0.3, -0.3),
            ]
        )
    else:
        spokes = [math.pi * k / 5 - math.pi / 2 for k in range(10)]
        polygon(
            [
                ((1.1 if k % 2 == 0 else 0.45) * math.cos(a), (1.1 if k % 2 == 0 else 0.45) * math.sin(a))
                for k, a in enumerate(spokes)
            ]
        )
