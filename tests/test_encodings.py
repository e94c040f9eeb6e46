"""Files are UTF-8 whatever the machine's locale is, and what a terminal cannot show stops no command."""

import ast
import json
import os
import subprocess
import sys

import pytest

ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
"""Under these Python takes ASCII for the encoding of files and terminals."""


def opened(tree):
    """Calls that open a file as text, or read what a process writes, without an encoding."""
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
        settings = {keyword.arg: getattr(keyword.value, "value", None) for keyword in call.keywords}
        of = (
            call.func.value.id if isinstance(call.func, ast.Attribute) and isinstance(call.func.value, ast.Name) else ""
        )
        modes = [one.value for one in call.args if isinstance(one, ast.Constant)] + [settings.get("mode")]
        binary = any(isinstance(mode, str) and "b" in mode for mode in modes)
        text = name in ("read_text", "write_text") or settings.get("text") is True
        text |= name == "open" and of not in ("os", "Image", "webbrowser") and not binary
        place = {"read_text": 0, "write_text": 1}.get(name, 3)  # of the encoding, where it has no name
        given = "encoding" in settings or len(call.args) > place
        if text and not given:
            yield call.lineno, name


def test_the_check_finds_what_it_should():
    bad = "p.read_text()\np.write_text('x')\nopen('x')\np.open('a', newline='')\nsubprocess.run(c, text=True)"
    good = (
        "p.read_text(encoding='utf-8')\np.read_text('utf-8')\np.write_text('x', 'utf-8')\np.open('rb')\n"
        "Image.open(p)\nos.open(p, 1)"
    )
    assert len(list(opened(ast.parse(bad)))) == 5
    assert not list(opened(ast.parse(good)))


def test_every_text_file_is_opened_as_utf_8(root):
    found = [
        f"{file.relative_to(root)}:{line} {name}"
        for file in sorted((root / "src").rglob("*.py"))
        for line, name in opened(ast.parse(file.read_text(encoding="utf-8")))
    ]
    assert found == []


def run(root, *command):
    environment = os.environ | ASCII | {"PYTHONPATH": str(root / "src")}
    return subprocess.run([sys.executable, *command], cwd=root, env=environment, capture_output=True, timeout=300)


@pytest.mark.slow
@pytest.mark.parametrize("command", [("plan",), ("benchmarks",), ("nonsense-é",)])
def test_commands_run_where_the_terminal_knows_ascii_alone(root, command):
    done = run(root, "-m", "companion", *command)
    assert b"Traceback" not in done.stderr
    assert done.returncode == (2 if "é" in command[0] else 0)


@pytest.mark.slow
def test_a_manifest_is_written_and_read_under_ascii(root, tmp_path):
    code = f"""
import pandas as pd
from pathlib import Path
from companion.figures.gallery import Gallery
for name in ("one", "two"):
    Gallery(Path({str(tmp_path)!r}), "nb", {{}}).add_table(name, pd.DataFrame({{"a": ["−é"]}}), "−12.4 points, é")
"""
    (tmp_path / "write.py").write_text(code, encoding="utf-8")
    done = run(root, tmp_path / "write.py")
    assert done.returncode == 0, done.stderr.decode()
    assert json.loads((tmp_path / "manifest.json").read_text("utf-8"))["two"]["caption"] == "−12.4 points, é"


def test_a_full_disk_is_one_sentence_of_any_command(root, tmp_path, capsys, monkeypatch):
    from companion.cli import main

    monkeypatch.chdir(root)
    full = tmp_path / "FINDINGS.md"
    full.symlink_to("/dev/full")
    assert main(["findings", "--out", str(full)]) == 2
    assert "No space left on device; free some space" in capsys.readouterr().err.splitlines()[-1]
