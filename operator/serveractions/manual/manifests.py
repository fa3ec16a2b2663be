"""Reads manifests the way kubectl does, so that a file means the same to both.

kubectl reads YAML 1.1 in the dialect of one Go library. PyYAML differs from it in small things that
change an answer: which unquoted words are true, what an octal or a moment is, that a key may stand
twice. What kubectl takes and a person should still look at is told as a warning.
"""

import argparse
import json
import re
import sys
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

STDIN = "-"
_ENDINGS = {".yaml", ".yml", ".json"}
_BOOLEANS = {
    **dict.fromkeys(
        ("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"), True
    ),
    **dict.fromkeys(
        ("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"), False
    ),
}
_NULLS = {"", "~", "null", "Null", "NULL"}
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*|0[0-7]+|0o[0-7]+|0x[0-9a-fA-F]+|0b[01]+)")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")


class UnreadableError(Exception):
    """A file cannot be read; the message says why and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One object of a file, or what stands where there should be one.

    Attributes:
        file: As it was named; `-` is standard input.
        number: Counts the file's documents from 1.
        of: How many the file has.
        body: The object as JSON has it.
        warnings: What kubectl takes, though it is hardly meant.
    """

    file: str
    number: int
    of: int
    body: Any
    warnings: tuple[str, ...] = ()

    @property
    def place(self) -> str:
        """Where it is, for a person."""
        name = "standard input" if self.file == STDIN else self.file
        return name if self.of == 1 else f"{name}, document {self.number}"


def add_files(parser: argparse.ArgumentParser, *, also: str = "") -> None:
    """Add the argument that names files, as kubectl has it, for `files_of`."""
    what = "a file, a directory, or - for standard input"
    parser.add_argument(
        "-f",
        "--filename",
        action="extend",
        nargs="+",
        required=True,
        metavar="FILE",
        help=f"{what}; {also}" if also else what,
    )


def files_of(names: Sequence[str]) -> Iterator[str]:
    """Yield each file, and for a directory what kubectl would read in it.

    Raises:
        UnreadableError: There is no such file, or the directory has none.
    """
    for name in names:
        path = Path(name)
        if name == STDIN or not path.is_dir():
            yield name
            continue
        found = sorted(str(each) for each in path.iterdir() if each.suffix in _ENDINGS)
        if not found:
            raise UnreadableError(f"{name}: the directory holds no .yaml, .yml or .json file")
        yield from found


def read(name: str) -> list[Document]:
    """Return the documents of a file; a list of objects counts as its items.

    Raises:
        UnreadableError: It cannot be read, or is no YAML.
    """
    try:
        text = sys.stdin.read() if name == STDIN else Path(name).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise UnreadableError(f"{name}: {error.strerror}: name a file that can be read") from error
    except UnicodeDecodeError as error:
        raise UnreadableError(f"{name}: not UTF-8: save the file in that encoding") from error
    found = _json(text) if text.lstrip().startswith("{") else None
    if found is None:
        found = _yaml(name, text)
    return [
        Document(file=name, number=number, of=len(found), body=body, warnings=warnings)
        for number, (body, warnings) in enumerate(found, 1)
    ]


def _json(text: str) -> list[tuple[Any, tuple[str, ...]]] | None:
    """Return the objects of a text that is JSON, one after the other; None if it is not.

    YAML does not take all that JSON does: tabs between its parts, for one.
    """
    decoder, at = json.JSONDecoder(), 0
    found: list[tuple[Any, tuple[str, ...]]] = []
    try:
        while rest := text[at:].lstrip():
            body, length = decoder.raw_decode(rest)
            at = len(text) - len(rest) + length
            found += [(each, ()) for each in _items(body)]
    except (ValueError, RecursionError):
        return None
    return found


