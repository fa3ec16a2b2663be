"""Judges an object as the API server would when it is created, and says what to write instead.

The types decide, which the API server's own schema and rules are rendered from. They ignore what
they do not know, as an object of a newer operator must stay readable; kubectl has that refused, so
it is looked for here.
"""

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from serveractions.api.kinds import API_VERSION, BY_NAME, GROUP, Kind
from serveractions.manual import metadata
from serveractions.manual.fields import Field, tree
from serveractions.manual.metadata import Problem

CLAIMED = f"{GROUP}/claimed"
"""The operator's own annotation, see core/marks.py."""
_ENVELOPE = ("apiVersion", "kind", "metadata", "spec", "status")
_TYPES = {
    "string": "text; what looks like a number or a word such as 'yes' needs quotes",
    "integer": "a whole number, without quotes",
    "boolean": "true or false, without quotes",
    "time": "a moment such as '2026-12-01T06:00:00Z'",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What the API server would say.

    Attributes:
        kind: As written, perhaps none of ours.
        ours: Whether it is judged at all: Secrets and others are not.
        problems: Why it is refused; empty where it is taken.
        warnings: What is taken, though it is hardly meant.
    """

    kind: str
    namespace: str
    name: str
    ours: bool
    problems: tuple[Problem, ...]
    warnings: tuple[str, ...] = ()


def judge(body: Any) -> Judgement:
    """Return what the API server would say to the creation of an object."""
    if not isinstance(body, dict):
        return _judgement({}, ours=True, problems=[Problem("", "write an object: a mapping")])
    version, name = body.get("apiVersion"), body.get("kind")
    if isinstance(version, str) and isinstance(name, str) and not _claims_to_be_ours(version, name):
        return _judgement(body, ours=False, problems=[])
    if version != API_VERSION:
        return _judgement(body, problems=[Problem("apiVersion", f"write {API_VERSION}")])
    kind = BY_NAME.get(name) if isinstance(name, str) else None
    if kind is None:
        say = f"write one of {', '.join(BY_NAME)}{_perhaps(str(name), list(BY_NAME))}"
        return _judgement(body, problems=[Problem("kind", say)])
    return _judgement(body, problems=list(_problems(kind, body)))


def _claims_to_be_ours(version: str, kind: str) -> bool:
    return version.split("/", maxsplit=1)[0] == GROUP or (kind in BY_NAME and "/" not in version)


def _judgement(body: dict[str, Any], *, problems: list[Problem], ours: bool = True) -> Judgement:
    given = body.get("metadata")
    about = given if isinstance(given, dict) else {}
    return Judgement(
        kind=str(body.get("kind") or ""),
        namespace=str(about.get("namespace") or ""),
        name=str(about.get("name") or about.get("generateName") or ""),
        ours=ours,
        problems=tuple(dict.fromkeys(problems)),
        warnings=tuple(_warnings(about)) if ours else (),
    )


def _warnings(metadata: dict[str, Any]) -> Iterator[str]:
    annotations = metadata.get("annotations")
    if isinstance(annotations, dict) and CLAIMED in annotations:
        yield (
            f"the annotation {CLAIMED} marks a copy of an object that was taken up before: it ends"
            " as RestoredCopy. Remove the annotation if it shall run"
        )
    if metadata.get("generateName") and not metadata.get("name"):
        yield "generateName is for 'kubectl create': 'kubectl apply' wants a name"


def _problems(kind: Kind, body: dict[str, Any]) -> Iterator[Problem]:
    for key in body:
        if key not in _ENVELOPE:
            yield _unknown((key,), _ENVELOPE)
    yield from metadata.problems(body.get("metadata"))
    root = tree(kind)
    for part in root.fields:
        if isinstance(body.get(part.name), dict):
            yield from _unknown_below(part, body[part.name])
    spec = body.get("spec")
    if spec is None:
        yield Problem("spec", f"write what to do: {_required(_at(root, ('spec',)))}")
        return
    try:
        kind.spec.model_validate(spec)
    except ValidationError as error:
        for details in error.errors(include_url=False):
            yield _refused(root, details)


def _unknown_below(field: Field, value: Any) -> Iterator[Problem]:
    """Yield the fields that are none, at any depth."""
    if isinstance(value, list):
        for item in value:
            yield from _unknown_below(field, item)
    if not isinstance(value, dict) or not field.fields:
        return
    known = {each.name: each for each in field.fields}
    for key, inner in value.items():
        if key in known:
            yield from _unknown_below(known[key], inner)
        else:
            yield _unknown((*field.path, key), list(known))


def _unknown(path: tuple[str, ...], known: Sequence[str]) -> Problem:
    return Problem(
        ".".join(path), f"there is no such field{_perhaps(path[-1], known)}: correct or remove it"
    )


def _perhaps(word: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(word, known, n=1)
    return f" (did you mean {close[0]}?)" if close else ""


def _refused(root: Field, details: ErrorDetails) -> Problem:
    """Return pydantic's error in the words of the page."""
    path = ("spec", *map(str, details["loc"]))
    where = ".".join(path)
    field = _at(root, path)
    match details["type"]:
        case "string_type":
            return Problem(where, f"write {_TYPES['string']}")
        case "string_too_long":
            return Problem(where, f"write at most {details['ctx']['max_length']} characters")
        case _ if field is None:
            return Problem(where, _own_words(details))
        case "missing":
            return Problem(where, f"write it: {_first_sentence(field.about)}")
        case "enum":
            return Problem(where, f"write one of {', '.join(field.values)}")
        case "value_error":
            return Problem(where, _own_words(details))
        case kind if kind.endswith(("_type", "_parsing", "_from_float")):
            return Problem(where, f"write {_wanted(field)}")
    return Problem(where, f"write {', '.join(field.bounds) or _wanted(field)}")


def _at(root: Field, path: Sequence[str]) -> Field | None:
    field: Field | None = root
    for name in path:
        field = next((each for each in (field.fields if field else ()) if each.name == name), None)
    return field


def _own_words(details: ErrorDetails) -> str:
    return details["msg"].removeprefix("Value error, ")


def _wanted(field: Field) -> str:
    if field.fields:
        return f"a mapping with {', '.join(each.name for each in field.fields)}"
    if field.type.startswith("map"):
        return "a mapping of text to text"
    return _TYPES.get(field.type, field.type)


def _required(field: Field | None) -> str:
    needed = [each.name for each in (field.fields if field else ()) if each.required]
    return f"{', '.join(needed)} are needed"


def _first_sentence(text: str) -> str:
    return text.split(". ", maxsplit=1)[0].rstrip(".")
