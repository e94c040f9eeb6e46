"""Rows published on a Hub that runs on this machine, and read back."""

import os
import subprocess
import sys

import pyarrow.parquet as pq
import pytest
import yaml
from datasets import load_dataset
from hub_server import Hub

from companion.cli import main
from companion.errors import CompanionError
from companion.evaluation.export import hub
from companion.evaluation.store import ROWS, VERDICTS, Store

pytestmark = pytest.mark.slow


@pytest.fixture
def run(tmp_path, root):
    """A folder of rows of two models, in two parts, with verdicts."""
    store = Store(tmp_path / "run")
    for name in ("rl-correct", "reference"):
        table = pq.read_table(root / "results" / "rows" / f"{name}.parquet", schema=ROWS)
        store.append([row | {"model": f"org/{name}"} for row in table.slice(0, 40).to_pylist()])
    verdicts = pq.read_table(root / "results" / "rows" / "verdicts" / "replay.parquet", schema=VERDICTS)
    Store(tmp_path / "run" / "verdicts", VERDICTS).append(verdicts.slice(0, 10).to_pylist())
    return tmp_path / "run"


def contents(folder):
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def by_key(rows):
    return {row["key"]: row for row in rows}


def test_a_dry_run_writes_what_would_be_uploaded_and_leaves_the_rows_alone(run, capsys):
    before = contents(run)
    assert main(["push", str(run), "--to", "me/some-rows", "--dry-run"]) == 0
    folder = run.parent / "some-rows-push"
    names = ["README.md", "org--reference.parquet", "org--rl-correct.parquet", "verdicts/replay.parquet"]
    assert sorted(capsys.readouterr().out.split()) == [str(folder / name) for name in names]
    assert sorted(contents(folder)) == names
    assert contents(run) == before
    assert main(["push", str(run), "--to", "me/some-rows", "--dry-run"]) == 2
    assert "is not empty" in capsys.readouterr().err


def test_both_configurations_of_the_card_load(run, tmp_path):
    hub.pack(run, "me/rows", tmp_path / "packed")
    for name, store in {"rows": Store(run), "verdicts": Store(run / "verdicts", VERDICTS)}.items():
        loaded = load_dataset(str(tmp_path / "packed"), name, split="train", cache_dir=str(tmp_path / "cache"))
        assert loaded.column_names == store.schema.names
        assert by_key(loaded) == store.read()


def test_the_card_says_what_the_rows_are(run, tmp_path):
    card, *_ = hub.pack(run, "me/rows", tmp_path / "packed")
    _, header, text = card.read_text().split("---\n", 2)
    assert yaml.safe_load(header)["license"] == "apache-2.0"
    rows = Store(run).read().values()
    part = [row for row in rows if (row["model"], row["perturbation"]) == ("org/reference", "plain")]
    accuracy = sum(row["correct"] for row in part) / len(part)
    assert f"| org/reference | microworld | plain |  | {len(part)} | {len(part)} | {accuracy:.1%} |" in text
    assert "| model | 2 | `org/reference`, `org/rl-correct` |" in text


def test_rows_on_questions_of_others_state_no_licence_and_without_verdicts_there_is_one_configuration(run, tmp_path):
    Store(tmp_path / "other").append([row | {"benchmark": "theirs"} for row in Store(run).read().values()])
    card, *_ = hub.pack(tmp_path / "other", "me/rows", tmp_path / "packed")
    header = yaml.safe_load(card.read_text().split("---\n", 2)[1])
    assert "license" not in header
    assert [config["config_name"] for config in header["configs"]] == ["rows"]
    assert "those of theirs" in card.read_text()


def test_every_column_has_a_meaning():
    assert list(hub.MEANINGS["rows"]) == ROWS.names
    assert list(hub.MEANINGS["verdicts"]) == VERDICTS.names


@pytest.mark.parametrize(
    ("column", "text"),
    [
        ("model", "/home/me/checkpoints/base"),
        ("model", "C:\\models\\base"),
        ("benchmark", "/data/set"),
        ("response", "the key is sk-proj-0123456789abcdefghijkl"),
        ("prompt", "hf_" + "a" * 34),
        ("options", ["A", "AIza" + "b" * 35]),
    ],
)
def test_rows_that_hold_keys_or_paths_are_not_published(run, tmp_path, column, text):
    row = next(iter(Store(run).read().values()))
    Store(tmp_path / "mine").append([row | {column: text}])
    with pytest.raises(CompanionError, match=f"row {row['key']}, column {column}, holds what looks like") as error:
        hub.pack(tmp_path / "mine", "me/rows", tmp_path / "packed")
    assert str(text) not in str(error.value)
    assert not list((tmp_path / "packed").glob("*"))