def _yaml(name: str, text: str) -> list[tuple[Any, tuple[str, ...]]]:
    """Return the objects of a text in YAML, each with what is to be warned of."""
    loader = _Loader(text)
    found: list[tuple[Any, tuple[str, ...]]] = []
    try:
        while loader.check_data():  # type: ignore[no-untyped-call]
            loader.warnings = []
            body = loader.get_data()
            found += [(each, tuple(loader.warnings)) for each in _items(body)]
    except yaml.MarkedYAMLError as error:
        raise UnreadableError(f"{name}: {_what(error)}") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise UnreadableError(f"{name}: not YAML: {error}") from error
    finally:
        loader.dispose()
    return found


def _items(body: Any) -> Iterator[Any]:
    """Yield the object, or those of a list of the kind `List`; nothing for an empty document."""
    match body:
        case None:
            return
        case {"kind": "List", "apiVersion": "v1", "items": list(items)}:
            for item in items:
                yield from _items(item)
        case _:
            yield body


def _what(error: yaml.MarkedYAMLError) -> str:
    mark = error.problem_mark or error.context_mark
    where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
    context = f"{error.context}: " if error.context else ""
    return f"{where}not YAML: {context}{error.problem}"


class _Loader(yaml.SafeLoader):
    """Resolves plain words as kubectl does, and notes keys that stand twice."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - PyYAML's own way to say it
    warnings: list[str]

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.warnings = []

    def resolve(self, kind: Any, value: Any, implicit: Any) -> str:
        """Return the tag of a node that has none."""
        if kind is yaml.ScalarNode and implicit[0]:
            return "!plain"
        return str(super().resolve(kind, value, implicit))  # type: ignore[no-untyped-call]

    def plain(self, node: yaml.Node) -> Any:
        """Return what a word without quotes stands for."""
        word = node.value
        if word in _NULLS:
            return None
        if word in _BOOLEANS:
            return _BOOLEANS[word]
        digits = word.replace("_", "")
        if _INTEGER.fullmatch(digits):
            return _integer(digits)
        if _FLOAT.fullmatch(digits):
            number = float(digits)
            return int(number) if number.is_integer() else number  # as JSON writes it in Go
        if _NOT_FINITE.fullmatch(word):
            raise yaml.MarkedYAMLError(
                problem=f"{word} is no number that JSON has", problem_mark=node.start_mark
            )
        return word

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:  # noqa: FBT001, FBT002 - PyYAML's signature
        """Return the mapping with text as its keys, as JSON has them."""
        if not isinstance(node, yaml.MappingNode):
            return dict(super().construct_mapping(node, deep=deep))  # it says what is wrong
        self._note_twice(node)
        self.flatten_mapping(node)
        return {
            _key(self.construct_object(key, deep=True), key.start_mark): self.construct_object(
                value, deep=deep
            )
            for key, value in node.value
        }

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Resolve merge keys, which are plain words here too."""
        for key, _ in node.value:
            if key.tag == "!plain" and key.value == "<<":
                key.tag = "tag:yaml.org,2002:merge"
        super().flatten_mapping(node)

    def _note_twice(self, node: yaml.MappingNode) -> None:
        seen = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                continue
            if key.value in seen and key.value != "<<":
                self.warnings.append(
                    f"line {key.start_mark.line + 1}: '{key.value}' stands twice, and only the last"
                    " counts: remove one"
                )
            seen.add(key.value)


_Loader.add_constructor("!plain", _Loader.plain)


def _integer(word: str) -> int:
    sign = -1 if word.startswith("-") else 1
    digits = word.lstrip("+-")
    octal = len(digits) > 1 and digits.isdigit() and digits.startswith("0")
    return sign * int(f"0o{digits[1:]}" if octal else digits, 0)


def _key(key: Any, mark: yaml.Mark) -> str:
    if isinstance(key, str):
        return key
    if isinstance(key, bool | int | float):
        return json.dumps(key)
    raise yaml.MarkedYAMLError(problem="a key has to be text", problem_mark=mark)
