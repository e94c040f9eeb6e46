"""Finished runs side by side: a leaderboard of models on benchmarks, with intervals and what the paper reported.

Run: `companion compare RUN…`, each a folder that `companion evaluate --out` has written, or `hub:user/name`.
Left out: a single number for all benchmarks; they differ in size, options and chance level.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from companion.analysis.consistency import consistent, with_verdicts
from companion.analysis.tables import RowsPanel
from companion.errors import CompanionError
from companion.evaluation.current_rows import current
from companion.evaluation.export.hub import local
from companion.evaluation.judges.rule_judge import Rule
from companion.evaluation.store import VERDICTS, Store, parts, to_frame
from companion.intervals import estimate
from companion.measures import Measure, difference, mean, shuffle_chance, shuffle_consistency
from companion.questions.question import LETTERS
from companion.questions.registry import BENCHMARKS, in_order

QUOTED = {
    "3dsrbench": {
        "Qwen2.5-VL-7B-Instruct": 55.25,
        "SpaceR": 56.66,
        "Video-R1-7B": 56.56,
        "Vision-R1-7B": 54.22,
        "VLAA-Thinker-Qwen2.5VL-7B": 57.59,
        "ViGoRL-7b-Spatial": 53.27,
    },
    "cv-bench": {
        "Qwen2.5-VL-7B-Instruct": 78.60,
        "SpaceR": 78.12,
        "Video-R1-7B": 72.68,
        "Vision-R1-7B": 73.84,
        "VLAA-Thinker-Qwen2.5VL-7B": 77.01,
        "ViGoRL-7b-Spatial": 82.29,
    },
}
"""Accuracy in % under the plain prompt that the paper reports, as quoted in reading notes; never a pass mark."""

SETTINGS = ("model_hash", "profile", "precision", "system", "seed", "temperature", "sample")
"""What tells two runs of one model apart, and so does the delivery of its reasoning prefixes."""

DIFFERENT = {"profile": "profiles", "system": "system prompts", "seed": "seeds", "temperature": "temperatures"}
"""Of these, what makes two models hard to compare, and what several are called."""

UNTOLD = {"precision": "float32", "system": ""}
"""What rows from before it was told are taken to have, as those that are shipped do."""


def load(runs: Sequence[str], whole: bool = True) -> pd.DataFrame:
    """The rows of some runs with the verdicts that were given on them, a model's runs told apart by their labels, and
    benchmarks in their standing order.

    whole: of each model and benchmark only the items that were asked under all of its perturbations; says how many
    others there are. Raises CompanionError where a run is not there or holds no rows."""
    verdicts: dict[str, dict[str, Any]] = {}
    folders = [local(run) for run in runs]
    for folder in folders:
        if not any(parts(folder)):
            raise CompanionError(f"no rows in {folder}; give a folder that `companion evaluate --out` has written")
        if (folder / "verdicts").is_dir():
            verdicts |= Store(folder / "verdicts", VERDICTS).read()
    found = current(folders)
    for sentence in found.told():
        print(sentence, file=sys.stderr)
    frame = to_frame(found.rows)
    frame = pd.concat(_labelled(part) for _, part in frame.groupby("model", sort=False))
    if whole:
        frame = pd.concat(_told_complete(part) for _, part in frame.groupby(["benchmark", "model"], sort=False))
    if frame.empty:
        raise CompanionError(f"no item in {', '.join(runs)} was asked under all perturbations yet; let the runs finish")
    _check(frame)
    frame = pd.concat(frame[frame["benchmark"] == name] for name in in_order(frame["benchmark"]))
    return with_verdicts(frame, _newest(to_frame(list(verdicts.values()), VERDICTS))).reset_index(drop=True)


def _labelled(rows: pd.DataFrame) -> pd.DataFrame:
    """With those of its settings that differ in the model's label."""
    label = rows["model"]
    for name in SETTINGS:
        told = rows[name].fillna(UNTOLD[name]) if name in UNTOLD else rows[name]
        if told.nunique() > 1:
            label = label + f", {name.removeprefix('model_')} " + told.replace("", "none").astype(str)
    labelled = rows.assign(model=label)
    return pd.concat(_by_delivery(part) for _, part in labelled.groupby("model", sort=False))


