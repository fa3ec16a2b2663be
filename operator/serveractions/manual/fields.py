"""The fields of a kind as a tree that can be printed: one source for pages and terminal.

It is read from the rendered CRD and not from the types themselves, so that it says what the API
server says: the same names, bounds, defaults and rules.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from pydantic.alias_generators import to_camel

from serveractions.api.crd import custom_resource_definition
from serveractions.api.kinds import Kind
from serveractions.api.rules import VALIDATIONS
from serveractions.api.spec import MUTABLE
from serveractions.api.structural import Schema

_MUTABLE = frozenset(map(to_camel, MUTABLE))
_INT32 = 2**31 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field, with all below it.

    Attributes:
        path: From `spec` or `status` on; empty for the kind itself.
        type: As `kubectl explain` writes it: `string`, `[]Object`, `map[string]string`.
        required: Whether it must be written, where the object around it is.
        bounds: What limits its value, in words: `at most 255 characters`.
        values: The values that it can have, where they are few.
        default: What holds where it is left out, None where nothing does.
        fixed: Whether it cannot be changed once the object exists. Of the spec only.
        about: What it is.
        rules: What to write, in the words of whoever refuses it.
        fields: What is below it; for a list, what is in each of its items.
    """

    path: tuple[str, ...]
    type: str
    required: bool
    bounds: tuple[str, ...]
    values: tuple[str, ...]
    default: str | None
    fixed: bool
    about: str
    rules: tuple[str, ...]
    fields: tuple["Field", ...]

    @property
    def name(self) -> str:
        """The last part of its path."""
        return self.path[-1] if self.path else ""

    def below(self) -> Iterator["Field"]:
        """Yield all fields below this one, each before its own."""
        for field in self.fields:
            yield field
            yield from field.below()

    def facts(self) -> Iterator[str]:
        """Yield what is to be known of its value, one thing at a time."""
        yield self.type
        if self.required:
            yield "required"
        yield from self.bounds
        if self.default is not None:
            yield f"default {self.default}"


@cache
def tree(kind: Kind) -> Field:
    """Return the fields of a kind: a root with `spec` and `status` below it."""
    version = custom_resource_definition(kind)["spec"]["versions"][0]
    schema = version["schema"]["openAPIV3Schema"]
    ours = {name: schema["properties"][name] for name in ("spec", "status")}
    return _field((), schema | {"properties": ours}, required=True)


def _field(path: tuple[str, ...], schema: Schema, *, required: bool) -> Field:
    inner = schema.get("items", schema)
    below = inner.get("properties", {})
    values = schema.get("enum", ())
    default = schema.get("default")
    in_spec = len(path) > 1 and path[0] == "spec"
    return Field(
        path=path,
        type=_type(schema),
        required=required,
        bounds=tuple(_bounds(schema)),
        values=tuple(map(str, values)),
        # the status of a new object is an example of one, not a default to read
        default=str(default) if isinstance(default, str | int) else None,
        fixed=in_spec and path[1] not in _MUTABLE,
        about=schema.get("description", ""),
        rules=tuple(
            rule["message"] for rule in schema.get(VALIDATIONS, ()) if "fieldPath" not in rule
        ),
        fields=tuple(
            _field((*path, name), each, required=name in inner.get("required", ()))
            for name, each in below.items()
        ),
    )


def _type(schema: Schema) -> str:
    match schema:
        case {"items": dict(items)}:
            return f"[]{_type(items)}"
        case {"additionalProperties": dict(values)}:
            return f"map[string]{_type(values)}"
        case {"type": "object"}:
            return "Object"
        case {"format": "date-time"}:
            return "time"
    return str(schema["type"])


def _bounds(schema: Schema) -> Iterator[str]:
    if "enum" in schema:
        yield "one of " + ", ".join(map(str, schema["enum"]))
    if "minimum" in schema or "maximum" in schema:
        yield _range(schema.get("minimum"), schema.get("maximum"))
    for key, what in (
        ("maxLength", "characters"),
        ("maxItems", "items"),
        ("maxProperties", "keys"),
    ):
        if key in schema:
            yield f"at most {schema[key]} {what}"
    for key in ("items", "additionalProperties"):
        inner: Any = schema.get(key)
        if isinstance(inner, dict) and (within := list(_bounds(inner))):
            yield f"each {' and '.join(within)}"


def _range(least: int | None, most: int | None) -> str:
    if least is None:
        return f"at most {most}"
    if most is None or most == _INT32:  # that one is the width of the number, nothing to know
        return f"at least {least}"
    return f"{least} to {most}"
