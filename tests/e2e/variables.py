"""`${...}` in the text of a case."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

_VARIABLE = re.compile(r"\$\{([^}]+)\}")
_NOW = re.compile(r"now([+-]\d+)?")


class UnknownVariableError(Exception):
    """A case names something that it did not make."""


def substitute(value: Any, variables: Mapping[str, str]) -> Any:
    """Return `value` with the variables in all of its text replaced."""
    if isinstance(value, Mapping):
        return {key: substitute(each, variables) for key, each in value.items()}
    if isinstance(value, list):
        return [substitute(each, variables) for each in value]
    if isinstance(value, str):
        return _VARIABLE.sub(lambda found: _value(found.group(1), variables), value)
    if isinstance(value, datetime):
        raise UnknownVariableError(f"{value}: put times into quotes, YAML reads them otherwise")
    return value


def _value(name: str, variables: Mapping[str, str]) -> str:
    if now := _NOW.fullmatch(name):
        moment = datetime.now(UTC) + timedelta(seconds=int(now.group(1) or 0))
        return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
    if name not in variables:
        raise UnknownVariableError(f"${{{name}}} is none of {', '.join(sorted(variables))}")
    return variables[name]
