import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pyarrow.parquet as pq
import pytest

from companion.errors import CompanionError, Refusal
from companion.evaluation import fill_missing
from companion.evaluation.engine import UnansweredError, evaluate
from companion.evaluation.store import Store
from companion.models.interface import Response, Sampling
from companion.models.profiles import get_profile
from companion.perturbations.perturbation import PERTURBATIONS
from companion.questions.microworld import questions

ITEMS = questions("test", 20)


class Scripted:
    """A model that always gives the right answer, and counts what it is asked."""

    label = identity = "scripted"
    delivery = "prefill"
    device = "cpu"
    precision = "float32"
    capacity = 64

    def __init__(self, fits=1000, fail_after=None):
        self.profile = get_profile("generic")
        self.fits, self.fail_after = fits, fail_after
        self.asked, self.batches = [], []

    def tokens(self, prompt, sampling):
        return 1

    def packing(self, prompt):
        return ""

    def generate(self, prompts, sampling):
        if len(prompts) > self.fits:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes")
        if self.fail_after is not None and len(self.asked) >= self.fail_after:
            raise KeyboardInterrupt
        self.batches.append(len(prompts))
        self.asked += [(p.question.id, p.perturbation) for p in prompts]
        responses = []
        for p in prompts:
            probs = tuple(float(k == p.question.answer) for k in range(len(p.options)))
            text = f"<answer>{p.question.letter}</answer>"
            responses.append(Response(text, 3, "stop", "", p.question.answer, probs, 1.0))
        yield from enumerate(responses)


def test_one_row_for_each_question_and_perturbation_in_that_order(tmp_path):
    rows = evaluate(Scripted(), ITEMS, list(PERTURBATIONS), Store(tmp_path), progress=False)
    assert list(zip(rows["question"], rows["perturbation"], strict=True)) == [
        (q.id, v) for q in ITEMS for v in PERTURBATIONS
    ]
    assert rows["correct"].all()
    assert (rows["p_correct"] == 1).all()
    assert (rows["entropy"] == 0).all()
    assert (rows.loc[rows["prefill"] != "", "delivery"] == "prefill").all()


def test_a_second_run_computes_nothing_and_a_larger_one_only_what_is_new(tmp_path):
    evaluate(Scripted(), ITEMS[:10], ["plain", "wrong-think"], Store(tmp_path), progress=False)
    again, more = Scripted(), Scripted()
    evaluate(again, ITEMS[:10], ["plain", "wrong-think"], Store(tmp_path), progress=False)
    assert again.asked == []
    evaluate(more, ITEMS[:12], ["plain", "wrong-think", "abstain"], Store(tmp_path), progress=False)
    assert len(more.asked) == 12 * 3 - 20


@pytest.mark.parametrize(
    "change", [{"seed": 1}, {"sampling": Sampling(temperature=1.0)}, {"sampling": Sampling(max_new_tokens=5)}]
)
def test_whatever_changes_a_row_is_part_of_its_key(tmp_path, change):
    evaluate(Scripted(), ITEMS, ["wrong-think"], Store(tmp_path), progress=False)
    model = Scripted()
    evaluate(model, ITEMS, ["wrong-think"], Store(tmp_path), progress=False, **change)
    assert len(model.asked) >= len(ITEMS) // 2


def test_batches_are_as_full_as_their_tokens_allow(tmp_path):
    class Weighing(Scripted):
        def tokens(self, prompt, sampling):
            return 3 + len(prompt.question.options)

    model = Weighing()
    evaluate(model, ITEMS, ["plain", "wrong-think"], Store(tmp_path), batch_tokens=32, progress=False)
    weights = [3 + len(item.options) for item in ITEMS for _ in range(2)]
    for size in model.batches:
        batch, weights = weights[:size], weights[size:]
        assert sum(batch) <= 32
        assert not weights or sum(batch) + weights[0] > 32
    assert not weights


