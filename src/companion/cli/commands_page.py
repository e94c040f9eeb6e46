"""The reference of the command line, docs/commands.md: every command and option, as its parser has them.

`make figures` without parameters rewrites it; `python -m companion.cli.commands_page` does that alone.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from pathlib import Path

from companion.analysis.findings.wording import markdown_table
from companion.cli import parser
from companion.errors import CompanionError
from companion.teaching.pages.readme import fill

DEFAULT = re.compile(r" ?\(default: (.+?)\)$|^default: (.+)$")
"""Where a help text says what an option is unless it is given: at its end, or the whole of it."""


def commands(whole: argparse.ArgumentParser) -> Iterator[tuple[str, str, argparse.ArgumentParser]]:
    """Name, help and parser of each command."""
    for action in whole._actions:  # argparse has no public way to its parts
        if isinstance(action, argparse._SubParsersAction):
            help_of = {choice.dest: choice.help or "" for choice in action._choices_actions}
            yield from ((name, help_of.get(name, ""), own) for name, own in action.choices.items())


def options(command: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """What a command takes, but for --help."""
    return (action for action in command._actions if not isinstance(action, argparse._HelpAction))


def spelled(action: argparse.Action) -> str:
    """As it is written on a command line: `--seed SEED`, `RUN …`, `--ray [ADDRESS]`."""
    if action.nargs == 0:
        return action.option_strings[0]
    name = str(action.metavar or ("|".join(map(str, action.choices)) if action.choices else action.dest))
    if action.option_strings and not action.metavar and not action.choices:
        name = name.upper()
    value = {"?": f"[{name}]", "+": f"{name} …", "*": f"[{name} …]"}.get(str(action.nargs), name)
    return " ".join([*action.option_strings[:1], value])


def purpose_and_default(command: argparse.ArgumentParser, action: argparse.Action) -> tuple[str, str]:
    """What an option is for, and what it is unless it is given: "needed", "off", a value, or "" where that is nothing.

    Raises CompanionError for an option without a help text.
    """
    text = command._get_formatter()._expand_help(action) if action.help else ""
    match = DEFAULT.search(text)
    text = DEFAULT.sub("", text)
    if not text.strip():
        raise CompanionError(f"{command.prog} {spelled(action)} has no help text; give it one in companion.cli")
    if action.required and action.nargs != "*":  # argparse calls those needed, too
        return text, "needed"
    if match:
        return text, match[1] or match[2]
    if action.nargs == 0:
        return text, "off"
    return text, "" if action.default in (None, [], "") else str(action.default)


def reference(whole: argparse.ArgumentParser) -> str:
    """A section for each command: what it does, and a table of what it takes."""
    parts = []
    for name, text, command in commands(whole):
        stop = "" if text.endswith("?") else "."
        parts.append(f"### companion {name}\n\n{text[:1].upper()}{text[1:]}{stop}")
        lines = [
            [f"`{spelled(action)}`", *(cell.replace("<", "\\<") for cell in purpose_and_default(command, action))]
            for action in options(command)
        ]
        parts.append(markdown_table(["option", "what it is", "unless given"], lines))
    return "\n\n".join(parts)


def targets(makefile: Path) -> str:
    """One line for each target of the Makefile, as `make help` lists them."""
    found = re.findall(r"^([a-z-]+):.*?## (.+)$", makefile.read_text(encoding="utf-8"), re.MULTILINE)
    return markdown_table(["target", "what it does"], [[f"`make {name}`", text] for name, text in found])


def update_commands(page: Path, makefile: Path) -> None:
    """Replace what stands between the marks of the two parts."""
    fill(page, {"commands": reference(parser()), "targets": targets(makefile)})


if __name__ == "__main__":
    update_commands(Path("docs/commands.md"), Path("Makefile"))
