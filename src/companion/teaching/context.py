"""What a notebook opens with: the model, the questions, the rows, and the gallery its figures go to.

A notebook may be started by papermill from the project's folder, or in JupyterLab from `notebooks/`; paths in its
parameters are meant from the project's folder either way.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
from IPython.display import Image, Markdown

from companion.analysis import consistency, findings, leaderboard
from companion.analysis.panel import INITIAL, RunsPanel
from companion.errors import CompanionError
from companion.evaluation.current_rows import numbered
from companion.evaluation.engine import judge
from companion.evaluation.judges.conflict_judge import Conflict
from companion.evaluation.judges.judge_registry import judges_at_hand
from companion.evaluation.judges.replay_judge import Replay
from companion.evaluation.judges.rule_judge import Rule
from companion.evaluation.judges.verdicts import Judge
from companion.evaluation.samples import agree, ask, estimate_samples
from companion.evaluation.store import ROWS, VERDICTS, Store
from companion.figures import single_items
from companion.figures.gallery import Gallery
from companion.figures.theme import set_theme, show
from companion.models.account import Account
from companion.models.interface import Model, Sampling
from companion.models.prices import Price
from companion.models.server import EndpointModel
from companion.perturbations.perturbation import PERTURBATIONS, Prompt, apply
from companion.provenance import project_root
from companion.questions.question import Question
from companion.questions.registry import load_benchmark
from companion.study.summaries import recorded
from companion.teaching.outcome import LEFT_OUT
from companion.teaching.subtitles import about_prefixes, items_of, reasoned_anyway, unread

RUNS, SHIPPED = Path("runs"), Path("results/rows")
"""Where rows are written, and where those lie that are too dear to compute at each build."""

BESIDE = ("misread-20", "rl-correct", "reference")
"""The shipped models that a reader's own is shown beside, on the microworld: after RL, after RL from reasoning that
misreads the picture, and taught to contradict."""

LAB_ITEMS, GAP = 300, Path("results/gap/opened")
"""The lab's items: those that every shipped model was asked, the base model for notebook 07."""


