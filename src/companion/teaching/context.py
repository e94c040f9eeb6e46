"""What a notebook opens with: the model, the questions, the rows, and the gallery its figures go to.

A notebook may be started by papermill from the project's folder, or in JupyterLab from `notebooks/`; paths in its
parameters are meant from the project's folder either way.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
from IPython.display import Image

from companion.analysis import consistency, findings, tables
from companion.analysis.training_runs import describe, load_runs
from companion.errors import CompanionError
from companion.evaluation.current_rows import numbered
from companion.evaluation.engine import UnansweredError, evaluate, evaluate_prompts, judge, missing_prompts
from companion.evaluation.judges.conflict_judge import Conflict
from companion.evaluation.judges.grounding_judge import Grounding
from companion.evaluation.judges.replay_judge import Replay
from companion.evaluation.judges.rule_judge import Rule
from companion.evaluation.judges.verdicts import Judge
from companion.evaluation.store import VERDICTS, Store
from companion.figures import single_items
from companion.figures.gallery import Gallery
from companion.figures.theme import set_theme, show
from companion.measures import UNPARSABLE
from companion.models.interface import Model, Sampling
from companion.models.openai_client import Account
from companion.models.prices import Price
from companion.models.server import EndpointModel
from companion.perturbations.table import PERTURBATIONS, apply
from companion.provenance import project_root
from companion.questions.microworld import MicroworldQuestion
from companion.questions.question import Question
from companion.questions.registry import load_benchmark

RUNS, SHIPPED = Path("runs"), Path("results/rows")
"""Where rows are written, and where those lie that are too dear to compute at each build."""

LAB_ITEMS, GAP = 300, Path("results/gap/opened")
"""The lab's items: those that every shipped model was asked, the base model for notebook 04."""


@dataclass
class NotebookContext:
    """What every notebook works with. about: "microworld · base · 500 items", the second line of titles."""

    gallery: Gallery
    about: str
    seed: int

    def rng(self) -> np.random.Generator:
        """A fresh generator: each table is the same whichever was made before it."""
        return np.random.default_rng(self.seed)

    def save(self, figure: ModuleType, table: pd.DataFrame, about: str = "") -> Image:
        """Enter a figure into the gallery and return it for display.

        figure: a module of `companion.figures`. table: of its function `table`. about: the second line of its title,
        which is what the notebook is about unless said.
        """
        alt = self.gallery.add(figure, table, about or self.about)
        name = figure.__name__.rpartition(".")[2]
        return Image(filename=str(self.gallery.folder / f"{name}.png"), alt=alt, width=900)


@dataclass
class RunsContext(NotebookContext):
    """runs: what the evaluations of all finished GRPO runs gave (`training_runs.load_runs`). record: one line a run."""

    runs: pd.DataFrame
    record: pd.DataFrame

    def of(self, runs: pd.DataFrame) -> RunsContext:
        """A desk for some of the runs, or some of their steps: its figures and their entries speak of those alone."""
        record = self.record.merge(runs[["start", "recipe", "seed"]].drop_duplicates())
        about, facts = _of_runs(runs)
        return RunsContext(replace(self.gallery, facts=self.gallery.facts | facts), about, self.seed, runs, record)


@dataclass
class GapContext(NotebookContext):
    """answers: of the models that F4 is tested with (`findings.load_gap`)."""

    answers: pd.DataFrame


@dataclass
class LabContext(RunsContext):
    """rows: what every shipped model answered to the questions (`lab.guess.load_rows`)."""

    questions: Sequence[Question]
    rows: pd.DataFrame


@dataclass
class AuditContext(NotebookContext):
    """What auditing a model behind a server works with. rows: judged, of all samples. account: what was spent.

    answers: the same as `findings.answers_of`, one seed a sample.
    """

    rows: pd.DataFrame
    answers: pd.DataFrame
    account: Account


