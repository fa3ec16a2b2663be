"""`serveractions completion`: a script that makes a shell complete commands, flags and kinds.

It is written from the parsers that read the command line, so that it cannot name a flag that is
none. It holds all words itself: no program is started while somebody types.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from typing import TextIO

from serveractions import operate
from serveractions.api.kinds import KINDS
from serveractions.commands import COMMANDS
from serveractions.manual import explain
from serveractions.manual.fields import tree

_HEAD = """\
# Completes the words of serveractions in bash:  source <(serveractions completion bash)
_serveractions() {
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}
    COMPREPLY=()
"""
_TAIL = """\
}
complete -F _serveractions serveractions
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.description = (
        "Prints a script that makes a shell complete commands, flags, kinds and fields."
        " In ~/.bashrc: source <(serveractions completion bash)"
    )
    parser.add_argument("shell", choices=["bash"])


def run(options: argparse.Namespace, out: TextIO | None = None) -> int:
    """Print the script; return the exit code."""
    (out or sys.stdout).write("".join(f"{line}\n" for line in {"bash": _bash}[options.shell]()))
    return 0


def _bash() -> Iterator[str]:
    yield from _HEAD.splitlines()
    operator = operate.parser()
    yield "    if ((COMP_CWORD == 1)); then"
    yield f"        {_words([*COMMANDS, *_flags(operator)])}"
    yield "        return"
    yield "    fi"
    yield "    case ${COMP_WORDS[1]} in"
    for name, command in COMMANDS.items():
        yield f"    {name})"
        yield from _arguments(command.parser(name))
        yield "        ;;"
    yield "    -*)"
    yield from _arguments(operator)
    yield "        ;;"
    yield "    esac"
    yield from _TAIL.splitlines()


def _arguments(parser: argparse.ArgumentParser) -> Iterator[str]:
    """Yield what completes the arguments of one parser."""
    actions = parser._actions  # noqa: SLF001 - there is no public way to ask a parser
    yield "        case $before in"
    for action in actions:
        if action.option_strings and action.nargs != 0:
            yield f"        {'|'.join(action.option_strings)})"
            yield from _values(action, "            ")
            yield "            return ;;"
    yield "        esac"
    yield "        if [[ $word == -* ]]; then"
    yield f"            {_words(_flags(parser))}"
    yield "            return"
    yield "        fi"
    for action in actions:
        # what a flag takes several of goes on after the first
        if not action.option_strings or action.nargs == "+":
            yield from _values(action, "        ")


def _values(action: argparse.Action, indent: str) -> Iterator[str]:
    """Yield what completes the value of one argument."""
    if action.choices is not None:
        yield indent + _words([str(choice) for choice in action.choices])
    elif action.metavar == explain.METAVAR:
        yield from (indent + line for line in _kinds())
    elif action.metavar == "FILE":
        yield indent + r"local IFS=$'\n'; compopt -o filenames 2>/dev/null"
        yield indent + 'COMPREPLY=($(compgen -f -- "$word"))'
    else:
        yield indent + ":"


def _kinds() -> Iterator[str]:
    """Yield what completes a kind, and after a dot its fields."""
    yield "compopt -o nospace 2>/dev/null"
    yield "case ${word,,} in"
    for kind in KINDS:
        names = "|".join(f"{name}.*" for name in sorted(explain.names(kind)))
        paths = [".".join(field.path) for field in tree(kind).below()]
        yield f"{names})"
        yield (
            '    COMPREPLY=($(compgen -P "${word%%.*}." -W "'
            + " ".join(paths)
            + '" -- "${word#*.}")) ;;'
        )
    yield "*)"
    yield f"    {_words([name for kind in KINDS for name in (kind.name, kind.short)])} ;;"
    yield "esac"


def _flags(parser: argparse.ArgumentParser) -> list[str]:
    actions = parser._actions  # noqa: SLF001 - there is no public way to ask a parser
    return [flag for action in actions for flag in action.option_strings]


def _words(words: Sequence[str]) -> str:
    return f'COMPREPLY=($(compgen -W "{" ".join(words)}" -- "$word"))'