@dataclass
class NotebookContext:
    """What every notebook works with, and the data that it was opened with; the other data are empty.

    subtitle: "microworld · base · 500 items", the second line of titles. rows: one for each question × perturbation
    (× model × sample), whose benchmark is the source of its question. answers: seeds (or samples) × items ×
    perturbations (`findings.load_gap`). panel: the records of training runs.
    """

    gallery: Gallery
    subtitle: str
    seed: int
    questions: Sequence[Question] = ()
    rows: pd.DataFrame = field(default_factory=pd.DataFrame)
    answers: pd.DataFrame = field(default_factory=pd.DataFrame)
    panel: RunsPanel | None = None

    def rng(self) -> np.random.Generator:
        """A fresh generator: each table is the same whichever was made before it."""
        return np.random.default_rng(self.seed)

    def save(self, figure: ModuleType, table: pd.DataFrame, subtitle: str = "") -> Image:
        """Enter a figure into the gallery and return it for display.

        figure: a module of `companion.figures`. table: of its function `table`. subtitle: the notebook's unless given.
        """
        alt = self.gallery.add(figure, table, subtitle or self.subtitle)
        name = figure.__name__.rpartition(".")[2]
        return Image(filename=str(self.gallery.folder / f"{name}.png"), alt=alt, width=900)

    def save_if_told(self, figure: ModuleType, table: pd.DataFrame) -> Image | Markdown:
        """`save` of a figure of the first model's probabilities; where it has none, a sentence stands for it, and the
        figure that another model left in the gallery is taken out."""
        if self.rows.loc[self.rows["model"] == self.rows["model"].iloc[0], "p_correct"].notna().any():
            return self.save(figure, table)
        self.gallery.remove(figure)
        served = self.gallery.facts["device"] == EndpointModel.device
        why = "this server tells no probabilities" if served else "no answer came by a letter that has a probability"
        return Markdown(f"**Not measured**: {why}.")

    def reasoned_anyway(self) -> str:
        """In how many responses a model reasoned that was told not to (`stop-think`): "37 of 60 responses", or ""."""
        found = reasoned_anyway(self.rows[self.rows["perturbation"] == "stop-think"])
        return f"{found.sum()} of {len(found)} responses" if found.any() else ""

    def beside_shipped(self) -> NotebookContext:
        """With the rows of the models `BESIDE`, where they were asked the same items of the microworld, and with their
        verdicts where this model's rows have some. The rows are read from `SHIPPED`, and none is computed."""
        asked = self.rows[self.rows["benchmark"] == "microworld"]
        if asked.empty:
            return self
        shipped = leaderboard.load([str(SHIPPED)])[ROWS.names]
        shipped = shipped[shipped["model"].isin(BESIDE) & ~shipped["model_hash"].isin(asked["model_hash"])]
        shipped = shipped[shipped["question"].isin(asked["question"])]
        shipped = shipped[shipped["perturbation"].isin(asked["perturbation"])]
        items = asked["question"].nunique()
        shipped = shipped[shipped.groupby("model")["question"].transform("nunique") == items]
        taken = shipped["model"].isin(asked["model"])
        shipped = shipped.assign(model=shipped["model"].mask(taken, shipped["model"] + " (shipped)"))
        if shipped.empty:
            return self
        if "rule" in self.rows:
            shipped = _judged(shipped, [one for one in self.questions if one.source == "microworld"])
        first, *more = self.subtitle.split("\n")
        subtitle = "\n".join([f"{first} · beside it {shipped['model'].nunique()} shipped models", *more])
        return replace(self, subtitle=subtitle, rows=pd.concat([self.rows, shipped], ignore_index=True))

    def replayed(self, rows: pd.DataFrame, checkpoint: str, device: str) -> pd.DataFrame:
        """Rows of one checkpoint with the verdicts of its replay."""
        from companion.models.local import LocalModel

        return _judged(rows, self.questions, [Replay(LocalModel(checkpoint, device, rows["profile"].iloc[0]))])

    def examples(self, n: int, perturbation: str) -> list[Question]:
        """The first n questions that were right under the plain prompt and wrong under `perturbation`; fewer if there
        are fewer."""
        correct = self.rows.pivot(index=["benchmark", "question"], columns="perturbation", values="correct")
        lost = set(correct.index[correct["plain"] & ~correct[perturbation]])
        return [question for question in self.questions if (question.source, question.id) in lost][:n]

    def moved(self, perturbation: str) -> Question:
        """Of the first benchmark, by id, the first question whose answer changes under a perturbation, or the first."""
        items = {question.id: question for question in self.questions if question.source == self.questions[0].source}
        rows = self.rows[self.rows["benchmark"] == self.questions[0].source]
        answers = rows.pivot(index="question", columns="perturbation", values="answer")
        changed = answers.index[answers["plain"].notna() & (answers["plain"] != answers[perturbation])]
        return items[str((changed if len(changed) else answers.index)[0])]

    def show(self, question: Question, perturbations: Sequence[str]) -> Image:
        """The picture of a question and, for some perturbations, what was asked and what the model wrote."""
        own = (self.rows["benchmark"] == question.source) & (self.rows["question"] == question.id)
        rows = self.rows[own].set_index("perturbation").loc[list(perturbations)]
        wrote = f", and what the model wrote under {', '.join(perturbations)}" if perturbations else ""
        alt = f"A picture with the question “{question.text}” and its options{wrote}"
        return show(single_items.example(question, rows), alt)

    def pictures(self, n: int = 9) -> Image:
        """Every tenth picture with its question, up to n: families and difficulties of the microworld in turn."""
        shown = self.questions[::10][:n]
        return show(single_items.pictures(shown), f"{len(shown)} pictures of the benchmark with their questions")

    def browse(self) -> None:
        """A slider over the items and a menu of the perturbations; needs a live kernel.

        Drawn into a picture widget: with an Output widget, running a notebook headlessly may wait for ever (nbclient
        answers that widget on the socket on which it waits).
        """
        import ipywidgets
        from IPython.display import display

        item = ipywidgets.IntSlider(0, 0, len(self.questions) - 1, description="item", continuous_update=False)
        perturbation = ipywidgets.Dropdown(
            options=list(dict.fromkeys(self.rows["perturbation"])), description="perturbation"
        )
        picture = ipywidgets.Image(format="png", layout=ipywidgets.Layout(width="900px"))

        def look(_change: Any = None) -> None:
            shown = dict.fromkeys(("plain", perturbation.value))
            picture.value = self.show(self.questions[item.value], list(shown)).data

        for control in (item, perturbation):
            control.observe(look, "value")
        look()
        display(ipywidgets.VBox([item, perturbation, picture]))