def test_a_prompt_without_an_answer_comes_again_once_and_is_then_an_error_that_keeps_the_others(tmp_path):
    class Failing(Scripted):
        def generate(self, prompts, sampling):
            times = [sum(p.question.id == asked for asked, _ in self.asked) for p in prompts]
            lost = {ITEMS[3].id: 1, ITEMS[5].id: 9}
            for number, answer in super().generate(prompts, sampling):
                yield number, None if times[number] < lost.get(prompts[number].question.id, 0) else answer

    model = Failing()
    with pytest.raises(CompanionError, match="gave no answer to 1 of 20 prompts"):
        evaluate(model, ITEMS, ["plain"], Store(tmp_path), progress=False)
    assert len(model.asked) == 22
    rest = Scripted()
    assert len(evaluate(rest, ITEMS, ["plain"], Store(tmp_path), progress=False)) == 20
    assert rest.asked == [(ITEMS[5].id, "plain")]


def test_a_batch_that_does_not_fit_is_halved(tmp_path):
    model = Scripted(fits=3)
    rows = evaluate(model, ITEMS, ["plain"], Store(tmp_path), batch_tokens=16, progress=False)
    assert len(rows) == 20
    assert max(model.batches) == 2


def test_a_single_prompt_that_does_not_fit_is_named_and_other_errors_are_not_swallowed(tmp_path):
    class Huge(Scripted):
        def generate(self, prompts, sampling):
            if any(prompt.question.id == ITEMS[9].id for prompt in prompts):
                raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes")
            return super().generate(prompts, sampling)

    model = Huge()
    with pytest.raises(CompanionError, match=rf"no answer to 1 of 20 prompts.*\n  {ITEMS[9].id} \(plain\): .*allocate"):
        evaluate(model, ITEMS, ["plain"], Store(tmp_path), progress=False)
    assert len(model.asked) == 19
    assert model.batches[-1] == 10  # what comes after it goes in full batches again
    with pytest.raises(CompanionError, match=r"no answer to any of 20 prompts: .*allocate"):
        evaluate(Scripted(fits=0), ITEMS, ["plain"], Store(tmp_path / "none"), progress=False)

    class Broken(Scripted):
        def generate(self, prompts, sampling):
            raise RuntimeError("shapes do not match")

    with pytest.raises(RuntimeError, match="shapes"):
        evaluate(Broken(), ITEMS, ["plain"], Store(tmp_path / "other"), progress=False)


