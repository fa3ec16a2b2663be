"""YAML read for its plain structure: text, true, false, null, lists and mappings.

The file comes from whoever may write a Secret. PyYAML's constructors are not run at all: even the
safe ones fail in ways of their own on what is tagged by hand (`!!int ''`, `!!timestamp x`). What a
clouds.yaml needs is little, so only that is made, and everything that stands for more than it shows
(anchors, tags, merge keys) is refused. So is a key that stands twice: of two people who read the
file, one sees the first and one the second.
"""

from dataclasses import dataclass
from typing import Any

import yaml

MAX_BYTES = 32 * 1024
"""No clouds.yaml in use comes near; checked before the parser sees a byte."""
MAX_DEPTH = 12

_CORE = "tag:yaml.org,2002:"
_SCALARS = frozenset(_CORE + name for name in ("int", "float", "timestamp"))


class NotPlainError(Exception):
    """The file is not what is read here; the message says where and why, and quotes nothing."""


@dataclass(frozen=True, slots=True)
class NotText:
    """A number or a date: there is no use for one, so it only stands where it was."""

    written: str


def load(text: bytes) -> Any:
    """Return the document.

    Raises:
        NotPlainError: It is too long, no YAML, or more than plain YAML.
    """
    if len(text) > MAX_BYTES:
        raise NotPlainError(
            f"is longer than {MAX_BYTES} bytes: leave only the cloud in it that is used"
        )
    try:
        node = yaml.compose(text, Loader=_Composer)
    except yaml.MarkedYAMLError as error:
        # The error's own text quotes the file, passwords included: only the place is told.
        where = f" near line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise NotPlainError(f"is not valid YAML{where}: check it with a YAML linter") from None
    except (yaml.YAMLError, ValueError, RecursionError):
        raise NotPlainError("is not YAML in UTF-8: check it with a YAML linter") from None
    return None if node is None else _value(node)


class _Composer(yaml.SafeLoader):
    """Refuses anchors and depth: a few bytes of either eat the whole memory."""

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event: yaml.Event = self.peek_event()  # type: ignore[no-untyped-call]
        if getattr(event, "anchor", None) is not None:  # an alias has one too
            raise _refused("anchors and aliases", event)
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise _refused(f"more than {MAX_DEPTH} levels", event)
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


def _value(node: yaml.Node) -> Any:
    kind = node.tag.removeprefix(_CORE)
    match node:
        case yaml.MappingNode() if kind == "map":
            return _mapping(node)
        case yaml.SequenceNode() if kind == "seq":
            return [_value(item) for item in node.value]
        case yaml.ScalarNode() if kind == "str":
            return str(node.value)
        case yaml.ScalarNode() if kind == "null":
            return None
        case yaml.ScalarNode() if kind == "bool":
            return _Composer.bool_values.get(node.value.lower(), NotText(node.value))
        case yaml.ScalarNode() if node.tag in _SCALARS:
            return NotText(node.value)
    raise _refused("tags and merge keys", node)


def _mapping(node: yaml.MappingNode) -> dict[Any, Any]:
    found: dict[Any, Any] = {}
    for name, inner in node.value:
        if not isinstance(name, yaml.ScalarNode):
            raise _refused("keys that are lists or mappings", name)
        key = _value(name)
        if key in found:
            raise _refused("a key that stands twice", name)
        found[key] = _value(inner)
    return found


def _refused(what: str, place: yaml.Event | yaml.Node) -> NotPlainError:
    mark = place.start_mark
    where = f" near line {mark.line + 1}" if mark is not None else ""
    return NotPlainError(f"is not plain YAML: write it without {what}{where}")
