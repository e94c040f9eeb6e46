"""Commands that show what rows say, and plan more: `figures`, `findings`, `claims`, `compare`, `plan`."""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from companion.cli.options import Commands, positive
from companion.errors import CompanionError
from companion.evaluation.judges.judge_registry import names

REPORT, AUDIT = "08_your_model.ipynb", "07_closed_vs_open.ipynb"

MADE = Path("runs/made")
"""Where `figures` keeps from what each notebook was made (`teaching.stamps`)."""


def add(commands: Commands) -> None:
    """Add these commands."""
    figures = commands.add_parser(
        "figures",
        help="run every notebook that has changed, or what it reads, and write executed/ and figures/; or draw single "
        "figures from their tables",
    )
    figures.add_argument(
        "--out",
        type=Path,
        help="a folder for one notebook alone: with an ENDPOINT its audit (07), else the report on MODEL (08); for "
        "single figures, where they lie",
    )
    figures.add_argument(
        "parameters",
        nargs="*",
        metavar="NAME=VALUE | FIGURE",
        help="notebook parameters, as N_ITEMS=100; or figures, as perturbation_drops, which are drawn again from their "
        "csv as it is: no notebook runs",
    )
    figures.set_defaults(run=_figures)

    findings = commands.add_parser("findings", help="write FINDINGS.md: what became of each of the paper's findings")
    findings.add_argument(
        "--run",
        dest="report",
        type=Path,
        metavar="FOLDER",
        help="a folder of `make report`: adds a column with its verdicts",
    )
    findings.add_argument("--out", type=Path, help="the file to write (default: FINDINGS.md here, or in that folder)")
    findings.set_defaults(run=_findings)

    claims = commands.add_parser("claims", help="the paper's findings as tests on the rows of runs")
    compare = commands.add_parser("compare", help="runs side by side: accuracy, robustness, consistency, intervals")
    for parser_of, run in ((claims, _claims), (compare, _compare)):
        parser_of.add_argument("runs", nargs="+", metavar="RUN", help="a folder of rows, or hub:user/name")
        parser_of.add_argument(
            "--judge",
            choices=names(of_reasoning=True),
            default="rule",
            help="the judge whose verdicts count (default: %(default)s)",
        )
        parser_of.add_argument("--seed", type=int, default=0, help="seed of the bootstrap")
        parser_of.add_argument("--csv", type=Path, help="a file to write the whole table to")
        parser_of.set_defaults(run=run)

    plan = commands.add_parser("plan", help="GPU-hours of the paper's full grid, or of a part of it, and from what")
    plan.add_argument("--benchmark", default="all", help="all, or names with commas between them")
    plan.add_argument("--perturbations", default="all", help="all, or names with commas between them")
    plan.add_argument(
        "--models", type=positive, default=7, help="number of models (default: the paper's %(default)s open ones)"
    )
    plan.add_argument("--seeds", type=positive, default=5, help="training seeds of each recipe (default: %(default)s)")
    plan.add_argument("--gpu", default="h100", help="kind of GPU: a100, h100 or h200 (default: %(default)s)")
    plan.add_argument("--gpus", type=positive, default=8, help="GPUs of the cluster (default: %(default)s)")
    plan.add_argument("--dollars", type=float, help="price of a GPU-hour")
    plan.add_argument("--rows", help="a run whose responses tell how long they are")
    plan.set_defaults(run=_plan)


def _figures(options: argparse.Namespace) -> None:
    named = [one for one in options.parameters if "=" not in one]
    if named and len(named) < len(options.parameters):
        raise CompanionError(f"{', '.join(named)}: give figures to draw again, or parameters for notebooks, not both")
    if named:
        _redraw(options.out or Path("figures"), named)
    elif options.out:
        _report(options.out, options.parameters)
    else:
        _everything(options.parameters)


def _redraw(folder: Path, named: Sequence[str]) -> None:
    """Draw single figures from their tables."""
    from companion.figures.gallery import redraw

    for name in named:
        before = (folder / f"{name}.png").read_bytes() if (folder / f"{name}.png").exists() else None
        redraw(folder, name)
        same = before == (folder / f"{name}.png").read_bytes()
        print(f"{folder / name}.png: {'drawn, and the same as before' if same else 'drawn'}")


def _report(out: Path, given: Sequence[str]) -> None:
    """The one notebook on a model of the user's."""
    from companion.teaching.pages import findings_page
    from companion.teaching.run_notebooks import parse_parameters, run_notebooks

    parameters = parse_parameters(given)
    _check_named(parameters)
    notebook = Path("notebooks") / (AUDIT if "endpoint" in parameters else REPORT)
    run_notebooks([notebook], out, parameters | {"figures": str(out / "figures")})
    if notebook.name == REPORT:
        findings_page.write(out / findings_page.NAME, Path("figures"), out)


def _everything(given: Sequence[str]) -> None:
    """All notebooks whose inputs have changed, then, without parameters, the pages, if theirs have."""
    from companion.locks import locked
    from companion.teaching.run_notebooks import parse_parameters, run_notebooks

    parameters = parse_parameters(given)
    _check_named(parameters)
    MADE.mkdir(parents=True, exist_ok=True)
    with locked(MADE):
        run_notebooks(sorted(Path("notebooks").glob("*.ipynb")), Path("executed"), parameters, MADE)
        if not parameters and Path("README.md").exists():
            _update_pages(MADE / "pages.json")


def _check_named(parameters: Mapping[str, Any]) -> None:
    """Raises CompanionError for a model or a benchmark that is seen not to be there before a kernel starts."""
    for name in str(parameters.get("benchmark", "microworld")).split(","):
        if name != "microworld":
            from companion.questions.registry import check_name

            check_name(name)
    for model in (parameters.get("model"), parameters.get("endpoint")):
        if model:
            from companion.models.open import check_model

            check_model(str(model))


