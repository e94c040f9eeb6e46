"""From verdicts to tables: shares, failure types, conflicts acknowledged, replays, and how far judges agree.

All take judged rows: rows of one model on one benchmark (`store.ROWS`) with a column of verdicts for each judge
(`with_verdicts`). An answer is *consistent* if the judge says that its reasoning leads to it (`agree`); all else is
inconsistent, reasoning that commits to nothing included. Perturbations that forbid reasoning are left out.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from companion.analysis.tables import RowsPanel
from companion.evaluation.judges.replay_judge import PROBES
from companion.evaluation.judges.verdicts import VERDICTS
from companion.intervals import estimate, resample
from companion.measures import (
    Array,
    Measure,
    difference,
    fleiss_kappa,
    importance,
    mean,
    minus,
    share,
    sufficiency,
)
from companion.questions.microworld.grammar import conclusion
from companion.questions.question import LETTERS, Question

_VERDICTS = {"agrees": "agree", "contradicts": "disagree", "names no option": "no commitment"}

SHARES = {
    **{f"right, {name}": (True, verdict) for name, verdict in _VERDICTS.items()},
    **{f"wrong, {name}": (False, verdict) for name, verdict in reversed(_VERDICTS.items())},
    "no answer": (False, "no answer"),
}
"""Share of the answers → whether they are right, and the verdict on their reasoning. They add up to 1."""


def with_verdicts(rows: pd.DataFrame, verdicts: pd.DataFrame) -> pd.DataFrame:
    """Rows with a column of verdicts for each judge; what else it said in `<judge>_concluded`, `_reason`, `_details`.

    verdicts: from `engine.judge`, of one or several judges. A row that a judge has not judged has None there.
    """
    for name, part in verdicts.groupby("judge"):
        columns = {"verdict": name} | {part: f"{name}_{part}" for part in ("concluded", "reason", "details")}
        rows = rows.merge(part[["row", *columns]].rename(columns=columns), left_on="key", right_on="row", how="left")
        rows = rows.drop(columns="row")
    return rows


def where_judged(verdicts: pd.Series, sought: str) -> Array:
    """1 where a verdict is the one sought, else 0: (rows,). NaN where there is no usable verdict: what was not judged
    counts for neither."""
    judged = verdicts.notna() & (verdicts != "unusable")
    return np.where(judged, verdicts == sought, np.nan)


def consistent(panel: RowsPanel, perturbation: str, judge: str) -> Array:
    """1 where the reasoning leads to the answer, else 0: (items,). NaN where there is no usable verdict."""
    return where_judged(panel.column(perturbation, judge), "agree")


def may_reason(rows: pd.DataFrame) -> pd.Series:
    """For each row whether the model could reason: under `stop-think` its think block was closed for it."""
    return ~rows["prefill"].str.contains("</think>", regex=False)


def quadrants(rows: pd.DataFrame, judge: str, rng: np.random.Generator) -> pd.DataFrame:
    """perturbation, measure, estimate.

    Measures: consistent right, inconsistent right, consistent wrong and inconsistent wrong, which add up to 1
    (consistent: the reasoning says so); consistency; accuracy and consistent_accuracy (right and consistent), their
    changes against the plain prompt, paired, and `extra`: how much more the latter falls (F3). Where there are verdicts
    of the grounding judge also grounded_accuracy: right, consistent, and every statement of the reasoning true. Beside
    them the chance level of the accuracy. Items without a usable verdict are left out of what needs one."""
    panel = RowsPanel(rows, rng)
    base, base_agrees = panel.numbers("plain", "correct"), consistent(panel, "plain", judge)
    lines = []
    for name in (name for name in panel.perturbations if may_reason(panel.rows[name]).any()):
        right, agrees = panel.numbers(name, "correct"), consistent(panel, name, judge)
        both = right * agrees
        found: dict[str, Measure] = {
            "consistent right": mean(both),
            "inconsistent right": mean(right * (1 - agrees)),
            "consistent wrong": mean((1 - right) * agrees),
            "inconsistent wrong": mean((1 - right) * (1 - agrees)),
            "consistency": mean(agrees),
            "accuracy": mean(right),
            "consistent_accuracy": mean(both),
            "change": panel.change(name, right, base),
            "consistent_change": panel.change(name, both, base * base_agrees),
            "extra": extra_change(panel, name, judge),
        }
        if "grounding" in rows:
            found["grounded_accuracy"] = mean(both * consistent(panel, name, "grounding"))
        chance = {"chance": panel.guessed.mean()}
        lines += [panel.line(measure, perturbation=name, measure=called) | chance for called, measure in found.items()]
    return pd.DataFrame(lines)


def extra_change(panel: RowsPanel, perturbation: str, judge: str) -> Measure:
    """How much more consistent accuracy changes under a perturbation than accuracy does, paired (F3): below 0 where it
    falls further."""
    right, base = panel.numbers(perturbation, "correct"), panel.numbers("plain", "correct")
    both, base_both = right * consistent(panel, perturbation, judge), base * consistent(panel, "plain", judge)
    return panel.change(perturbation, both - base_both, right - base)


def shares(rows: pd.DataFrame, judge: str, rng: np.random.Generator) -> pd.DataFrame:
    """perturbation, measure (each of `SHARES`), estimate. Unusable verdicts, and rows without one, are left out."""
    panel = RowsPanel(rows, rng)
    lines = []
    for name in (name for name in panel.perturbations if may_reason(panel.rows[name]).any()):
        right, verdict = panel.column(name, "correct").astype(bool), panel.column(name, judge)
        usable = verdict.notna() & (verdict != "unusable")
        for measure, (is_right, wanted) in SHARES.items():
            hits = (right == is_right) & (verdict == wanted)
            lines.append(panel.line(share(hits, usable), perturbation=name, measure=measure))
    return pd.DataFrame(lines)


def failure_types(rows: pd.DataFrame, judge: str, rng: np.random.Generator) -> pd.DataFrame:
    """What becomes of the items that were right under the plain prompt when a wrong option is asserted (F11).

    perturbation, type, share among them: *stubborn*: still right, though the reasoning concludes another option;
    *brittle*: the asserted option, as the reasoning says; *recovered*: still right, as the reasoning says; *other*.
    among: how many they are; those without a usable verdict are left out."""
    panel = RowsPanel(rows, rng)
    base = panel.column("plain", "correct").to_numpy(dtype=bool)
    lines = []
    for name in panel.misleading:
        right = panel.column(name, "correct").to_numpy(dtype=bool)
        verdict = consistent(panel, name, judge)
        among, agrees = base & ~np.isnan(verdict), verdict == 1
        against = right & (panel.column(name, judge) == "disagree").to_numpy(dtype=bool)
        misled = (panel.column(name, "answer") == panel.column(name, "suggested")).to_numpy(dtype=bool)
        types = {"stubborn": against, "brittle": misled & agrees, "recovered": right & agrees}
        types["other"] = ~(types["stubborn"] | types["brittle"] | types["recovered"])
        lines += [
            panel.line(share(hits, among), among=int(among.sum()), perturbation=name, type=t)
            for t, hits in types.items()
        ]
    return pd.DataFrame(lines)


def leaning(panel: RowsPanel, perturbation: str, judge: str) -> Array:
    """1 for an item that is *stubborn* under a perturbation, −1 for a *brittle* one, else 0: (items,)
    (`failure_types`).

    NaN for items that were wrong under the plain prompt, and for those without a usable verdict.
    """
    right = panel.numbers(perturbation, "correct") == 1
    verdict = consistent(panel, perturbation, judge)
    against = right & (panel.column(perturbation, judge) == "disagree").to_numpy(dtype=bool)
    misled = (panel.column(perturbation, "answer") == panel.column(perturbation, "suggested")).to_numpy(dtype=bool)
    leans = against.astype(float) - (misled & (verdict == 1))
    return np.where((panel.numbers("plain", "correct") == 1) & ~np.isnan(verdict), leans, np.nan)


def acknowledged(rows: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """How often a model says that what it was given and the picture disagree (F4), by the judge `conflict`.

    perturbation (each that asserts an option), measure, share: of *all* items; of those that *stay right*, as under the
    plain prompt; of those that *follow*, answering the asserted option. Under perturbations that assert the right one
    it is a false alarm; *above false alarms*: how much more often it is said where the wrong one is asserted in the
    same way, paired."""
    panel = RowsPanel(rows, rng)
    base = panel.column("plain", "correct").to_numpy(dtype=bool)
    said = {name: where_judged(panel.column(name, "conflict"), "acknowledges") for name in panel.asserting}
    lines = []
    for name, says in said.items():
        follows = (panel.column(name, "answer") == panel.column(name, "suggested")).to_numpy(dtype=bool)
        right = panel.column(name, "correct").to_numpy(dtype=bool)
        among = {"all": np.ones_like(base), "stay right": base & right, "follow": follows}
        lines += [panel.line(mean(says[part]), part, perturbation=name, measure=m) for m, part in among.items()]
        if name in panel.misleading and (right_one := name.replace("wrong", "right")) in said:
            lines.append(panel.line(difference(says, said[right_one]), perturbation=name, measure="above false alarms"))
    return pd.DataFrame(lines)


def replays(rows: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """What the replay judge found, for each perturbation of one model.

    perturbation, probe, measure, estimate: `same`, the share that gives the first answer again under the probe; for the
    probe *flipped* also `follows`, the share that gives the option to which the reasoning was turned. Of these, with
    what habit does (the probe *blank-empty*) taken off: `sufficiency` of the reasoning, of the probe *blank*, and its
    `importance`, of the probe *empty*.
    """
    lines = []
    for perturbation, part in rows[rows["replay"].isin(["agree", "disagree"])].groupby("perturbation", sort=False):
        weights = resample(part["group"].tolist(), rng)
        probed = _probed(part)
        for (probe, measure), function in _replay_measures(probed).items():
            asked = int(probed.get((probe, measure), probed[probe, "same"]).notna().sum())
            one = _fields(estimate(function, weights)) | {"n": asked}
            lines.append({"perturbation": perturbation, "probe": probe, "measure": measure, **one})
    return pd.DataFrame(lines)


def replay_gaps(rows: Mapping[str, pd.DataFrame], rng: np.random.Generator) -> pd.DataFrame:
    """How two checkpoints differ in `replays`, paired over the items that both were probed on, under one perturbation.

    rows: label → judged rows. model, against (each pair, the later one first), probe, measure, estimate; NaN where a
    probe was put to no item in both. A pair without an item in common is left out.
    """
    judged = {label: part[part["replay"].isin(["agree", "disagree"])] for label, part in rows.items()}
    lines = []
    for against, model in combinations(judged, 2):
        after, before = (judged[label].set_index("question", drop=False) for label in (model, against))
        both = after.index.intersection(before.index)
        if both.empty:
            continue
        weights = resample(after.loc[both, "group"].tolist(), rng)
        probed = [_probed(part.loc[both]) for part in (after, before)]
        # an item that a probe was put to in one of them alone counts in neither
        missing = {key: probed[0][key].isna() | probed[1][key].isna() for key in probed[0]}
        paired = [{key: hits.mask(missing[key]) for key, hits in part.items()} for part in probed]
        of_after, of_before = (_replay_measures(part) for part in paired)
        for probe, measure in of_after:
            asked = int((~missing.get((probe, measure), missing[probe, "same"])).sum())
            one = _fields(estimate(minus(of_after[probe, measure], of_before[probe, measure]), weights)) | {"n": asked}
            lines.append({"model": model, "against": against, "probe": probe, "measure": measure, **one})
    return pd.DataFrame(lines)


DERIVED = {("blank", "sufficiency"): sufficiency, ("empty", "importance"): importance}
"""(probe, measure) → what is made of the probe's answers and of those by habit."""


