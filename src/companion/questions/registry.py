"""Benchmarks by name: every loader returns a list of `Question`.

The microworld, a folder of your own (`folder.py`), and the paper's public benchmarks, one module each. What is known of
those stands in `BENCHMARKS`, and of the sets that it trains on in `TRAINING`; `companion benchmarks` prints it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from companion.errors import CompanionError
from companion.questions.folder import own_folder, read_folder
from companion.questions.microworld import questions
from companion.questions.microworld.items import find
from companion.questions.public.benchmark import Benchmark
from companion.questions.public.cv_bench import CV_BENCH
from companion.questions.public.files import DATA, at_hand, locate
from companion.questions.public.mmbench import MMBENCH
from companion.questions.public.mme_realworld import MME_REALWORLD_LITE
from companion.questions.public.spatial_mm import SPATIAL_MM, SPATIAL_MM_MULTIHOP
from companion.questions.public.threedsrbench import THREEDSRBENCH, THREEDSRBENCH_CIRCULAR
from companion.questions.public.vstar import VSTAR
from companion.questions.public.whatsup import WHATSUP
from companion.questions.question import Question
from companion.questions.training_sets import TRAINING

BENCHMARKS = {
    benchmark.name: benchmark
    for benchmark in (
        THREEDSRBENCH,
        THREEDSRBENCH_CIRCULAR,
        CV_BENCH,
        SPATIAL_MM,
        SPATIAL_MM_MULTIHOP,
        WHATSUP,
        VSTAR,
        MME_REALWORLD_LITE,
        MMBENCH,
    )
}
"""The paper's public benchmarks, in its order."""

PUBLIC = BENCHMARKS | TRAINING
"""These, and the sets that the paper trains on."""


def in_order(benchmarks: Iterable[str]) -> list[str]:
    """These names, each once: the microworld, public ones as they stand here, and folders by name."""
    place = {name: number for number, name in enumerate(("microworld", *PUBLIC))}
    return sorted(set(benchmarks), key=lambda name: (place.get(name, len(place)), name))


def load_benchmark(
    name: str, n_items: int | None = None, seed: int = 0, data: Path = DATA, known_bad: bool = False
) -> Sequence[Question]:
    """The questions of a benchmark: "microworld", a name of `PUBLIC`, or a folder with a questions.jsonl.

    n_items: of the microworld (500 unless said), drawn by seed; of a folder the first; of a public benchmark at least
    so many, in whole groups drawn at random by seed, so that a smaller number is the beginning of a larger one. (Their
    files are sorted by category.) data: where files are looked for first. known_bad: with the rows of a public
    benchmark that are known to be wrong.
    """
    if n_items is not None and n_items < 1:
        raise CompanionError(f"{n_items} items asked for; give at least 1")
    if name == "microworld":
        return questions("test", 500 if n_items is None else n_items, seed)
    if name in PUBLIC:
        benchmark = PUBLIC[name]
        return draw_groups(benchmark.read(locate(benchmark, data), known_bad), n_items, seed)
    return read_folder(_known_folder(name))[:n_items]


def check_name(name: str) -> None:
    """Raises CompanionError for a name that is no benchmark's, without reading one."""
    if name != "microworld" and name not in PUBLIC:
        _known_folder(name)


def _known_folder(name: str) -> Path:
    folder = own_folder(name)
    if folder is None:
        raise CompanionError(
            f"unknown benchmark {name!r}; give microworld, {', '.join(PUBLIC)}, or a folder with a questions.jsonl"
        )
    return folder


def draw_groups(questions: Sequence[Question], n_items: int | None, seed: int) -> Sequence[Question]:
    """Whole groups in an order drawn by seed until there are n items; without n, the questions as they are."""
    if n_items is None:
        return questions
    groups: dict[str, list[Question]] = {}
    for question in questions:
        groups.setdefault(question.group, []).append(question)
    members = list(groups.values())
    drawn: list[Question] = []
    for number in np.random.default_rng(seed).permutation(len(members)):
        if len(drawn) >= n_items:
            break
        drawn += members[number]
    return drawn


def find_questions(benchmark: str, ids: Iterable[str], data: Path = DATA) -> list[Question]:
    """The questions of these ids, each once; an id that the benchmark does not hold is an error."""
    wanted = list(dict.fromkeys(ids))
    if benchmark == "microworld":
        return [find(id) for id in wanted]
    held = {question.id: question for question in load_benchmark(benchmark, data=data, known_bad=True)}
    missing = [id for id in wanted if id not in held]
    if missing:
        raise CompanionError(
            f"{benchmark} holds no question {missing[0]!r}; give the benchmark that the rows were made on"
        )
    return [held[id] for id in wanted]


def listing(data: Path = DATA) -> pd.DataFrame:
    """The public benchmarks, then the training sets: name, title, items (as published), options, licence, cached
    (files, and where), note."""
    return pd.DataFrame(
        [
            {
                "name": one.name,
                "title": one.title,
                "items": one.items,
                "options": one.options,
                "licence": one.licence,
                "cached": _cached(one, data),
                "note": one.note,
            }
            for one in PUBLIC.values()
        ]
    )


def _cached(benchmark: Benchmark, data: Path) -> str:
    copy = at_hand(benchmark, data)
    if copy is None:
        return "no"
    where = copy.folder if copy.folder.is_relative_to(data) else "the Hub's cache"
    return f"{len(copy.files)} file{'s' * (len(copy.files) > 1)} in {where}"
