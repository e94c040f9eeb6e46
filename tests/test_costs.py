"""What a closed model costs is known and agreed to before it is asked, and the key that pays for it is written nowhere.

The server is a real one (`transformers serve`) behind a proxy that asks for the key.
"""

import csv
import json
import os
import re
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import nbformat
import pandas as pd
import pyarrow.parquet as pq
import pytest
from faulty_server import Proxy

from companion.cli import main
from companion.errors import CompanionError
from companion.evaluation.export import hub
from companion.models import openai_client as endpoints
from companion.models import prices
from companion.models.api_key import secret
from companion.models.interface import Sampling
from companion.models.open import ServerSettings, open_model
from companion.models.picture_tokens import RULES, picture_tokens
from companion.models.prices import Price, listed_price
from companion.perturbations.perturbation import apply
from companion.questions.microworld import questions
from companion.teaching.context import open_audit
from companion.teaching.run_notebooks import run_notebooks

pytestmark = pytest.mark.slow

KEY = "fake-key-of-nobody-0123456789"


def command(proxy, out, *more):
    model = ["--model", f"{proxy.url}#checkpoints/base", "--profile", "microworld", "--max-new-tokens", "8"]
    return ["evaluate", *model, "--perturbations", "plain", "--limit", "3", "--out", str(out), *more]


@pytest.fixture(autouse=True)
def here(root, monkeypatch):
    monkeypatch.chdir(root)


def test_every_line_of_the_price_list_has_a_price_a_day_and_a_page():
    lines = list(csv.DictReader(Path(prices.__file__).with_name("prices.csv").open()))
    assert len({(line["provider"], line["model"]) for line in lines}) == len(lines)
    for line in lines:
        price = listed_price(line["provider"], line["model"])
        assert 0 < price.prompt < price.written
        assert line["seen"] in price.source
        assert "https://" in price.source
    assert {"o3", "o4-mini", "gemini-2.5-pro", "gemini-3.1-pro-preview"} <= {line["model"] for line in lines}


@pytest.mark.parametrize(
    ("provider", "model", "expected"),
    [
        ("openai", "o3", (2.0, 8.0)),
        ("openai", "o3-2025-04-16", (2.0, 8.0)),
        ("openai", "gpt-4o-2024-08-06", (2.5, 10.0)),
        ("openai", "o3-pro", None),
        ("openai", "o3-2025", None),
        ("gemini", "o3", None),
    ],
)
def test_a_price_is_found_by_name_with_or_without_a_version(provider, model, expected):
    price = listed_price(provider, model)
    assert (price and (price.prompt, price.written)) == expected


@pytest.mark.parametrize(
    ("model", "size", "tokens"),
    [  # what the companies' pages and their examples say
        ("gpt-4o", (1024, 1024), 765),
        ("gpt-4o", (2048, 4096), 1105),
        ("gpt-4o-2024-08-06", (512, 512), 255),
        ("gpt-4o-mini", (512, 512), 8500),
        ("gpt-4o-mini", (1024, 1024), 25501),
        ("openai/gpt-4o-mini", (72, 72), 8500),
        ("gpt-4.1", (1024, 1024), 765),
        ("gpt-4.1-mini", (1024, 1024), 1659),
        ("o4-mini", (1024, 1024), 1762),
        ("o4-mini", (4096, 4096), 2642),
        ("o3", (1024, 1024), 675),
        ("gpt-5", (1024, 1024), 630),
        ("gpt-5.1-2025-11-13", (1024, 1024), 630),
        ("gpt-5-mini", (1024, 1024), 1659),
        ("gpt-5.4", (1600, 1600), 3000),
        ("gpt-5.5", (1600, 1600), 3000),
        ("gemini-2.5-pro", (300, 300), 258),
        ("gemini-2.5-flash", (960, 540), 1548),
        ("gemini-3.1-pro-preview", (100, 100), 1120),
        ("Qwen/Qwen2.5-VL-7B-Instruct", (1000, 500), 1000),
    ],
)
def test_the_tokens_of_a_picture_are_those_that_its_model_is_billed_for(model, size, tokens):
    assert picture_tokens(model, size) == tokens


def test_every_listed_model_has_a_rule_for_its_pictures():
    for line in csv.DictReader(Path(prices.__file__).with_name("prices.csv").open()):
        assert any(re.match(begins, line["model"]) for begins, _ in RULES), line["model"]


def test_all_that_is_sent_counts_in_an_estimate(monkeypatch):
    """A system prompt, the profile's instruction, and text in which a character is a token."""
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    item = questions("test", 1)[0]

    def read(text="?", system="", model="openai:gpt-4o"):
        asked = open_model(model, system=system)
        return asked.estimate([apply(replace(item, text=text), "plain")], Sampling()).read

    assert read(system="Look twice. " * 500) - read() == pytest.approx(2000, abs=2)
    assert read(text="看" * 900) - read(text="") == pytest.approx(900, abs=2)
    assert read(model="openai:gpt-4o-mini") - read() == 8500 - 255