def _replay_measures(probed: Mapping[tuple[str, str], pd.Series]) -> dict[tuple[str, str], Measure]:
    """(probe, measure) → the measure of the cases. probed: from `_probed`."""
    habit = probed["blank-empty", "same"]
    derived = {(probe, name): function(probed[probe, "same"], habit) for (probe, name), function in DERIVED.items()}
    return {key: mean(hits) for key, hits in probed.items()} | derived


def _probed(rows: pd.DataFrame) -> dict[tuple[str, str], pd.Series]:
    """(probe, measure) → 1, 0, or NaN where a case was not put to the probe; indexed as the rows."""
    details = pd.DataFrame(rows["replay_details"].map(json.loads).tolist(), rows.index)
    details = details.reindex(columns=[*PROBES, "turned_to"])
    found = {(probe, "same"): (details[probe] == rows["answer"]).astype(float) for probe in PROBES}
    found["flipped", "follows"] = (details["flipped"] == details["turned_to"]).astype(float)
    turned = details["turned_to"].notna()
    return {(probe, name): hits.where(turned) if probe == "flipped" else hits for (probe, name), hits in found.items()}


def judges_agree(rows: pd.DataFrame, judges: Sequence[str], rng: np.random.Generator) -> pd.DataFrame:
    """measure, judges, estimate: `strict` (all give the same verdict) and `kappa` (Fleiss), of all and of each two.

    Only rows that all of them have judged.
    """
    rows = rows.dropna(subset=list(judges))
    weights = resample(rows["group"].tolist(), rng)
    lines = []
    for names in dict.fromkeys((tuple(judges), *combinations(judges, 2))):
        labels = np.stack([pd.Categorical(rows[name], VERDICTS).codes for name in names], axis=1)
        for measure, function in (
            ("strict", mean((labels == labels[:, :1]).all(axis=1))),
            ("kappa", fleiss_kappa(labels, len(VERDICTS))),
        ):
            lines.append({"judges": " + ".join(names), "measure": measure, **_fields(estimate(function, weights))})
    return pd.DataFrame(lines)


