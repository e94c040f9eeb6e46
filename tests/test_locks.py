"""Two processes at work in one folder: nothing is asked twice, nobody waits in vain, no lock outlives its holder."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest
from faulty_server import Proxy, completion
from test_engine import Scripted
from test_refusals import item

from companion.errors import CompanionError, Refusal
from companion.evaluation.engine import UnansweredError, evaluate
from companion.evaluation.store import Store
from companion.locks import atomic_write, claim

ITEMS = [item(k) for k in range(12)]


def start(folder, code):
    """Another process, which prints "claimed" and goes on when it is told to."""
    program = f"""
import sys
from pathlib import Path
from companion.locks import claim
with claim(Path(sys.argv[1]), {code}) as (own, holders):
    print(sorted(own), len(holders), flush=True)
    sys.stdin.readline()
"""
    return subprocess.Popen(
        [sys.executable, "-c", program, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


@pytest.mark.slow
def test_what_another_process_has_claimed_is_left_to_it_until_it_ends(tmp_path):
    other = start(tmp_path, '["a", "b"]')
    assert other.stdout.readline() == "['a', 'b'] 0\n"
    with claim(tmp_path, ["b", "c"]) as (own, holders):
        assert own == {"c"}
        assert [holder.keys for holder in holders] == [{"a", "b"}]
        assert f"process {other.pid} on " in holders[0].who
        third = start(tmp_path, '["a", "c", "d"]')
        assert third.stdout.readline() == "['d'] 2\n"
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(holders[0].wait)
        time.sleep(0.2)
        assert not waiting.done()
        other.communicate("\n")
        waiting.result(timeout=300)
    third.communicate("\n")
    with claim(tmp_path, ["a", "b", "c", "d"]) as (own, holders):
        assert (own, holders) == ({"a", "b", "c", "d"}, [])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_claim_goes_with_the_process_however_that_ends(tmp_path, number):
    other = start(tmp_path, '["a"]')
    other.stdout.readline()
    with claim(tmp_path, ["a"]) as (own, (holder,)):
        assert own == set()
    os.kill(other.pid, number)
    other.wait()
    holder.wait()
    with claim(tmp_path, ["a"]) as (own, holders):
        assert (own, holders) == ({"a"}, [])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_child_does_not_hold_what_its_dead_parent_held(tmp_path):
    program = """
import os, sys, time
from pathlib import Path
from companion.locks import claim
with claim(Path(sys.argv[1]), ["a"]):
    if not os.fork():
        print(os.getpid(), flush=True)
    time.sleep(60)