def test_a_slash_or_a_risk_in_running_text_is_neither(run, tmp_path):
    row = next(iter(Store(run).read().values()))
    texts = {"response": "/home is written on the sign", "prompt": "What does the risk-averse-looking-man hold?"}
    Store(tmp_path / "mine").append([row | texts])
    assert len(hub.pack(tmp_path / "mine", "me/rows", tmp_path / "packed")) == 2


def test_a_folder_without_rows_or_none_at_all(tmp_path):
    with pytest.raises(CompanionError, match=r"no rows in .*gone"):
        hub.pack(tmp_path / "gone", "me/rows", tmp_path / "packed")
    assert not (tmp_path / "gone").exists()
    with pytest.raises(CompanionError, match=r"no folder .*gone.*or hub:USER/NAME"):
        hub.local(str(tmp_path / "gone"))
    assert hub.local(str(tmp_path)) == tmp_path


@pytest.fixture
def server():
    with Hub() as opened:
        yield opened


@pytest.fixture
def at_the_hub(server, tmp_path):
    """Executes a Python command that takes the server for the Hub; what it printed."""

    def execute(*arguments, code=0, **variables):
        settings = {"HF_ENDPOINT": server.url, "HF_HUB_OFFLINE": "0", "HF_TOKEN": "secret"}
        environment = {**os.environ, **settings, "HF_HOME": str(tmp_path / "hf"), **variables}
        command = [sys.executable, *map(str, arguments)]
        done = subprocess.run(command, env=environment, text=True, capture_output=True)
        assert done.returncode == code, done.stderr[-3000:]
        return (done.stdout if code == 0 else done.stderr).strip()

    return execute


FETCH = "import sys; from companion.evaluation.export.hub import local; print(local(sys.argv[1]))"


def test_rows_come_back_from_the_hub_as_they_were_at_each_revision(run, server, at_the_hub, tmp_path):
    push = ("-m", "companion", "push", run, "--to", "me/rows")
    assert at_the_hub(*push, "--private") == f"{server.url}/datasets/me/rows"
    first = server.find("me/rows", "main")
    assert server.private == {"me/rows"}
    assert len(server.datasets["me/rows"]) == 2, "one to make the dataset, one for all files"
    assert not any(b"secret" in content for content in server.files("me/rows").values())

    before = Store(run).read()
    for part in run.glob("*.parquet"):
        part.unlink()
    kept = [row for row in before.values() if row["model"] == "org/reference"]
    Store(run).append(kept)
    at_the_hub(*push)
    assert "org--rl-correct.parquet" not in server.files("me/rows")

    folder = tmp_path / at_the_hub("-c", FETCH, "hub:me/rows")
    assert Store(folder).read() == by_key(kept)
    assert Store(folder / "verdicts", VERDICTS).read() == Store(run / "verdicts", VERDICTS).read()
    assert Store(tmp_path / at_the_hub("-c", FETCH, f"hub:me/rows@{first}")).read() == before


def test_what_the_hub_refuses_is_one_sentence(run, server, at_the_hub):
    push = ("-m", "companion", "push", run, "--to")
    for name, variables, message in (
        ("me/rows", {"HF_TOKEN": "wrong"}, "cannot push to me/rows: HfHubHTTPError"),
        ("me/rows/2", {}, "cannot push to me/rows/2: HFValidationError"),
        ("me/rows", {"HF_ENDPOINT": "http://127.0.0.1:9"}, "cannot push to me/rows: ConnectError"),
    ):
        error = at_the_hub(*push, name, code=2, **variables)
        assert error.startswith(f"companion: {message}")
        assert "\n" not in error
        assert "hf auth login" in error
    assert server.datasets == {}
    assert "cannot fetch hub:me/none: RepositoryNotFoundError" in at_the_hub("-c", FETCH, "hub:me/none", code=1)