def open_rows(
    notebook: str,
    parameters: Mapping[str, Any],
    perturbations: Sequence[str] = tuple(PERTURBATIONS),
    judged: bool = False,
) -> NotebookContext:
    """Evaluate a model on some benchmarks, as far as its rows are not yet in `runs/`.

    parameters: model, benchmark (names with commas between them), n_items (of each), seed, device and profile, as in
    the notebook's parameters cell; where it has them, delivery, max_new_tokens and system, as the options of `companion
    evaluate`. judged: by the judges of reasoning that need no model: the rule judge and, in the microworld, the
    grounding judge.
    """
    _prepare()
    model, seed, sampling = _open_unpaid(parameters), parameters["seed"], _sampling(parameters)
    benchmarks = [load_benchmark(name, parameters["n_items"], seed) for name in parameters["benchmark"].split(",")]
    names = numbered((items[0].source, items[0].folder) for items in benchmarks)
    questions: list[Question] = []
    parts = []
    for items in benchmarks:
        name = names[items[0].source, items[0].folder]
        rows, items = _answered(model, items, _prompts(items, perturbations, seed), [sampling])
        parts.append((_judged(rows, items) if judged else rows).assign(benchmark=name))
        questions += [replace(item, source=name) for item in items]
    rows = pd.concat(parts, ignore_index=True)
    on = questions[0].source if len(parts) == 1 else f"{len(parts)} benchmarks"
    guessing = [benchmark for benchmark, _ in findings.at_chance(rows, lambda: np.random.default_rng(seed))]
    left = items_of(len(questions), sum(map(len, benchmarks)))
    subtitle = f"{on} · {model.label} · {left} · one checkpoint, one seed{unread(rows)}{about_prefixes(rows)}"
    subtitle += f"\nnot above chance: {', '.join(guessing)}" if guessing else ""
    facts = _facts(model, len(questions), seed)
    return _context(notebook, parameters, subtitle, facts, questions=questions, rows=rows)


