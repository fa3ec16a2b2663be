"""The table of commands: what stands behind the first word of the command line.

A command's module is imported only when it is asked for: what answers a person at a prompt must not
wait for the client libraries that the operator needs.
"""

import argparse
from dataclasses import dataclass
from importlib import import_module
from types import MappingProxyType


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

    def run(self, options: argparse.Namespace) -> int:
        """Run it; return the exit code."""
        return int(import_module(self.module).run(options))


COMMANDS: MappingProxyType[str, Command] = MappingProxyType(
    {
        "explain": Command(
            "serveractions.manual.explain", "tell what a kind is, or one of its fields"
        ),
        "validate": Command(
            "serveractions.manual.validate", "say whether the API server would take a file"
        ),
        "run": Command("serveractions.shell.command", "run actions without a cluster"),
        "completion": Command(
            "serveractions.completion", "print what makes a shell complete words"
        ),
    }
)
"""By the word that names it."""
