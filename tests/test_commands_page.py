"""The reference of the command line: what is committed is what the parsers say, and nothing of them is left out."""

import argparse
import re
import shlex
import shutil

import pytest

from companion.cli import commands_page, parser
from companion.errors import CompanionError

DOCUMENTS = ("README.md", "docs/commands.md", "docs/building.md", "docs/paper-scale.md", "docs/running.md")


def test_the_committed_page_is_what_is_written(root, tmp_path):
    page = tmp_path / "commands.md"
    shutil.copy(root / "docs" / "commands.md", page)
    commands_page.update_commands(page, root / "Makefile")
    assert page.read_text() == (root / "docs" / "commands.md").read_text()


def test_every_command_and_option_stands_in_it_with_its_help_and_default(root):
    """By what `--help` prints, which is made another way."""
    page = (root / "docs" / "commands.md").read_text()
    for name, help_of, command in commands_page.commands(parser()):
        section = re.search(rf"^### companion {name}\n(.*?)(?=^#|<!--)", page, re.MULTILINE | re.DOTALL)[1]
        assert help_of.lower() in section.lower()
        printed = " ".join(command.format_help().split())
        given = command.parse_args([value for one in commands_page.options(command) for value in least(one)])
        rows = [re.split(r"(?<!\\)\|", line)[1:-1] for line in section.splitlines() if line.startswith("| `")]
        assert len(rows) == len(list(commands_page.options(command)))
        for action, (spelled, told, unless) in zip(commands_page.options(command), rows, strict=True):
            assert all(part in spelled for part in action.option_strings[:1])
            words = told.strip().replace("\\", "")
            assert " ".join(words.split()) in printed.replace("- ", "-"), (name, spelled)
            value = getattr(given, action.dest)
            if not action.required and action.option_strings and value not in (None, False, [], ""):
                assert str(value).removesuffix(".0") in unless, (name, spelled)
            assert ("needed" in unless) == bool(least(action)), (name, spelled)


def least(action):
    """What has to be given of an option for a command to be parsed."""
    if not action.required or action.nargs == "*":
        return []
    return [*action.option_strings, action.choices[0] if action.choices else "x"]


def made_up(**settings):
    command = argparse.ArgumentParser(prog="companion go", add_help=False)
    return command, command.add_argument("--far", **settings)


@pytest.mark.parametrize(
    ("settings", "spelled", "told"),
    [
        ({"help": "how far"}, "--far FAR", ("how far", "")),
        ({"help": "how far", "default": 3}, "--far FAR", ("how far", "3")),
        ({"help": "how far (default: %(default)s miles)", "default": 3}, "--far FAR", ("how far", "3 miles")),
        ({"help": "go far", "action": "store_true"}, "--far", ("go far", "off")),
        ({"help": "how far", "required": True, "metavar": "MILES"}, "--far MILES", ("how far", "needed")),
        ({"help": "how far", "nargs": "?", "const": "1"}, "--far [FAR]", ("how far", "")),
        ({"help": "how far", "choices": ("1", "2")}, "--far 1|2", ("how far", "")),
    ],
)
def test_an_option_is_told(settings, spelled, told):
    command, action = made_up(**settings)
    assert (commands_page.spelled(action), commands_page.purpose_and_default(command, action)) == (spelled, told)


@pytest.mark.parametrize("help", [None, "", "default: %(default)s"])
def test_an_option_without_a_help_text_is_an_error(help):
    with pytest.raises(CompanionError, match=r"companion go --far FAR has no help text"):
        commands_page.purpose_and_default(*made_up(help=help, default=3))


def test_every_command_that_a_document_shows_can_be_parsed(root):
    shown = 0
    for document in DOCUMENTS:
        for block in re.findall(r"^```bash\n(.*?)^```", (root / document).read_text(), re.MULTILINE | re.DOTALL):
            for line in block.replace("\\\n", " ").splitlines():
                words = shlex.split(line, comments=True)
                if words[:1] == ["companion"]:
                    parser().parse_args(words[1:])  # leaves the interpreter where it cannot
                    shown += 1
    assert shown > 25


def test_every_make_target_that_a_document_names_is_there(root):
    targets = set(re.findall(r"^([a-z-]+):", (root / "Makefile").read_text(), re.MULTILINE))
    for document in DOCUMENTS:
        named = set(re.findall(r"(?:`|^)make ([a-z-]+)", (root / document).read_text(), re.MULTILINE))
        assert named <= targets, document