def against_truth(rows: pd.DataFrame, questions: Mapping[str, Question]) -> pd.DataFrame:
    """What the rule judge found against the grammar of the microworld, which knows exactly what a reasoning concludes.

    One line a row with reasoning: model, perturbation, question, think, truth and found (letters, or None), and
    outcome: *right*, *invented* (the grammar finds no conclusion), *missed* (the judge finds none) or *another* option.
    """
    columns = ["model", "perturbation", "question", "think", "options"]
    lines = rows.loc[may_reason(rows), [*columns, "rule_concluded"]].reset_index(drop=True)
    lines = lines.rename(columns={"rule_concluded": "found"}).astype({"found": object})
    truth = [
        conclusion(think, options, questions[question].claims)
        for question, think, options in zip(lines["question"], lines["think"], lines.pop("options"), strict=True)
    ]
    lines["truth"] = pd.Series([None if one is None else LETTERS[one] for one in truth], dtype=object)
    lines["found"] = lines["found"].where(lines["found"].notna(), None)
    same, none, missing = lines["found"] == lines["truth"], lines["truth"].isna(), lines["found"].isna()
    lines["outcome"] = np.select([same | (none & missing), none, missing], ["right", "invented", "missed"], "another")
    return lines


def truth_table(checked: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """outcome, its share of all responses with interval, count. checked: from `against_truth`.

    The responses to one question are resampled together: checkpoints and perturbations share it.
    """
    counts = pd.crosstab(checked["question"], checked["outcome"])
    weights = resample(counts.index.tolist(), rng)
    total = counts.sum(axis=1).to_numpy(dtype=float)
    lines = []
    for outcome in ("right", "invented", "missed", "another"):
        hits = counts.get(outcome, pd.Series(0, counts.index)).to_numpy(dtype=float)
        one = estimate(_ratio(hits, total), weights)
        lines.append({"outcome": outcome, **_fields(one), "count": int(hits.sum())})
    return pd.DataFrame(lines)


def _ratio(hits: Array, total: Array) -> Measure:
    return lambda weights: (weights @ hits) / (weights @ total)


def _fields(one: Any) -> dict[str, float]:
    return {"value": one.value, "low": one.low, "high": one.high, "n": one.n}