def open_audit(notebook: str, parameters: Mapping[str, Any], perturbations: Sequence[str]) -> NotebookContext:
    """Ask a model behind a server within a budget, and judge what it wrote. answers: one seed a sample.

    parameters: endpoint (a URL, openai:NAME or gemini:NAME), benchmark, n_items, samples (of each prompt) and their
    temperature, effort (of hidden reasoning, or ""), profile, seed, price (dollars per million tokens read and written,
    or [] for the listed one), budget (dollars that are not exceeded; to give one is to agree to spend it) and figures:
    the gallery's folder. Prints what it may cost and what it did. Raises CompanionError, before anything is sent, where
    there is a price and no budget, and where the budget is spent: what was answered is kept.
    """
    from companion.models.open import ServerSettings, open_model

    _prepare()
    account = Account(parameters["budget"] or None)
    server = ServerSettings(
        account=account,
        price=Price(*parameters["price"]) if parameters["price"] else None,
        effort=parameters["effort"] or None,
    )
    model = open_model(parameters["endpoint"], profile=parameters["profile"], server=server)
    if not isinstance(model, EndpointModel):
        raise CompanionError(f"{model.label} is no model behind a server; give a URL, openai:NAME or gemini:NAME")
    questions = load_benchmark(parameters["benchmark"], parameters["n_items"], parameters["seed"])
    prompts = _prompts(questions, perturbations, parameters["seed"])
    samplings = [Sampling(parameters["temperature"], sample=number) for number in range(parameters["samples"])]
    estimate = estimate_samples(model, prompts, _rows(), samplings)

    def refuse(_dollars: float) -> None:
        raise CompanionError(f"{estimate}; nothing was sent: set budget to the dollars that you agree to spend")

    agree(account, {f"{model.label} on {questions[0].source}": estimate}, refuse)
    every = len(questions)
    try:
        rows, questions = _answered(model, questions, prompts, samplings)
    finally:
        print(account)
    rows = _judged(rows, questions, [Rule(), Conflict()])
    asked = f"{items_of(len(questions), every)}, each asked {len(samplings)} time{'s' if len(samplings) > 1 else ''}"
    subtitle = f"{questions[0].source} · {model.label} · {asked}{unread(rows)}"
    facts, answers = _facts(model, len(questions), parameters["seed"]), findings.answers_of(rows, model.delivery)
    return _context(notebook, parameters, subtitle, facts, questions=questions, rows=rows, answers=answers)


def open_gap(notebook: str, parameters: Mapping[str, Any]) -> NotebookContext:
    """Read the answers that F4 is tested on.

    parameters: gap (folder), seed (of the bootstrap) and figures (the gallery's folder).
    """
    _prepare()
    answers = findings.load_gap(Path(parameters["gap"]))
    models = answers.groupby("recipe", sort=False)["seed"].nunique()
    items = int(answers["question"].nunique())
    facts = {
        "models": int(models.sum()),
        "items": items,
        "seeds": sorted(map(int, answers["seed"].unique())),
        "device": "cpu",
    }
    told = ", ".join(f"{count} seeds of {name}" if count > 1 else name for name, count in models.items())
    return _context(notebook, parameters, f"microworld · {told} · {items} items", facts, answers=answers)


def open_study(notebook: str, parameters: Mapping[str, Any]) -> NotebookContext:
    """Read the records of training runs: of the study, or of `companion train grpo`.

    parameters: study (folder), seed, and figures (the gallery's folder) if it is not the project's. The panel's answers
    are read as they are asked for.
    """
    _prepare()
    folder = Path(parameters["study"])
    panel = RunsPanel(folder)
    made = [file for file in sorted(folder.glob("*/*/run.json")) if not file.parent.name.startswith(INITIAL)]
    runs, planned = recorded(panel)
    seeds = sorted({int(file.parent.parent.name.rpartition("-")[2]) for file in made})
    facts = {"runs": len(made), "items": len(panel.items), "seeds": seeds, "device": panel.device}
    if not runs:
        return _context(
            notebook, parameters, f"{len(made)} RL run{'s' * (len(made) != 1)} of {folder}", facts, panel=panel
        )
    facts |= {"planned_runs": planned}
    subtitle = f"microworld · models of 1.65 million parameters · {runs} of {planned} RL runs of the study recorded"
    return _context(notebook, parameters, subtitle, facts, panel=panel)


def open_lab(notebook: str, parameters: Mapping[str, Any]) -> NotebookContext:
    """Read the records of the study, and what the shipped models answered (`lab_rows`).

    parameters: study (folder) and seed (of the game).
    """
    from companion.teaching.lab.asking import CHECKPOINTS, models_in

    context = open_study(notebook, parameters)
    models = models_in(CHECKPOINTS)
    context.gallery.facts["models"] = len(models)
    context.questions = load_benchmark("microworld", LAB_ITEMS, 0)
    context.rows = lab_rows(models, context.questions)
    return context