@dataclass
class ModelContext(NotebookContext):
    """rows: one for each question × perturbation."""

    questions: Sequence[Question]
    rows: pd.DataFrame
    device: str

    def others(self, folder: str) -> pd.DataFrame:
        """Rows of every checkpoint in a folder but this model's, on the same questions: shipped, else computed here."""
        from companion.models.local import LocalModel

        found = []
        for path in sorted(Path(folder).glob("*/config.json")) if folder else []:
            model = LocalModel(str(path.parent), self.device)
            if model.identity not in set(self.rows["model_hash"]):
                found.append(evaluate(model, self.questions, list(PERTURBATIONS), _rows(), seed=self.seed))
        return pd.concat(found, ignore_index=True) if found else self.rows.iloc[:0]

    def judged(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Rows with the verdicts of the rule judge and, in the microworld, of the grounding judge."""
        return _judged(rows, self.questions)

    def replayed(self, rows: pd.DataFrame, checkpoint: str) -> pd.DataFrame:
        """Rows of one checkpoint with the verdicts of its replay."""
        from companion.models.local import LocalModel

        replay = Replay(LocalModel(checkpoint, self.device))
        return consistency.with_verdicts(rows, judge(replay, rows, self.questions, _verdicts()))

    def examples(self, n: int, perturbation: str) -> list[Question]:
        """The first n questions that were right under the plain prompt and wrong under `perturbation`; fewer if there
        are fewer."""
        table = self.rows.pivot(index="question", columns="perturbation", values="correct")
        lost = set(table.index[table["plain"] & ~table[perturbation]])
        return [question for question in self.questions if question.id in lost][:n]

    def show(self, question: Question, perturbations: Sequence[str]) -> Image:
        """The picture of a question and, for some perturbations, what was asked and what the model wrote."""
        rows = self.rows[self.rows["question"] == question.id].set_index("perturbation")
        return show(single_items.example(question, rows.loc[list(perturbations)]), _told(question, perturbations))

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


@dataclass
class ReportContext(NotebookContext):
    """What a report on one model works with. rows: of all benchmarks, judged. questions: by benchmark and id."""

    questions: dict[tuple[str, str], Question]
    rows: pd.DataFrame

    @property
    def benchmarks(self) -> list[str]:
        return list(self.rows["benchmark"].unique())

    def tables(self, table: Callable[[pd.DataFrame, np.random.Generator], pd.DataFrame]) -> pd.DataFrame:
        """A table of each benchmark's rows, one below the other, with the benchmark in front."""
        return tables.for_each(self.rows, "benchmark", lambda part: table(part, self.rng()))

    def example(self, benchmark: str, perturbation: str) -> Image:
        """A question whose answer changes under a perturbation, or the first if there is none, with what the model
        wrote."""
        rows = self.rows[self.rows["benchmark"] == benchmark]
        answers = rows.pivot(index="question", columns="perturbation", values="answer")
        moved = answers.index[answers["plain"].notna() & (answers["plain"] != answers[perturbation])]
        id = str((moved if len(moved) else answers.index)[0])
        shown = rows[rows["question"] == id].set_index("perturbation").loc[["plain", perturbation]]
        question = self.questions[benchmark, id]
        return show(single_items.example(question, shown), _told(question, ["plain", perturbation]))


def open_session(
    notebook: str, parameters: Mapping[str, Any], perturbations: Sequence[str] = tuple(PERTURBATIONS)
) -> ModelContext:
    """Evaluate what is not yet in `runs/` and open the gallery `figures/`.

    parameters: model, benchmark, n_items, seed, device and profile, as in the notebook's parameters cell.
    """
    _prepare()
    model = _open(parameters)
    questions = load_benchmark(parameters["benchmark"], parameters["n_items"], parameters["seed"])
    asked = partial(evaluate, model, questions, perturbations, _rows(), seed=parameters["seed"])
    rows, questions = _whole([asked], questions)
    about = f"{questions[0].source} · {model.label} · {len(questions)} items · one checkpoint, one seed{_unread(rows)}"
    gallery = Gallery(Path("figures"), notebook, parameters, _facts(model, len(questions), parameters["seed"]))
    return ModelContext(gallery, about, parameters["seed"], questions, rows, parameters["device"])


def open_report(
    notebook: str, parameters: Mapping[str, Any], perturbations: Sequence[str] = tuple(PERTURBATIONS)
) -> ReportContext:
    """Evaluate a model on some benchmarks, judge what it wrote by the rule judge, and open a gallery.

    parameters: model, benchmark (names with commas between them), n_items (of each), seed, device, profile, and
    figures: the gallery's folder.
    """
    _prepare()
    model = _open(parameters)
    given = [
        load_benchmark(name, parameters["n_items"], parameters["seed"]) for name in parameters["benchmark"].split(",")
    ]
    names = numbered((items[0].source, items[0].folder) for items in given)
    questions: dict[tuple[str, str], Question] = {}
    rows = []
    for items in given:
        name = names[items[0].source, items[0].folder]
        asked = partial(evaluate, model, items, perturbations, _rows(), seed=parameters["seed"])
        answered, items = _whole([asked], items)
        questions |= {(name, item.id): item for item in items}
        rows.append(_judged(answered, items).assign(benchmark=name))
    found = pd.concat(rows, ignore_index=True)
    on = found["benchmark"].iloc[0] if len(rows) == 1 else f"{len(rows)} benchmarks"
    guessing = [
        benchmark for benchmark, _ in findings.at_chance(found, lambda: np.random.default_rng(parameters["seed"]))
    ]
    told = f"\nnot above chance: {', '.join(guessing)}" if guessing else ""
    about = f"{on} · {model.label} · {len(questions)} items · one checkpoint, one seed{_unread(found)}{told}"
    gallery = Gallery(
        Path(parameters["figures"]), notebook, parameters, _facts(model, len(questions), parameters["seed"])
    )
    return ReportContext(gallery, about, parameters["seed"], questions, found)


def open_audit(notebook: str, parameters: Mapping[str, Any], perturbations: Sequence[str]) -> AuditContext:
    """Ask a model behind a server within a budget, judge what it wrote, and open a gallery.

    parameters: endpoint (a URL, openai:NAME or gemini:NAME), benchmark, n_items, samples (of each prompt) and their
    temperature, effort (of hidden reasoning, or ""), profile, seed, price (dollars per million tokens read and written,
    or [] for the listed one), budget (dollars that are not exceeded; to give one is to agree to spend it) and figures:
    the gallery's folder. Prints what it may cost and what it did. Raises CompanionError, before anything is sent, where
    there is a price and no budget, and where the budget is spent: what was answered is kept.
    """
    from companion.models.open import open_model

    _prepare()
    account = Account(parameters["budget"] or None)
    model = open_model(
        parameters["endpoint"], profile=parameters["profile"], account=account, effort=parameters["effort"] or None,
        price=Price(*parameters["price"]) if parameters["price"] else None,
    )  # fmt: skip
    if not isinstance(model, EndpointModel):
        raise CompanionError(f"{model.label} is no model behind a server; give a URL, openai:NAME or gemini:NAME")
    questions = load_benchmark(parameters["benchmark"], parameters["n_items"], parameters["seed"])
    samplings = [Sampling(parameters["temperature"], sample=number) for number in range(parameters["samples"])]
    prompts = [
        apply(question, perturbation, parameters["seed"]) for question in questions for perturbation in perturbations
    ]
    if len(samplings) > 1 and not parameters["temperature"]:
        raise CompanionError(
            "samples at temperature 0 are all the same; set a temperature, such as 1.0, or samples to 1"
        )
    todo = [job for one in samplings for job in missing_prompts(model, prompts, _rows(), one)]
    estimate = model.estimate(todo, samplings[0])
    if estimate.dollars and account.budget is None:
        raise CompanionError(f"{estimate}; nothing was sent: set budget to the dollars that you agree to spend")
    print(estimate)
    try:
        rows, questions = _whole(
            [partial(evaluate_prompts, model, prompts, _rows(), one) for one in samplings], questions
        )
    finally:
        print(account)
    rows = _judged(rows, questions, [Rule(), Conflict()])
    asked = f"{len(questions)} items, each asked {len(samplings)} time{'s' if len(samplings) > 1 else ''}"
    about = f"{questions[0].source} · {model.label} · {asked}{_unread(rows)}"
    gallery = Gallery(
        Path(parameters["figures"]), notebook, parameters, _facts(model, len(questions), parameters["seed"])
    )
    return AuditContext(gallery, about, parameters["seed"], rows, findings.answers_of(rows, model.delivery), account)


def _whole(
    asked: Sequence[Callable[[], pd.DataFrame]], questions: Sequence[Question]
) -> tuple[pd.DataFrame, Sequence[Question]]:
    """Rows of those questions that a model has answered under every perturbation, and these; prints which it has not.

    asked: each gives rows of all questions. Raises CompanionError where there is no question left.
    """
    found, said = [], []
    without: set[str] = set()
    for one in asked:
        try:
            found.append(one())
        except UnansweredError as error:
            found.append(error.found)
            said.append(str(error))
            without |= error.items
    left = [question for question in questions if question.id not in without]
    if not left:
        raise CompanionError("\n".join(said))
    for line in said:
        print(f"{line}\nThese items are left out.")
    rows = pd.concat(found, ignore_index=True)
    return rows[~rows["question"].isin(without)].reset_index(drop=True), left


def open_gap(notebook: str, parameters: Mapping[str, Any]) -> GapContext:
    """Read the answers that F4 is tested on and open a gallery.

    parameters: gap (folder), seed (of the bootstrap) and figures (the gallery's folder).
    """
    _prepare()
    answers = findings.load_gap(Path(parameters["gap"]))
    models = answers.groupby("recipe", sort=False)["seed"].nunique()
    items = int(answers["question"].nunique())
    facts = {"models": int(models.sum()), "items": items, "seeds": sorted(map(int, answers["seed"].unique())),
             "device": "cpu"}  # fmt: skip
    told = ", ".join(f"{count} seeds of {name}" if count > 1 else name for name, count in models.items())
    about = f"microworld · {told} · {items} items"
    return GapContext(
        Gallery(Path(parameters["figures"]), notebook, parameters, facts), about, parameters["seed"], answers
    )


def open_lab(notebook: str, parameters: Mapping[str, Any]) -> LabContext:
    """Read the GRPO runs and what the shipped models answered, and open the gallery `figures/`.

    parameters: results (folder) and seed (of the bootstrap and of the game).
    """
    from companion.teaching.lab.asking import CHECKPOINTS, models_in
    from companion.teaching.lab.guess import load_rows

    desk = open_results(notebook, parameters)
    questions = load_benchmark("microworld", LAB_ITEMS, 0)
    models = models_in(CHECKPOINTS)
    rows = load_rows(models, questions, Store(RUNS, shipped=[SHIPPED, GAP]))
    desk.gallery.facts["models"] = len(models)
    return LabContext(desk.gallery, desk.about, desk.seed, desk.runs, desk.record, questions, rows)


def _prepare() -> None:
    os.chdir(project_root(Path.cwd()))
    set_theme()


def _open(parameters: Mapping[str, Any]) -> Model:
    """The notebook's model. Raises CompanionError for one that a company is paid for."""
    from companion.models.open import SERVICES, open_model

    name = parameters["model"]
    if name.partition(":")[0] in SERVICES:
        raise CompanionError(
            f"{name} costs money, and this notebook asks nobody whether to spend it: give it to notebook 04 with a "
            f"budget, or give `companion evaluate --model {name}`, then `companion judge`, `claims` and `compare`"
        )
    return open_model(name, parameters["device"], parameters["profile"])


def _facts(model: Model, items: int, seed: int) -> dict[str, Any]:
    return {
        "model": model.label, "checkpoint_hash": model.identity, "profile": model.profile.name, "items": items,
        "seeds": [seed], "device": model.device,
    }  # fmt: skip


def _told(question: Question, perturbations: Sequence[str]) -> str:
    """The alt text of an example."""
    wrote = f", and what the model wrote under {', '.join(perturbations)}" if perturbations else ""
    return f"A picture with the question “{question.text}” and its options{wrote}"


def _unread(rows: pd.DataFrame) -> str:
    """What every figure says of a run in which too many answers could not be read, else nothing."""
    share = rows["answer"].isna().mean()
    return f"\n{share:.0%} of the answers could not be read" if share > UNPARSABLE else ""


def _judged(rows: pd.DataFrame, questions: Sequence[Question], judges: Sequence[Judge] = ()) -> pd.DataFrame:
    """judges: the rule judge and, in the microworld, the grounding judge, unless others are given."""
    judges = judges or [Rule()] + ([Grounding()] if isinstance(questions[0], MicroworldQuestion) else [])
    verdicts = [judge(one, rows, questions, _verdicts()) for one in judges]
    return consistency.with_verdicts(rows, pd.concat(verdicts, ignore_index=True))


def _rows() -> Store:
    return Store(RUNS, shipped=[SHIPPED])


def _verdicts() -> Store:
    return Store(RUNS / "verdicts", VERDICTS, shipped=[SHIPPED / "verdicts"])


def open_results(notebook: str, parameters: Mapping[str, Any]) -> RunsContext:
    """Read the finished GRPO runs and open the gallery `figures/`.

    parameters: results (folder) and seed (of the bootstrap), as in the notebook's parameters cell.
    """
    _prepare()
    folder = Path(parameters["results"])
    runs, record = load_runs(folder), describe(folder)
    about, facts = _of_runs(runs)
    facts["device"] = "cpu"
    return RunsContext(Gallery(Path("figures"), notebook, parameters, facts), about, parameters["seed"], runs, record)


def _of_runs(runs: pd.DataFrame) -> tuple[str, dict[str, Any]]:
    """What figures say of the runs that they show, and what the manifest does."""
    count = runs.groupby(["start", "recipe", "seed"]).ngroups
    seeds = sorted(int(seed) for seed in runs["seed"].unique())
    each = runs.groupby("step")["question"].nunique()
    items = f"{each.max()} validation items"
    if each.min() < each.max():
        items = f"{each.min()} validation items on the way, {each.max()} at both ends"
    starts = " and ".join(sorted(runs["start"].unique()))
    over = f"seeds {seeds[0]} to {seeds[-1]}" if len(seeds) > 1 else f"seed {seeds[0]}"
    about = f"microworld · {count} GRPO run{'s' if count > 1 else ''} from {starts} · {over} · {items}"
    return about, {"runs": count, "items": int(each.max()), "seeds": seeds}