def _update_pages(stamp: Path) -> None:
    """Write the generated pages, in a Python of their own that is traced, unless they would come out the same."""
    import subprocess
    import sys
    import tempfile

    from companion.teaching.stamps import current, installed, write_stamp

    made_with = {"packages": installed()}
    if current(stamp, made_with):
        return
    stamp.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        record = Path(folder) / "record"
        code = (
            f"from companion.teaching.stamps import trace; trace({str(record)!r}); "
            f"from {__name__} import write_pages; write_pages()"
        )
        done = subprocess.run([sys.executable, "-c", code], stderr=subprocess.PIPE, encoding="utf-8", errors="replace")
        if done.returncode:
            raise CompanionError(done.stderr.strip().rpartition("\n")[2])
        write_stamp(stamp, made_with, record)


def write_pages() -> None:
    """FINDINGS.md, and the generated parts of the README and of docs/, from figures/ and notebooks/."""
    from companion.cli.commands_page import update_commands
    from companion.teaching.pages import figures_page, findings_page
    from companion.teaching.pages.readme import update_readme
    from companion.teaching.pages.teachers_page import update_teaching

    findings_page.write(Path(findings_page.NAME), Path("figures"))
    update_readme(Path("README.md"), Path("figures"))
    update_teaching(Path("docs/teaching.md"), Path("notebooks"))
    update_commands(Path("docs/commands.md"), Path("Makefile"))
    figures_page.write(Path())


def _findings(options: argparse.Namespace) -> None:
    from companion.teaching.pages import findings_page

    out = options.out or (options.report or Path()) / findings_page.NAME
    findings_page.write(out, Path("figures"), options.report)
    print(out)


def _claims(options: argparse.Namespace) -> None:
    import numpy as np

    from companion.analysis.findings import AT_CHANCE, at_chance, joint_verdicts_on_rows, quantities_on_rows
    from companion.analysis.findings.wording import expected, value
    from companion.analysis.leaderboard import load

    def rng() -> np.random.Generator:
        return np.random.default_rng(options.seed)

    rows = load(options.runs)
    tests = quantities_on_rows(rows, rng, options.judge)
    joint = joint_verdicts_on_rows(tests, ["benchmark", "model"])
    for sentence in at_chance(rows, rng).values():
        print(sentence)
    told = tests[tests["verdict"] != AT_CHANCE]
    for (benchmark, model, finding), part in told.groupby(["benchmark", "model", "finding"], sort=False):
        print(f"{model} on {benchmark}: {finding} {joint[benchmark, model, finding]}: {part['statement'].iloc[0]}")
        for test in part.itertuples():
            print(f"    {test.what}: {value(test)}, {test.n} items, the paper has it {expected(test)}: {test.verdict}")
    if len(told):
        print("Each verdict is about that checkpoint: the item is the unit, and another seed may give another.")
    _write_csv(tests, options.csv)


def _compare(options: argparse.Namespace) -> None:
    import numpy as np

    from companion.analysis.leaderboard import asked_differently, leaderboard, load, unjudged, wide
    from companion.evaluation.judges import measured_error

    rows = load(options.runs, whole=False)
    table = leaderboard(rows, lambda: np.random.default_rng(options.seed), options.judge)
    print(wide(table).to_string(index=False))
    for sentence in asked_differently(rows):
        print(sentence)
    if options.judge not in rows:
        print(
            f"no verdicts of the judge {options.judge} there: give `companion judge RUN --judge {options.judge}` first"
        )
    elif missing := unjudged(rows, options.judge):
        print(
            f"no verdicts of the judge {options.judge} on rows of {', '.join(missing)}: give `companion judge RUN "
            f"--judge {options.judge}` for these"
        )
    if options.judge in rows and options.judge == "rule" and not rows["benchmark"].isin(measured_error.EXACT).all():
        print(measured_error.error_sentence())
    _write_csv(table, options.csv)


def _plan(options: argparse.Namespace) -> None:
    from companion.analysis.leaderboard import load
    from companion.perturbations.perturbation import parse_perturbations
    from companion.questions.registry import BENCHMARKS
    from companion.training.gpu_hours import GPUS, PAPERS_BENCHMARKS, RESPONSE, basis, hours_table

    if options.gpu not in GPUS:
        raise CompanionError(f"unknown GPU {options.gpu!r}; choose from {', '.join(GPUS)}")
    counts = {name: items for name in PAPERS_BENCHMARKS if (items := BENCHMARKS[name].items)}
    names = list(counts) if options.benchmark == "all" else options.benchmark.split(",")
    for name in names:
        if name not in counts:
            raise CompanionError(
                f"no count of items for the benchmark {name!r}; choose from {', '.join(counts)}, or all"
            )
    perturbations = len(parse_perturbations(options.perturbations))
    response = load([options.rows])["tokens"].mean() if options.rows else RESPONSE
    found = hours_table(
        {name: counts[name] for name in names},
        perturbations,
        GPUS[options.gpu],
        options.models,
        options.seeds,
        response,
    )
    found["requests"] = found["requests"].map("{:,.0f}".format)
    found[f"hours on {options.gpus}"] = found["GPU-hours"] / options.gpus
    if options.dollars:
        found["dollars"] = found["GPU-hours"] * options.dollars
    print(found.to_string(index=False, float_format="{:,.1f}".format))
    print("\n".join(textwrap.wrap(basis(GPUS[options.gpu], perturbations, response, bool(options.rows)), 110)))


def _write_csv(table: Any, file: Path | None) -> None:
    if file:
        file.parent.mkdir(parents=True, exist_ok=True)
        table.to_csv(file, index=False, float_format="%.6f", lineterminator="\n")