def lab_rows(models: Mapping[str, Path], questions: Sequence[Question]) -> pd.DataFrame:
    """What models answered to questions (`lab.guess.load_rows`), with what the judges found. models: by name."""
    from companion.teaching.lab.guess import load_rows

    return _judged(load_rows(models, questions, Store(RUNS, shipped=[SHIPPED, GAP])), questions)


def _prepare() -> None:
    os.chdir(project_root(Path.cwd()))
    set_theme()


def _context(
    notebook: str, parameters: Mapping[str, Any], subtitle: str, facts: dict[str, Any], **data: Any
) -> NotebookContext:
    """A context with its gallery: the folder of the parameter figures, or `figures/`."""
    gallery = Gallery(Path(parameters.get("figures", "figures")), notebook, parameters, facts)
    return NotebookContext(gallery, subtitle, parameters["seed"], **data)


def _open_unpaid(parameters: Mapping[str, Any]) -> Model:
    """The notebook's model. Raises CompanionError for one that a company is paid for, and for a delivery that it does
    not have."""
    from companion.models.open import SERVICES, ServerSettings, is_served, open_model
    from companion.models.profiles import read_system

    name = parameters["model"]
    if name.partition(":")[0] in SERVICES:
        raise CompanionError(
            f"{name} costs money, and this notebook asks nobody whether to spend it: give it to notebook 07 with a "
            f"budget, or give `companion evaluate --model {name}`, then `companion judge`, `claims` and `compare`"
        )
    delivery, system = parameters.get("delivery", "auto"), parameters.get("system", "")
    if delivery != "auto" and not is_served(name):
        raise CompanionError(f"delivery is for models behind a server, and {name} is none; leave it out")
    server = ServerSettings() if delivery == "auto" else ServerSettings(delivery)
    system = read_system(Path(system)) if system else ""
    return open_model(name, parameters["device"], parameters["profile"], system, server=server)


def _sampling(parameters: Mapping[str, Any]) -> Sampling:
    """How a notebook's model writes. Raises CompanionError for tokens that are no number of them."""
    most = parameters.get("max_new_tokens", 0)
    if type(most) is not int or most < 0:
        raise CompanionError(f"max_new_tokens {most!r}: give a number of tokens, or 0 for as many as the profile says")
    return Sampling(max_new_tokens=most or None)


def _prompts(questions: Sequence[Question], perturbations: Sequence[str], seed: int) -> list[Prompt]:
    return [apply(question, perturbation, seed) for question in questions for perturbation in perturbations]


def _answered(
    model: Model, questions: Sequence[Question], prompts: Sequence[Prompt], samplings: Sequence[Sampling]
) -> tuple[pd.DataFrame, Sequence[Question]]:
    """Rows of those questions that a model has answered in every prompt and sample, and these; prints which it has not.

    Raises CompanionError where there is no question left.
    """
    found = ask(model, prompts, _rows(), samplings)
    left = [question for question in questions if question.id not in found.items]
    if not left:
        raise CompanionError("\n".join(found.unanswered))
    for sentence in found.unanswered:
        print(f"{sentence}\n{LEFT_OUT}")
    return found.rows[~found.rows["question"].isin(found.items)].reset_index(drop=True), left


def _facts(model: Model, items: int, seed: int) -> dict[str, Any]:
    return {
        "model": model.label,
        "checkpoint_hash": model.identity,
        "profile": model.profile.name,
        "items": items,
        "seeds": [seed],
        "device": model.device,
    }


def _judged(rows: pd.DataFrame, questions: Sequence[Question], judges: Sequence[Judge] = ()) -> pd.DataFrame:
    """judges: unless others are given, all that judge reasoning and need no model (`judges_at_hand`)."""
    verdicts = [judge(one, rows, questions, _verdicts()) for one in judges or judges_at_hand(questions)]
    return consistency.with_verdicts(rows, pd.concat(verdicts, ignore_index=True))


def _rows() -> Store:
    return Store(RUNS, shipped=[SHIPPED])


def _verdicts() -> Store:
    return Store(RUNS / "verdicts", VERDICTS, shipped=[SHIPPED / "verdicts"])
