"""Turns a model into the structural schema that a CRD must have.

pydantic's JSON schema goes most of the way. Kubernetes wants nothing by reference and no
alternatives, reads an absent field where JSON schema says null, and tells users what a field is by
its description.
"""

from typing import Any

from serveractions.api.model import Model
from serveractions.api.rules import VALIDATIONS

Schema = dict[str, Any]

_INT32 = 2**31 - 1
_BEGIN = ("description", "type", "format", "enum", "default", "minimum", "maximum")
_END = ("required", "properties", "items", "additionalProperties", VALIDATIONS)


def structural(model: type[Model], *, defaults: bool = True) -> Schema:
    """Return the structural schema of a model.

    Args:
        model: The type.
        defaults: Whether the API server shall fill in the fields' defaults.
    """
    raw = model.model_json_schema(by_alias=True)
    definitions = raw.get("$defs", {})

    def convert(node: Schema) -> Schema:
        schema = _inline(node, definitions)
        default = schema.pop("default", None)
        if defaults and default is not None:
            schema["default"] = default
        if "properties" in schema:
            schema["properties"] = {
                name: convert(inner) for name, inner in schema["properties"].items()
            }
        for key in ("items", "additionalProperties"):
            if isinstance(schema.get(key), dict):
                schema[key] = convert(schema[key])
        return _tidy(schema)

    return convert(raw)


def _inline(node: Schema, definitions: Schema) -> Schema:
    """Return the node with what it refers to in its place; what it says itself wins."""
    said = {key: value for key, value in node.items() if key not in ("$ref", "anyOf")}
    if reference := node.get("$ref"):
        return {**definitions[reference.removeprefix("#/$defs/")], **said}
    for alternative in node.get("anyOf", ()):
        if alternative != {"type": "null"}:
            return {**_inline(alternative, definitions), **said}
    return said


def _tidy(schema: Schema) -> Schema:
    """Return the schema as a person would write it."""
    schema.pop("title", None)
    schema.pop("$defs", None)
    if "description" in schema:
        schema["description"] = " ".join(schema["description"].split())
    if schema["type"] == "integer":
        schema["format"] = "int32" if schema.get("maximum", _INT32 + 1) <= _INT32 else "int64"
    if VALIDATIONS in schema:
        # pydantic sorts the keys within
        schema[VALIDATIONS] = [
            {"rule": rule["rule"], "message": rule["message"]} for rule in schema[VALIDATIONS]
        ]
    return {key: schema[key] for key in sorted(schema, key=_place)}


def _place(key: str) -> tuple[int, str]:
    """Return where a key stands: what a reader asks first is first, what is long is last."""
    if key in _BEGIN:
        return _BEGIN.index(key), ""
    return len(_BEGIN) + (_END.index(key) + 1 if key in _END else 0), key
