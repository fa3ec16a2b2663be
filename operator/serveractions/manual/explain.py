"""`serveractions explain`: what a kind or one of its fields is, without a cluster.

The same as the pages in deploy/kinds, from the same source: on a terminal with colours and as wide
as that is, elsewhere as plain text.
"""

import argparse
import difflib
import sys
from collections.abc import Iterator, Sequence
from typing import TextIO

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from serveractions.api.kinds import API_VERSION, KINDS, Kind
from serveractions.api.reasons import ADVICE
from serveractions.manual.facts import phases_of, reasons_of
from serveractions.manual.fields import Field, tree

METAVAR = "KIND[.FIELD...]"
"""What stands for the argument in its help."""
UNKNOWN = 2
"""Exit code: there is no such kind or field."""
_PLAIN_WIDTH = 100
_WIDEST = 120


class NothingToExplainError(ValueError):
    """There is no such kind or field; the message says which there are."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.description = (
        "Tells what a kind is and what can be written in it, or what one field means:"
        " `explain ServerBackup`, `explain sbk.spec.rotation`, `explain sbk.status`."
    )
    parser.add_argument(
        "what",
        metavar=METAVAR,
        help=f"a kind ({', '.join(kind.name for kind in KINDS)}), its short name, or a field of it",
    )
    parser.add_argument("--recursive", action="store_true", help="all fields at all depths")


def run(options: argparse.Namespace, out: TextIO | None = None) -> int:
    """Explain; return the exit code."""
    out = out or sys.stdout
    try:
        kind, field = find(options.what)
    except NothingToExplainError as error:
        sys.stderr.write(f"{error}\n")
        return UNKNOWN
    console = Console(file=out, highlight=False, soft_wrap=False)
    console.width = min(console.width, _WIDEST) if console.is_terminal else _PLAIN_WIDTH
    with console.capture() as printed:
        for line in _one(kind, field, recursive=options.recursive) if field.path else _whole(kind):
            console.print(line)
    # Whoever pastes it elsewhere wants no blanks at the ends of lines.
    out.writelines(f"{line.rstrip()}\n" for line in printed.get().splitlines())
    return 0


def find(what: str) -> tuple[Kind, Field]:
    """Return the kind and the field that `KIND[.FIELD...]` names.

    Raises:
        NothingToExplainError: There is none.
    """
    named, *path = what.split(".")
    kind = next((kind for kind in KINDS if named.lower() in names(kind)), None)
    if kind is None:
        raise NothingToExplainError(
            f"there is no kind {named}{_perhaps(named, [kind.name for kind in KINDS])}: name one of"
            f" {', '.join(f'{kind.name} ({kind.short})' for kind in KINDS)}"
        )
    field = tree(kind)
    for name in path:
        below = {each.name: each for each in field.fields}
        if name not in below:
            where = ".".join((kind.name, *field.path))
            has = f"it has {', '.join(below)}" if below else "it has none"
            raise NothingToExplainError(
                f"{where} has no field {name}{_perhaps(name, list(below))}: {has}"
            )
        field = below[name]
    return kind, field


def names(kind: Kind) -> frozenset[str]:
    """Return what a kind may be called, in lower case."""
    return frozenset({kind.name.lower(), kind.singular, kind.plural, kind.short})


def _perhaps(word: str, known: Sequence[str]) -> str:
    close = {each.lower(): each for each in known}
    found = difflib.get_close_matches(word.lower(), list(close), n=1)
    return f" (did you mean {close[found[0]]}?)" if found else ""


def _whole(kind: Kind) -> Iterator[Text | Padding]:
    root = tree(kind)
    yield from _head(kind, ())
    yield Text(root.about)
    yield Text()
    (spec,) = (field for field in root.fields if field.name == "spec")
    yield _title("SPEC")
    for rule in spec.rules:
        yield Padding(Text(f"A rule of the whole: {rule}."), (0, 0, 1, 2))
    yield from _fields(spec, recursive=True)
    yield _title("PHASES")
    yield Padding(Text(", ".join(phases_of(kind))), (0, 0, 1, 2))
    yield _title("REASONS")
    for reason, phases in reasons_of(kind).items():
        yield Padding(
            Text.assemble(
                (str(reason), "bold cyan"),
                (f" in {', '.join(phases)}: ", "dim"),
                _plain(ADVICE[reason]),
            ),
            (0, 0, 0, 2),
        )
    yield Text()
    yield Text(f"More: serveractions explain {kind.short}.status")


def _one(kind: Kind, field: Field, *, recursive: bool) -> Iterator[Text | Padding]:
    yield from _head(kind, field.path)
    facts = list(field.facts())
    if len(field.path) > 1 and field.path[0] == "spec":
        facts.append(
            "fixed once the object exists" if field.fixed else "may be changed at any time"
        )
    yield _title("FIELD")
    yield Padding(Text(", ".join(facts)), (0, 0, 1, 2))
    yield Text(_plain(field.about))
    for rule in field.rules:
        yield Text(f"Otherwise it is refused: {rule}.")
    if field.fields:
        yield Text()
        yield _title("FIELDS")
        yield from _fields(field, recursive=recursive)


def _head(kind: Kind, path: tuple[str, ...]) -> Iterator[Text]:
    yield Text.assemble(
        ("KIND", "bold"), f"  {kind.name} ({kind.short}), {API_VERSION}, Nova's {kind.action}"
    )
    if path:
        yield Text.assemble(("PATH", "bold"), f"  {'.'.join(path)}")
    yield Text()


def _title(text: str) -> Text:
    return Text(text, style="bold")


def _fields(parent: Field, *, recursive: bool) -> Iterator[Padding]:
    fields = parent.below() if recursive else iter(parent.fields)
    for field in fields:
        depth = len(field.path) - len(parent.path)
        first, *more = field.facts()
        facts = Text.assemble(
            (field.name, "bold cyan"),
            (f" <{first}>", "green"),
            (f" {', '.join(more)}" if more else "", "yellow"),
        )
        yield Padding(facts, (0, 0, 0, 2 * depth))
        yield Padding(Text(_plain(field.about)), (0, 0, 1, 2 * depth + 2))


def _plain(text: str) -> str:
    """Return the text without Markdown's marks, which a terminal does not set."""
    return text.replace("`", "'")