def test_a_company_s_model_has_its_listed_price_or_needs_one(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    assert open_model("openai:o4-mini").endpoint.price == listed_price("openai", "o4-mini")
    assert open_model("openai:o4-mini", server=ServerSettings(price=Price(1, 2))).endpoint.price == Price(1, 2)
    assert open_model("openai:o9", server=ServerSettings(price=Price(1, 2))).endpoint.price == Price(1, 2)
    assert open_model("http://localhost:1/v1#o3").endpoint.price is None
    with pytest.raises(CompanionError, match="no price of 'openai:o9' is listed; give --price"):
        open_model("openai:o9")


def test_nothing_is_sent_before_its_cost_is_agreed_to(serving, tmp_path, capsys):
    """pytest's standard input is no terminal."""
    proxy = Proxy(serving)
    assert main(command(proxy, tmp_path, "--price", "2,8")) == 2
    said = capsys.readouterr()
    assert "checkpoints/base on microworld: 3 requests, about" in said.out
    assert "$2 and $8 for a million tokens read and written, as you said" in said.out
    assert "nothing was sent, since it may cost up to $0.01; agree with --yes, or give a --budget" in said.err
    assert not proxy.bodies
    assert main(command(proxy, tmp_path, "--price", "2,8", "--yes")) == 0
    assert len(proxy.bodies) == 3
    capsys.readouterr()
    assert main(command(proxy, tmp_path, "--price", "2,8")) == 0  # all is stored: nothing to ask, nothing to agree to
    assert "requests" not in capsys.readouterr().out
    assert main(command(proxy, tmp_path / "free")) == 0
    assert main(command(proxy, tmp_path / "budget", "--price", "2,8", "--budget", "0.5")) == 0
    assert len(proxy.bodies) == 9


def test_what_is_agreed_to_is_the_budget(serving, tmp_path, capsys, monkeypatch):
    """Answers that are lost on their way may be paid: after some of them, no more than was agreed to could be kept."""
    monkeypatch.setattr(endpoints, "PAUSE", 0.01)
    proxy = Proxy(serving, ["schema"] * 12)
    assert main(command(proxy, tmp_path, "--price", "1000,1", "--yes")) == 2
    agreed = float(re.search(r"of the budget of \$([\d.]+) no more than", capsys.readouterr().err)[1])
    assert 0.3 < agreed < 0.7
    assert len(proxy.bodies) == 3
    assert Price(1000, 1).of(*proxy.generated) <= agreed


@pytest.mark.parametrize(("typed", "code", "sent"), [("y\n", 0, 3), ("\n", 2, 0), ("no\n", 2, 0)])
def test_a_terminal_is_asked(serving, tmp_path, capsys, monkeypatch, typed, code, sent):
    proxy, (mine, its) = Proxy(serving), os.openpty()
    with os.fdopen(its, "r") as terminal:
        monkeypatch.setattr(sys, "stdin", terminal)
        os.write(mine, typed.encode())
        assert main(command(proxy, tmp_path, "--price", "2,8")) == code
    os.close(mine)
    assert "Spend up to $0.01? [y/N] " in capsys.readouterr().out
    assert len(proxy.bodies) == sent


def test_servers_do_not_go_with_ray(tmp_path, capsys):
    assert main(["evaluate", "--model", "http://localhost:1/v1#m", "--out", str(tmp_path), "--ray"]) == 2
    assert "leave it out for those of a server" in capsys.readouterr().err


def test_a_key_is_in_the_environment_or_in_the_keyring(tmp_path, monkeypatch):
    monkeypatch.setenv("SOME_KEY", f" {KEY}\n")
    assert secret("SOME_KEY") == KEY
    monkeypatch.setenv("SOME_KEY", "fake…key")
    with pytest.raises(CompanionError, match=r"^the key in SOME_KEY holds a character that no key has; copy it again$"):
        secret("SOME_KEY")
    monkeypatch.delenv("SOME_KEY")
    (tmp_path / "keyring").mkdir()
    (tmp_path / "keyring" / "errors.py").write_text("class KeyringError(Exception): pass\n")
    (tmp_path / "keyring" / "__init__.py").write_text(
        "from keyring import errors\n"
        "def get_password(service, name):\n"
        "    if name == 'LOCKED': raise errors.KeyringError\n"
        f"    return {{('companion', 'SOME_KEY'): {KEY!r}}}.get((service, name))\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "keyring", raising=False)
    assert [secret(name) for name in ("SOME_KEY", "NO_KEY", "LOCKED")] == [KEY, None, None]
    for name in ("keyring", "keyring.errors"):
        monkeypatch.delitem(sys.modules, name)


def test_no_written_file_and_no_message_holds_the_key(serving, tmp_path, monkeypatch, capfd):
    """Rows, verdicts, a pushed folder, a notebook with its tracebacks, and what a server says that repeats the key."""
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    proxy, other = Proxy(serving, key=KEY), Proxy(serving, key="another")
    notebook = nbformat.v4.new_notebook(metadata={"language_info": {"name": "python"}})
    notebook.cells = [
        nbformat.v4.new_code_cell("asked = []\nother = ''", metadata={"tags": ["parameters"]}),
        nbformat.v4.new_code_cell("from companion.cli import main\nassert main(asked) == 0"),
        nbformat.v4.new_code_cell("from companion.models.open import open_model\nopen_model(other)"),
    ]
    nbformat.write(notebook, tmp_path / "closed.ipynb")
    run = tmp_path / "run"
    with pytest.raises(CompanionError, match="does not list its models") as error:
        run_notebooks(
            [tmp_path / "closed.ipynb"], tmp_path / "executed", {"asked": command(proxy, run), "other": other.url}
        )
    assert len(proxy.done) == 3
    assert main(command(other, run, "--limit", "4")) == 2
    assert main(["judge", str(run)]) == 0
    model = ["--endpoint-model", "checkpoints/base"]
    limit = ["--max-new-tokens", "8"]
    assert main(["judge", str(run), "--judge", "llm", "--endpoint", proxy.url, *model, *limit]) == 0
    hub.pack(run, "me/rows", tmp_path / "pushed")
    files = [file for file in tmp_path.rglob("*") if file.is_file()]
    contents = {
        file: json.dumps(pq.read_table(file).to_pylist()) if file.suffix == ".parquet" else file.read_text()
        for file in files
    }
    said = capfd.readouterr()
    assert "Incorrect API key provided: Bearer (the key)" in contents[tmp_path / "executed" / "failed" / "closed.ipynb"]
    assert "Incorrect API key provided: Bearer (the key)" in said.err
    assert len([file for file in files if file.suffix == ".parquet"]) >= 5
    assert not [file for file, text in contents.items() if KEY in text]
    assert KEY not in str(error.value) + said.out + said.err


@pytest.mark.slow(45)
def test_notebook_04_audits_a_served_model_within_its_budget(serving, root, tmp_path, monkeypatch, capfd):
    """Without a budget nothing is sent; with a small one it stops, and goes on with a larger one: no answer is asked
    for twice, no more is spent than was agreed to, and the key is written nowhere."""
    name = "07_closed_vs_open"
    (tmp_path / "results").mkdir()
    shutil.copytree(root / "results" / "gap", tmp_path / "results" / "gap")
    shutil.copy(root / "results" / "sample_size.csv", tmp_path / "results")
    shutil.copy(root / "requirements.lock", tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    proxy = Proxy(serving, key=KEY)
    parameters = {
        "endpoint": f"{proxy.url}#checkpoints/base",
        "benchmark": "microworld",
        "n_items": 3,
        "samples": 2,
        "seed": 0,
        "temperature": 1.0,
        "effort": "",
        "profile": "microworld",
        "price": [2, 8],
        "budget": 0.0,
        "figures": "figures",
    }
    perturbations = ["plain", "right-caption", "wrong-caption", "right-think", "wrong-think"]
    with pytest.raises(CompanionError, match=r"30 requests, .* at most \$0\.\d+, .* nothing was sent: set budget"):
        open_audit(name, parameters, perturbations)
    assert not proxy.bodies
    with pytest.raises(CompanionError, match=r"of the budget of \$0\.012 no more than .* is left"):
        open_audit(name, parameters | {"budget": 0.012}, perturbations)
    assert 0 < sum(proxy.done.values()) < 30
    before = Price(2, 8).of(*proxy.tokens)
    assert before <= 0.012
    run_notebooks([root / "notebooks" / f"{name}.ipynb"], Path("executed"), parameters | {"budget": 0.05})
    assert sum(proxy.done.values()) == 30
    assert max(proxy.done.values()) == 2  # the samples
    assert Price(2, 8).of(*proxy.tokens) - before <= 0.05
    table = pd.read_csv("figures/gap_audit.csv")
    assert set(table["n"]) == {3, 6}
    assert set(pd.read_csv("figures/gap_audit_confidence.csv")["measure"]) == {"p_correct", "entropy", "no_answer"}
    entry = json.loads(Path("figures/manifest.json").read_text())["gap_audit"]
    assert (entry["parameters"]["budget"], entry["items"]) == (0.05, 3)
    said = capfd.readouterr()
    files = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert {"07_closed_vs_open.ipynb", "gap_audit.svg", "manifest.json"} <= {file.name for file in files}
    assert not [file for file in files if KEY.encode() in file.read_bytes()]
    assert not [file for file in Path("runs").rglob("*.parquet") if KEY in str(pq.read_table(file).to_pylist())]
    assert KEY not in said.out + said.err


@pytest.mark.parametrize("options", [(), ("--price", "1,2"), ("--budget", "1")])
def test_a_judge_that_is_paid_for_needs_price_and_budget(capsys, tmp_path, options):
    pairs = Path(__file__).parents[1] / "results" / "labelled" / "judge_pairs.jsonl"
    command = ["judge", str(pairs), "--judge", "llm", "--endpoint", "https://api.openai.com/v1", *options]
    assert main(command) == 2
    assert "costs money: give --price" in capsys.readouterr().err


def test_a_companys_address_is_named_by_the_company():
    with pytest.raises(CompanionError, match="costs money: name it openai:gpt-4o"):
        open_model("https://api.openai.com/v1#gpt-4o")
