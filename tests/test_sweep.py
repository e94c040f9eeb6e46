"""Ray on this machine: the rows are those of a plain run, though a worker dies."""

import subprocess
import sys
import time

import psutil
import pytest

from companion.cli import main
from companion.evaluation.store import Store

pytest.importorskip("ray", reason="Ray is not installed (pip install 'companion[paper]')")


def test_kill_a_worker_in_the_middle(tmp_path, checkpoint):
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    command = ["evaluate", "--model", str(checkpoint), "--perturbations", "plain,wrong-think", "--limit", "520"]
    driver = subprocess.Popen([sys.executable, "-m", "companion", *command, "--out", str(cut), "--ray"])
    deadline = time.monotonic() + 300
    killed = None
    while killed is None and driver.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
        if list(cut.glob("*.parquet")):
            for process in psutil.Process(driver.pid).children(recursive=True):
                if process.name().startswith("ray::work"):
                    process.kill()
                    killed = process.pid
                    break
    assert killed, "no worker was at work"
    assert driver.wait(timeout=300) == 0
    assert main([*command, "--out", str(whole)]) == 0
    rows, expected = Store(cut).read(), Store(whole).read()
    assert len(rows) == 1040
    assert {key: row["response"] for key, row in rows.items()} == {k: row["response"] for k, row in expected.items()}
    import pyarrow.parquet as pq

    stored = [key for part in cut.glob("*.parquet") for key in pq.read_table(part)["key"].to_pylist()]
    assert len(stored) == len(set(stored))


def test_an_error_of_a_task_is_one_sentence(tmp_path, capsys):
    assert main(["evaluate", "--model", "no/where", "--limit", "2", "--out", str(tmp_path), "--ray"]) == 2
    assert "no model 'no/where'" in capsys.readouterr().err