"""
    parent = subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    child = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    try:
        with claim(tmp_path, ["a"]) as (own, holders):
            assert (own, holders) == ({"a"}, [])
    finally:
        os.kill(child, signal.SIGKILL)


class Slow(Scripted):
    def generate(self, prompts, sampling):
        for answer in super().generate(prompts, sampling):
            time.sleep(0.02)
            yield answer


@pytest.mark.parametrize("second", [ITEMS, ITEMS[6:], [*ITEMS[6:], *(item(k) for k in range(20, 26))]])
def test_two_runs_at_once_ask_nothing_twice_and_both_end_with_all(tmp_path, second):
    """The same command, a part of it, and one that overlaps."""
    models = [Slow(), Slow()]
    with ThreadPoolExecutor(2) as pool:
        runs = [
            pool.submit(evaluate, model, items, ["plain", "stop-think"], Store(tmp_path), None, 0, 4, False)
            for model, items in zip(models, (ITEMS, second), strict=True)
        ]
        rows = [run.result(timeout=300) for run in runs]
    assert [len(found) for found in rows] == [24, 2 * len(second)]
    asked = Counter(models[0].asked + models[1].asked)
    assert set(asked.values()) == {1}
    assert len(asked) == len(Store(tmp_path).read()) == 2 * len({one.id for one in (*ITEMS, *second)})


def test_what_the_first_did_not_finish_the_second_does(tmp_path, capsys):
    began = threading.Event()

    class Failing(Scripted):
        def generate(self, prompts, sampling):
            began.set()
            time.sleep(0.3)
            for number, answer in super().generate(prompts, sampling):
                yield number, Refusal("too large") if prompts[number].question.id == "q3" else answer

    second = Scripted()
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(evaluate, Failing(), ITEMS, ["plain"], Store(tmp_path), progress=False)
        began.wait()
        rows = evaluate(second, ITEMS, ["plain"], Store(tmp_path), progress=False)
        with pytest.raises(UnansweredError, match="too large"):
            first.result()
    assert len(rows) == 12
    assert second.asked == [("q3", "plain")]
    assert f"12 of 12 are being worked on by process {os.getpid()} on " in capsys.readouterr().err


def test_other_models_work_side_by_side(tmp_path):
    both = threading.Barrier(2, timeout=300)

    class Meeting(Scripted):
        def __init__(self, name):
            super().__init__()
            self.label = self.identity = name

        def generate(self, prompts, sampling):
            both.wait()  # each is asked while the other is
            return super().generate(prompts, sampling)

    with ThreadPoolExecutor(2) as pool:
        runs = [
            pool.submit(evaluate, Meeting(name), ITEMS, ["plain"], Store(tmp_path), progress=False) for name in "ab"
        ]
        assert [len(run.result(timeout=300)) for run in runs] == [12, 12]


@pytest.mark.slow
def test_two_of_the_same_command(tmp_path, checkpoint):
    def own(body):
        time.sleep(0.02)
        return 200, completion()

    proxy = Proxy(own=own)
    command = [
        sys.executable,
        "-m",
        "companion",
        "evaluate",
        "--model",
        f"{proxy.url}#m",
        "--perturbations",
        "plain,wrong-caption",
        "--limit",
        "40",
        "--out",
        str(tmp_path / "rows"),
    ]
    runs = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    said = [run.communicate(timeout=600) for run in runs]
    assert [run.returncode for run in runs] == [0, 0], said
    assert said[0][0].splitlines()[-2:] == said[1][0].splitlines()[-2:]  # the same accuracies
    assert len(proxy.asked) == 80
    assert set(proxy.done.values()) == {1}


@pytest.mark.skipif(not Path("/proc/self/fdinfo").is_dir(), reason="needs a folder that not even root can write into")
def test_a_folder_that_cannot_be_written_into_is_found_before_anything_is_asked():
    model, folder = Scripted(), Path("/proc/self/fdinfo")
    with pytest.raises(CompanionError, match=r"cannot write into /proc/self/fdinfo: .*; choose another --out"):
        evaluate(model, ITEMS, ["plain"], Store(folder), progress=False)
    assert model.asked == []
    assert len(evaluate(model, [], ["plain"], Store(folder), progress=False)) == 0  # nothing to write


def test_what_was_finished_between_a_look_and_a_claim_is_not_asked_again(tmp_path):
    class Late(Store):
        def claim(self, keys):
            evaluate(Scripted(), ITEMS[:5], ["plain"], Store(tmp_path), progress=False)
            return super().claim(keys)

    model = Scripted()
    assert len(evaluate(model, ITEMS, ["plain"], Late(tmp_path), progress=False)) == 12
    assert len(model.asked) == 7


def test_a_file_is_replaced_whole_behind_its_link_and_a_device_is_written_as_it_is(tmp_path):
    file, link = tmp_path / "real.md", tmp_path / "link.md"
    file.write_text("before")
    link.symlink_to(file)
    with atomic_write(link) as part:
        part.write_text("after")
        assert file.read_text() == "before"
    assert link.is_symlink()
    assert file.read_text() == "after"
    assert sorted(tmp_path.iterdir()) == [link, file]
    with suppress(RuntimeError), atomic_write(file) as part:
        part.write_text("half")
        raise RuntimeError
    assert file.read_text() == "after"
    assert sorted(tmp_path.iterdir()) == [link, file]  # and nothing hidden
    with atomic_write(Path(os.devnull)) as part:
        assert part == Path(os.devnull)
