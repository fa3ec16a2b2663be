"""Patterns mean the same in Python and in RE2, as far as that can be seen without an API server."""

import re

import pytest

from serveractions.api.crd import custom_resource_definition
from serveractions.api.kinds import KINDS
from serveractions.api.rules import matches

_RULES = {
    found
    for kind in KINDS
    for found in re.findall(r"matches\(r?'(.*?)'\)", str(custom_resource_definition(kind)))
}


@pytest.mark.parametrize("pattern", sorted(_RULES))
def test_a_pattern_uses_only_what_re2_and_python_read_alike(pattern: str) -> None:
    assert pattern.startswith("^")
    assert pattern.endswith("$")
    assert not re.search(r"\\[sSdDwWbBAZzpP]", pattern), "ASCII in RE2, Unicode in Python"
    assert not re.search(r"\(\?[^:]", pattern), "RE2 has no look-around"


def test_a_pattern_holds_for_the_whole_value() -> None:
    rule = matches("[a-z]+|[0-9]+", "write letters or digits")

    assert rule.holds("abc")
    assert not rule.holds("abc1")
    assert not rule.holds("abc\n")
    assert rule.cel == "self.matches(r'^(?:[a-z]+|[0-9]+)$')"


def test_a_broken_rule_answers_with_its_message() -> None:
    with pytest.raises(ValueError, match="write letters"):
        matches("[a-z]+", "write letters").check("1")
