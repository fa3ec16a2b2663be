"""Comparing what a case expects with what is there: the members that are given, nothing else."""

import re
from collections.abc import Mapping, Sequence
from typing import Any


def differences(expected: Any, actual: Any, path: str = "") -> list[str]:
    """Return one line for each expectation that does not hold, empty when all do.

    Args:
        expected: From a case's YAML; the README has the rules.
        actual: What is there.
        path: Where in it, for the lines.
    """
    if isinstance(expected, Mapping):
        if not isinstance(actual, Mapping):
            return [_line(path, expected, actual)]
        return [
            line
            for key, value in expected.items()
            for line in differences(value, actual.get(key), f"{path}.{key}".lstrip("."))
        ]
    if isinstance(expected, Sequence) and not isinstance(expected, str):
        return _list_differences(expected, actual, path)
    if isinstance(expected, str) and isinstance(actual, str | int):
        return [] if _text_matches(expected, str(actual)) else [_line(path, expected, actual)]
    return [] if expected == actual else [_line(path, expected, actual)]


def _list_differences(expected: Sequence[Any], actual: Any, path: str) -> list[str]:
    if not isinstance(actual, Sequence):
        return [_line(path, expected, actual)]
    if path.endswith("conditions"):
        by_type = {condition["type"]: condition for condition in actual}
        return [
            line
            for wanted in expected
            for line in differences(
                wanted, by_type.get(wanted["type"], {}), f"{path}[{wanted['type']}]"
            )
        ]
    if len(expected) != len(actual):
        return [f"{path}: {len(expected)} expected, there are {len(actual)}: {actual}"]
    return [
        line
        for index, (wanted, found) in enumerate(zip(expected, actual, strict=True))
        for line in differences(wanted, found, f"{path}[{index}]")
    ]


def _text_matches(expected: str, actual: str) -> bool:
    if expected.startswith("~"):
        return re.search(expected[1:], actual) is not None
    if expected.startswith("!"):
        return actual != expected[1:]
    return actual == expected


def _line(path: str, expected: Any, actual: Any) -> str:
    return f"{path}: expected {expected!r}, there is {actual!r}"
