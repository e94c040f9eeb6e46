"""Ray on this machine: the rows are those of a plain run, though a worker dies."""

import subprocess
import sys
import time

import psutil
import pytest
from faulty_server import free_port

from companion.cli import main
from companion.errors import CompanionError
from companion.evaluation.ray_shards import sweep
from companion.evaluation.store import Store
from companion.models.interface import Sampling

pytestmark = pytest.mark.slow

ray = pytest.importorskip("ray", reason="Ray is not installed (pip install -e '.[paper]')")


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


def test_no_cluster_is_one_sentence(tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    command = ["evaluate", "--limit", "2", "--out", str(tmp_path), "--ray"]
    began = time.monotonic()
    for address, said in (
        ("auto", "start one with `ray start --head`, or leave out the address"),
        (f"127.0.0.1:{free_port()}", "give --ray the address that `ray start --head` printed"),
        ("nonsense", "no Ray cluster at nonsense"),
    ):
        assert main([*command, address]) == 2
        written = capsys.readouterr().err.strip().splitlines()[-1]
        assert written.startswith("companion: no Ray cluster")
        assert said in written
    assert time.monotonic() - began < 60  # Ray itself tries for minutes


@pytest.mark.parametrize(
    ("address", "error", "said"),
    [
        (None, Exception("The node timed out during startup"), "Ray does not start here .*timed out.*leave out --ray"),
        (None, OSError("no space left on device"), "Ray does not start here .*no space"),
        ("auto", ConnectionError("found several"), "no Ray cluster at auto .*found several"),
        ("auto", ray.exceptions.AuthenticationError("wrong"), "Ray at auto refuses this machine's token: set RAY_AUTH"),
        (None, ray.exceptions.AuthenticationError("none"), "Ray here refuses this machine's token"),
    ],
)
def test_what_keeps_ray_from_starting_is_one_sentence(tmp_path, monkeypatch, address, error, said):
    def refuse(**_):
        raise error

    monkeypatch.setattr(ray, "init", refuse)
    with pytest.raises(CompanionError, match=said):
        sweep(["checkpoints/base"], ["microworld"], 2, ["base"], tmp_path, Sampling(), address=address)
    assert not list(tmp_path.iterdir())
