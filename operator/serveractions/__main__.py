"""The command line: the first word names a command; without one the operator is run."""

import os
import signal
import sys
from collections.abc import Sequence
from importlib import import_module

from serveractions.commands import COMMANDS

NO_SUCH = 2
"""Exit code: there is no such command."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command, or the operator; return the exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if not words or words[0].startswith("-"):
        hear_signals()
        return int(import_module("serveractions.operate").main(words, commands=_list()))
    name, *rest = words
    command = COMMANDS.get(name)
    if command is None:
        sys.stderr.write(f"there is no command {name}. {_list()}")
        return NO_SUCH
    options = command.parser(name).parse_args(rest)
    try:
        code = command.run(options)
        sys.stdout.flush()
    except BrokenPipeError:  # whoever read it, such as `head`, has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nothing at the end either
        return 0
    return code


def hear_signals() -> None:
    """Have SIGTERM and SIGINT end the process until its event loop takes them over.

    Importing takes a second, there is nothing to record yet, and the first process of a container
    does not hear a signal that it has no handler for: its pod would stay until it is killed.
    """
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: sys.exit(0))


def _list() -> str:
    """Return what the commands are, for the end of a help text."""
    rows = "".join(f"  {name:12}{command.about}\n" for name, command in COMMANDS.items())
    return f"Commands, each with --help:\n{rows}Without a command the operator is run.\n"


if __name__ == "__main__":
    sys.exit(main())