def test_an_interrupted_run_keeps_what_was_finished(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        evaluate(Scripted(fail_after=8), ITEMS, ["plain"], Store(tmp_path), batch_tokens=4, progress=False)
    rest = Scripted()
    evaluate(rest, ITEMS, ["plain"], Store(tmp_path), batch_tokens=4, progress=False)
    assert len(rest.asked) == 12


@pytest.mark.parametrize("error", [KeyboardInterrupt(), RuntimeError("can't allocate memory")])
def test_what_is_finished_in_the_middle_of_a_batch_is_kept(tmp_path, error):
    class Stopped(Scripted):
        def generate(self, prompts, sampling):
            for number, answer in reversed(list(super().generate(prompts, sampling))):
                yield number, answer
                if number == len(prompts) - 5 and len(self.batches) == 1:
                    raise error

    model, rest = Stopped(), Scripted()
    if isinstance(error, KeyboardInterrupt):
        with pytest.raises(KeyboardInterrupt):
            evaluate(model, ITEMS, ["plain"], Store(tmp_path), progress=False)
    else:
        evaluate(model, ITEMS, ["plain"], Store(tmp_path), batch_tokens=32, progress=False)
        assert model.batches == [20, 10, 5]
    assert len(evaluate(rest, ITEMS, ["plain"], Store(tmp_path), progress=False)) == 20
    assert len(rest.asked) == (15 if isinstance(error, KeyboardInterrupt) else 0)


@pytest.mark.parametrize(
    ("answer", "probs", "temperature", "kept"),
    [
        (0, (0.6, 0.4), 0.0, True),
        (1, (0.6, 0.4), 0.0, False),
        (1, (0.5, 0.5), 0.0, True),  # a tie
        (1, (0.5002, 0.4998), 0.0, True),  # what servers round
        (1, (0.51, 0.49), 0.0, False),
        (1, (0.6, 0.4), 1.0, True),  # a sample need not be the likeliest
        (1, None, 0.0, True),  # given by its text
        (None, None, 0.0, True),
    ],
)
def test_a_greedy_answer_is_the_most_probable_letter_or_the_row_has_no_probabilities(
    tmp_path, capsys, answer, probs, temperature, kept
):
    class Odd(Scripted):
        def generate(self, prompts, sampling):
            for number, response in super().generate(prompts, sampling):
                more = len(prompts[number].options) - 2
                own = probs and (*probs, *[0.0] * more)
                odd = Response(response.text, 3, "stop", "", answer, own, probs and 0.9)
                yield number, odd if number < 7 else response

    sampling = Sampling(temperature=temperature)
    rows = evaluate(Odd(), ITEMS, ["plain"], Store(tmp_path), sampling, batch_tokens=1000, progress=False)
    first = rows.iloc[:7]
    assert first[["letter_probs", "letter_mass", "p_correct", "entropy"]].isna().all(axis=None) == (
        not kept or not probs
    )
    assert rows.iloc[7:]["letter_probs"].notna().all()
    assert (first["answer"].isna() if answer is None else first["answer"] == "AB"[answer]).all()
    stored = Store(tmp_path).read()
    assert sum(row["letter_probs"] is None for row in stored.values()) == rows["letter_probs"].isna().sum()
    found = capsys.readouterr().err.splitlines()
    named = ", ".join(f"{item.id} under plain" for item in ITEMS[:5])
    expected = (
        "scripted: 7 greedy rows have an answer that is not their most probable letter, and carry no letter "
        f"probabilities: {named}, …"
    )
    assert found == ([] if kept else [expected])


def test_rows_that_are_stored_before_a_stop_are_reported_too(tmp_path, capsys):
    class Stopped(Scripted):
        def generate(self, prompts, sampling):
            for number, response in super().generate(prompts, sampling):
                wrong = next(k for k in range(2) if k != response.answer)
                yield number, replace(response, answer=wrong)
                if number == 3:
                    raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        evaluate(Stopped(), ITEMS, ["plain"], Store(tmp_path), progress=False)
    assert "scripted: 4 greedy rows have an answer" in capsys.readouterr().err


def test_sigterm_keeps_what_is_finished_as_ctrl_c_does(tmp_path):
    class Terminated(Scripted):
        def generate(self, prompts, sampling):
            for number, response in super().generate(prompts, sampling):
                if number == 3:
                    os.kill(os.getpid(), signal.SIGTERM)
                yield number, response

    with pytest.raises(KeyboardInterrupt):
        evaluate(Terminated(), ITEMS, ["plain"], Store(tmp_path), progress=False)
    assert len(Store(tmp_path).read()) == 3
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("at", ["write_table", "replace"])
def test_an_interruption_while_rows_are_written_loses_none(tmp_path, monkeypatch, at, last):
    """last: of the rows of the whole run, which are written when all are there."""
    whole, owner = (Path.replace, Path) if at == "replace" else (pq.write_table, pq)
    times = []

    def interrupted(*arguments):
        times.append(at)
        if len(times) == 1:
            os.kill(os.getpid(), signal.SIGTERM)
        return whole(*arguments)

    if not last:
        monkeypatch.setattr(fill_missing, "FLUSH_SECONDS", 0.0)
    monkeypatch.setattr(owner, at, interrupted)
    with pytest.raises(KeyboardInterrupt):
        evaluate(Scripted(), ITEMS, ["plain"], Store(tmp_path), progress=False)
    assert len(times) == 2
    assert len(Store(tmp_path).read()) == (20 if last else 1)


@pytest.mark.parametrize(("seconds", "stored"), [(4, [0, 0, 0]), (6, [0, 0, 16]), (10, [0, 8, 16])])
def test_rows_are_stored_at_the_end_of_a_batch_that_has_ten_seconds_of_work(tmp_path, monkeypatch, seconds, stored):
    """As those of a server are, which come all at once. seconds: that a batch takes."""
    now, found = [0.0], []

    class Watched(Scripted):
        capacity = 8

        def generate(self, prompts, sampling):
            found.append(len(Store(tmp_path).read()))
            now[0] += seconds
            yield from super().generate(prompts, sampling)

    monkeypatch.setattr(fill_missing, "time", SimpleNamespace(monotonic=lambda: now[0]))
    evaluate(Watched(), ITEMS, ["plain"], Store(tmp_path), progress=False)
    assert found == stored
    assert len(Store(tmp_path).read()) == 20


def test_rows_that_come_one_by_one_are_stored_after_ten_seconds(tmp_path, monkeypatch):
    """And nothing is written where there is no row."""
    now, found, written = [0.0], [], []

    class Watched(Scripted):
        def generate(self, prompts, sampling):
            for number, response in super().generate(prompts, sampling):
                found.append(len(Store(tmp_path).read()))
                now[0] += 4
                yield number, Refusal("too long") if number < 2 else response

    class Counted(Store):
        def append(self, rows):
            written.append(len(rows))
            return super().append(rows)

    monkeypatch.setattr(fill_missing, "time", SimpleNamespace(monotonic=lambda: now[0]))
    with pytest.raises(UnansweredError):
        evaluate(Watched(), ITEMS[:9], ["plain"], Counted(tmp_path), progress=False)
    assert found == [0, 0, 0, 0, 0, 0, 4, 4, 4]
    assert written == [4, 3]


def test_a_full_disk_keeps_earlier_rows(tmp_path, monkeypatch):
    evaluate(Scripted(), ITEMS[:5], ["plain"], Store(tmp_path), progress=False)

    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("companion.evaluation.store.pq.write_table", full)
        with pytest.raises(CompanionError, match="No space left"):
            evaluate(Scripted(), ITEMS, ["plain"], Store(tmp_path), progress=False)
    model = Scripted()
    evaluate(model, ITEMS, ["plain"], Store(tmp_path), progress=False)
    assert len(model.asked) == 15


@pytest.mark.slow(30)
def test_kill_minus_nine_in_the_middle_then_the_same_command(tmp_path, checkpoint, monkeypatch):
    """Rows of a killed and resumed run equal those of one that ran through; none is there twice."""
    command = [
        sys.executable,
        "-c",
        "import companion.evaluation.fill_missing as filling, companion.cli, sys; filling.FLUSH_SECONDS = 0.0; "
        "sys.exit(companion.cli.main(sys.argv[1:]))",
        "evaluate",
        "--model",
        str(checkpoint),
        "--perturbations",
        "plain,wrong-think,stop-think",
        "--limit",
        "48",
        "--batch-tokens",
        "2500",
    ]

    def start(out):
        return subprocess.Popen([*command, "--out", str(out)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)

    cut, whole = tmp_path / "cut", tmp_path / "whole"
    process = start(cut)
    deadline = time.monotonic() + 600
    while len(list(cut.glob("*.parquet"))) < 4 and time.monotonic() < deadline:
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert 0 < len(Store(cut).read()) < 144
    printed = [start(folder).communicate()[0] for folder in (cut, whole)]
    assert printed[0] == printed[1]

    def rows(folder):
        import pyarrow.parquet as pq

        found = [row for part in sorted(folder.glob("*.parquet")) for row in pq.read_table(part).to_pylist()]
        assert len({row["key"] for row in found}) == len(found) == 144
        return sorted(found, key=lambda row: row["key"])

    for resumed, through in zip(rows(cut), rows(whole), strict=True):
        for name in ("letter_probs", "letter_mass", "p_correct", "entropy"):
            assert resumed.pop(name) == pytest.approx(through.pop(name), abs=1e-4)
        assert resumed == through
