"""The command line: the first word names a command; without one the operator is run.

The commands are imported only when they are asked for: what answers a person at a prompt must not
wait for the client libraries that the operator needs.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from types import MappingProxyType

NO_SUCH = 2
"""Exit code: there is no such command."""


@dataclass(frozen=True, slots=True)
class Command:
    """One command.

    Attributes:
        module: Where its `add_arguments(parser)` and `run(options)` are.
        about: What it does, for the list of commands.
    """

    module: str
    about: str

    def parser(self, name: str) -> argparse.ArgumentParser:
        """Return the parser of its arguments."""
        parser = argparse.ArgumentParser(prog=f"serveractions {name}")
        import_module(self.module).add_arguments(parser)
        return parser


COMMANDS: MappingProxyType[str, Command] = MappingProxyType(
    {
        "explain": Command(
            "serveractions.manual.explain", "tell what a kind is, or one of its fields"
        ),
        "validate": Command(
            "serveractions.manual.validate", "say whether the API server would take a file"
        ),
    }
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command, or the operator; return the exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if not words or words[0].startswith("-"):
        return int(import_module("serveractions.operate").main(words, commands=_list()))
    name, *rest = words
    command = COMMANDS.get(name)
    if command is None:
        sys.stderr.write(f"there is no command {name}. {_list()}")
        return NO_SUCH
    options = command.parser(name).parse_args(rest)
    return int(import_module(command.module).run(options))


def _list() -> str:
    """Return what the commands are, for the end of a help text."""
    rows = "".join(f"  {name:12}{command.about}\n" for name, command in COMMANDS.items())
    return f"Commands, each with --help:\n{rows}Without a command the operator is run.\n"


if __name__ == "__main__":
    sys.exit(main())