def _by_delivery(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of one model apart by how its reasoning prefixes were delivered, if in several ways.

    A prompt without a prefix has no delivery, and was asked in each way or in one alone: where it has several answers,
    each way is given one of them, in the order of their keys, and where it has one it counts for all.
    """
    ways = sorted(way for way in rows["delivery"].dropna().unique() if way)
    if len(ways) < 2:
        return rows
    plain = rows[~rows["delivery"].isin(ways)].sort_values("key")
    of_one_prompt = plain.groupby(["benchmark", "question", "perturbation"])["key"]
    place, count = of_one_prompt.cumcount(), of_one_prompt.transform("size")
    parts = []
    for number, way in enumerate(ways):
        own = rows[rows["delivery"] == way]
        shared = plain[(place == number) | ((count <= number) & (place == count - 1))]
        parts.append(pd.concat([own, shared]).assign(model=own["model"].iloc[0] + f", delivery {way}"))
    return pd.concat(parts)


def _newest(verdicts: pd.DataFrame) -> pd.DataFrame:
    """One verdict a row of each kind of judge: that of the rule judge as it is now, if it has judged the row, and of
    several others the one of the judge that has judged most rows, which is said."""
    if verdicts.empty:
        return verdicts
    order = verdicts.groupby(["judge", "judge_hash"])["row"].transform("size")
    order = order.where(verdicts["judge_hash"] != Rule.identity, np.inf)
    several = verdicts.groupby("judge")["judge_hash"].nunique()
    for name in several[several > 1].index.difference([Rule.name]):
        print(
            f"several judges called {name} have judged: where they have judged the same row, the one with the most "
            "verdicts counts",
            file=sys.stderr,
        )
    ranked = verdicts.assign(order=order).sort_values(["order", "judge_hash"], ascending=False, kind="stable")
    return ranked.drop_duplicates(["judge", "row"]).drop(columns="order")


def _complete(rows: pd.DataFrame) -> pd.DataFrame:
    asked = rows.groupby("question")["perturbation"].nunique()
    return rows[rows["question"].map(asked) == rows["perturbation"].nunique()]


def _told_complete(rows: pd.DataFrame) -> pd.DataFrame:
    """`_complete`, and a sentence on which perturbations leave how many items out."""
    found = _complete(rows)
    items, left = rows["question"].nunique(), found["question"].nunique()
    if left < items:
        asked = rows.groupby("perturbation")["question"].nunique()
        fewer = ", ".join(f"{name} on {count}" for name, count in asked[asked < items].items())
        one = rows.iloc[0]
        print(
            f"{one['model']} on {one['benchmark']}: {left} of {items} items were asked under every perturbation, and "
            f"count ({fewer})",
            file=sys.stderr,
        )
    return found


def _check(rows: pd.DataFrame) -> None:
    """Raises CompanionError where a model answered one item under one perturbation twice."""
    twice = rows[rows.duplicated(["benchmark", "model", "question", "perturbation"])]
    if len(twice):
        one = twice.iloc[0]
        raise CompanionError(
            f"{one['model']} answered question {one['question']} of {one['benchmark']} twice under "
            f"{one['perturbation']}: in two wordings, or with other settings; give each run an --out of its own"
        )


COLUMNS = ("accuracy", "chance", "paper", "wrong-caption", "wrong-think", "robust", "consistent", "no answer")
"""Of the leaderboard, before a benchmark's own scores. paper: as quoted in reading notes. wrong-…: change of accuracy.
chance: of guessing. robust: right under the plain prompt and both of these. consistent: right, and the reasoning says
so."""

SHUFFLED, SHUFFLED_CHANCE = "same option", "same by chance"
"""Where a benchmark asks its items again with their options rotated: how often the same option stays chosen
(`measures.shuffle_consistency`), and how often two guesses would be the same."""


def leaderboard(rows: pd.DataFrame, rng: Callable[[], np.random.Generator], judge: str = "rule") -> pd.DataFrame:
    """benchmark, model, measure, value, low, high, n.

    measure: `COLUMNS`, then the benchmark's official scores, then `SHUFFLED` and its chance.
    rows: from `load`. rng: gives a fresh generator for each. Values are shares, in [0, 1]; models by accuracy. Raises
    CompanionError where a model was not asked under the plain prompt.
    """
    if without := _without_plain(rows):
        raise CompanionError(
            f"no rows under the plain prompt, which all others are compared with, of {' and of '.join(without)}; "
            "evaluate it too, or leave these runs out"
        )
    lines = []
    for benchmark, part in rows.groupby("benchmark", sort=False):
        order = part[part["perturbation"] == "plain"].groupby("model")["correct"].mean()
        order = order.sort_values(ascending=False, kind="stable")
        for model in order.index:
            own = part[part["model"] == model]
            panel = RowsPanel(own[own["perturbation"] == "plain"], rng())
            estimates: dict[str, dict[str, Any]] = {}
            for needed in _needed(own):
                of_all = RowsPanel(_complete(own[own["perturbation"].isin(needed)]), rng())
                estimates |= {
                    measure: asdict(estimate(function, of_all.weights))
                    for measure, function in _measures(of_all, str(benchmark), judge).items()
                }
            for measure in sorted(estimates, key=lambda name: COLUMNS.index(name) if name in COLUMNS else len(COLUMNS)):
                lines.append({"benchmark": benchmark, "model": model, "measure": measure} | estimates[measure])
            for measure, value in _by_guessing(panel, str(benchmark)).items():
                lines.append(
                    {
                        "benchmark": benchmark,
                        "model": model,
                        "measure": measure,
                        "value": value,
                        "n": len(panel.guessed),
                    }
                )
            if (reported := quoted(str(benchmark), str(model))) is not None:
                lines.append({"benchmark": benchmark, "model": model, "measure": "paper", "value": reported})
    return pd.DataFrame(lines)


def _without_plain(rows: pd.DataFrame) -> list[str]:
    """ "MODEL on BENCHMARK", of those that have no rows under the plain prompt."""
    asked = rows.groupby(["benchmark", "model"], sort=False)["perturbation"].agg(set)
    return [f"{model} on {benchmark}" for (benchmark, model), names in asked.items() if "plain" not in names]


def _needed(rows: pd.DataFrame) -> list[tuple[str, ...]]:
    """The perturbations that measures are of: each is about the items that were asked under all of its own, so that
    one on fewer items, or one that no measure is of, takes none from the others."""
    by_perturbation = {name: set(part["question"]) for name, part in rows.groupby("perturbation")}
    wrong = [name for name in ("wrong-caption", "wrong-think") if name in by_perturbation]
    found = [("plain",), *(("plain", name) for name in wrong), *([("plain", *wrong)] if len(wrong) == 2 else [])]
    return [names for names in found if set.intersection(*(by_perturbation[name] for name in names))]


def _measures(panel: RowsPanel, benchmark: str, judge: str) -> dict[str, Measure]:
    """The measures of just these perturbations."""
    right = {name: panel.numbers(name, "correct") for name in panel.perturbations}
    wrong = [name for name in panel.perturbations if name != "plain"]
    if len(wrong) == 1:
        return {wrong[0]: difference(right[wrong[0]], right["plain"])}
    if wrong:
        return {"robust": mean(np.prod([right[name] for name in ("plain", *wrong)], axis=0))}
    base = panel.rows["plain"]
    found: dict[str, Measure] = {"accuracy": mean(right["plain"])}
    if judge in base:
        found["consistent"] = mean(right["plain"] * consistent(panel, "plain", judge))
    found["no answer"] = mean(base["answer"].isna())
    if benchmark in BENCHMARKS:
        found |= {
            name: score for name, score in BENCHMARKS[benchmark].scores(base.reset_index()).items() if name not in found
        }
        if units := _rotations(panel, benchmark):
            answers = [LETTERS.index(letter) if isinstance(letter, str) else None for letter in base["answer"]]
            found[SHUFFLED] = shuffle_consistency(answers, base["options"].tolist(), units)
    return found


def _by_guessing(panel: RowsPanel, benchmark: str) -> dict[str, float]:
    """What guessing gives of the accuracy and, where items are asked with their options rotated, of `SHUFFLED`."""
    found = {"chance": float(panel.guessed.mean())}
    if units := _rotations(panel, benchmark):
        chance = shuffle_chance(panel.rows["plain"]["options"].tolist(), units)
        found[SHUFFLED_CHANCE] = float(chance(np.ones((1, len(units))))[0])
    return found


def _rotations(panel: RowsPanel, benchmark: str) -> Sequence[str]:
    """The unit of each item, of which the others are copies with their options rotated; empty where there is no copy.

    Only the public benchmarks say so; a `group` of one's own folder may hold different questions about one picture.
    """
    rotations = BENCHMARKS[benchmark].rotations if benchmark in BENCHMARKS else None
    units = rotations(panel.rows["plain"].reset_index()) if rotations else []
    return units if len(set(units)) < len(units) else []


def unjudged(rows: pd.DataFrame, judge: str) -> list[str]:
    """ "MODEL on BENCHMARK (n of m)", of those of whose m rows under the plain prompt the judge has not judged n."""
    found = []
    for (benchmark, model), part in rows[rows["perturbation"] == "plain"].groupby(["benchmark", "model"], sort=False):
        missing = part[judge].isna().sum()
        if missing:
            found.append(f"{model} on {benchmark} ({missing} of {len(part)})")
    return found


def asked_differently(rows: pd.DataFrame) -> list[str]:
    """A sentence for each setting that models on one benchmark differ in, unless their labels tell it."""
    said = []
    for _, part in rows.groupby("benchmark", sort=False):
        for name, several in DIFFERENT.items():
            told = part[name].astype(object).fillna(UNTOLD.get(name, "")).replace("", "none").astype(str)
            models = {value: ", ".join(own.unique()) for value, own in part["model"].groupby(told)}
            if len(models) > 1 and not part["model"].str.contains(f", {name} ", regex=False).all():
                each = "; ".join(f"{value.splitlines()[0][:40]}: {those}" for value, those in models.items())
                said.append(f"these models were asked with different {several}, which also move numbers ({each})")
    return list(dict.fromkeys(said))


def quoted(benchmark: str, model: str) -> float | None:
    """The accuracy that the paper reports for a model, by the last part of its id, as a share; None where it is not
    quoted."""
    reported = {name.casefold(): value for name, value in QUOTED.get(benchmark, {}).items()}
    value = reported.get(Path(model).name.casefold())
    return None if value is None else value / 100


def wide(table: pd.DataFrame) -> pd.DataFrame:
    """A leaderboard to read: one line a model and benchmark, values in % or points with their 95 % intervals."""

    def cell(line: pd.Series) -> str:
        if line["measure"] == "paper":
            return f"{100 * line['value']:.2f}"  # as it was quoted
        if np.isnan(line["value"]):  # of what is not judged
            return "–"
        sign = "+" if line["measure"] in ("wrong-caption", "wrong-think") else ""
        text = f"{100 * line['value']:{sign}.1f}"
        if not np.isnan(line["low"]):
            text += f" [{100 * line['low']:{sign}.1f}, {100 * line['high']:{sign}.1f}]"
            text += f" of {line['n']:.0f}" if line["n"] < line["items"] else ""
        return text.replace("-", "−")

    order = [*COLUMNS, *dict.fromkeys(table["measure"])]
    counted = table.assign(items=table.groupby(["benchmark", "model"])["n"].transform("max"))
    named = counted.assign(cell=counted.apply(cell, axis=1))
    pivoted = named.pivot(index=["benchmark", "model", "items"], columns="measure", values="cell")
    columns = [name for name in dict.fromkeys(order) if name in pivoted]
    lines = table[["benchmark", "model"]].drop_duplicates()
    return pivoted[columns].fillna("").reset_index().merge(lines, how="right").astype({"items": int})
