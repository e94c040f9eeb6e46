"""The command line of companion: one module for each group of commands."""

from __future__ import annotations

import argparse
import errno
import io
import sys
from collections.abc import Sequence

from companion.cli import evaluate_commands, judge_commands, report_commands, share_commands, train_commands
from companion.errors import CompanionError

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
"""What the system says of a disk that takes nothing."""

ELSEWHERE = (errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG)
"""What it says of a path at which nothing of the kind can be: a file where a folder was wanted, a forbidden place."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command. Returns 0, 2 for bad input or a failing machine (one sentence on stderr), 130 if interrupted."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # where "−" or "é" cannot be shown, "?" stands for it
            stream.reconfigure(errors="replace")
    options, unknown = parser().parse_known_args(arguments)
    if unknown:
        options.command.error(f"unrecognized arguments: {' '.join(unknown)}")
    try:
        options.run(options)
    except OSError as error:
        where = f" {error.filename}" if error.filename else ""
        if error.errno in FULL:
            told = f"cannot write{where}: {error.strerror}; free some space, or write elsewhere"
        elif error.errno in ELSEWHERE and where:
            told = f"cannot use{where}: {error.strerror}; name another file or folder"
        else:
            raise
        print(f"companion: {told}", file=sys.stderr)
        return 2
    except (CompanionError, FloatingPointError) as error:
        print(f"companion: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("companion: interrupted; the same command goes on from here", file=sys.stderr)
        return 130
    return 0


def parser() -> argparse.ArgumentParser:
    """The parser of all commands."""
    whole = argparse.ArgumentParser(prog="companion", description=__doc__)
    commands = whole.add_subparsers(title="commands", required=True)
    for group in (report_commands, evaluate_commands, judge_commands, share_commands, train_commands):
        group.add(commands)
    for own in commands.choices.values():
        own.set_defaults(command=own)  # whose usage is shown where an option is unknown
    return whole
