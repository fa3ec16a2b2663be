"""A file that anybody may have written is read in little time, or refused without being quoted."""

import pytest

from serveractions.cloud.plain_yaml import MAX_BYTES, NotPlainError, NotText, load

pytestmark = pytest.mark.timeout(10)


PLAIN = b"""\
a: text
b: [yes, off, ~, '1', "2"]
c:
  d: |
    e
"""


def test_text_truth_nothing_lists_and_mappings_are_read() -> None:
    assert load(PLAIN) == {"a": "text", "b": [True, False, None, "1", "2"], "c": {"d": "e\n"}}


@pytest.mark.parametrize("written", ["1", "1.5", "0x1f", "1:30", "2026-12-01", "!!int 1"])
def test_numbers_and_dates_are_known_as_no_text(written: str) -> None:
    found = load(f"a: {written}".encode())
    assert found == {"a": NotText(written.removeprefix("!!int "))}


def test_an_empty_file_is_nothing() -> None:
    assert load(b"# only this\n") is None


REFUSED = {
    "an alias": b"a: &a 1\nb: *a",
    "an anchor that nothing names": b"a: &a b",
    "a bomb": b"a: &a [x,x]\nb: &b [*a,*a]\nc: &c [*b,*b]\n",
    "a loop": b"&a [*a]",
    "a merge key": b"a: {<<: {b: c}}",
    "a value key": b"{=: a}",
    "a python object": b"a: !!python/object/apply:os.system ['true']",
    "a python name": b"a: !!python/name:os.system ''",
    "a tag of its own": b"a: !vault x",
    "a tag on a mapping": b"a: !!set {b, c}",
    "a text made a list": b"a: !!seq b",
    "a list made a text": b"a: !!str [b]",
    "bytes": b"a: !!binary aGk=",
    "a key that stands twice": b"a: 1\na: 2",
    "a key that stands twice in two spellings": b"a: 1\n'a': 2",
    "a number that stands twice": b"1: a\n1: b",
    "a key that is a list": b"? [a]\n: b",
    "two documents": b"--- a\n--- b",
    "brackets without end": b"[" * 4000,
    "braces without end": b"{" * 4000,
    "dashes without end": b"- " * 4000,
    "questions without end": b"? " * 4000,
    "exclamations without end": b"!" * 4000,
    "an unclosed quote": b"a: '" + b"x" * (MAX_BYTES - 5),
    "a version of the future": b"%YAML 9.9\n---\na: b",
    "no UTF-8": b"\xff\xfe\x00\xd8\xd8\xd8",
    "a character of no text": b"a: \x07",
    "a character beyond Unicode": b'a: "\\U00110000"',
    "one byte too many": b"#" * (MAX_BYTES + 1),
}


@pytest.mark.parametrize("case", REFUSED)
def test_each_of_these_is_refused(case: str) -> None:
    with pytest.raises(NotPlainError) as caught:
        load(REFUSED[case])
    assert caught.value.__cause__ is None


def test_where_it_is_not_plain_is_told_and_not_what_stands_there() -> None:
    with pytest.raises(NotPlainError, match="line 3") as caught:
        load(b"a:\n  b: 1\n  password: &s3cret x\n")
    assert "s3cret" not in str(caught.value)


TAGGED_BY_HAND = ["!!bool maybe", "!!int ''", "!!float ''", "!!timestamp x", "!!null x"]


@pytest.mark.parametrize("written", [*TAGGED_BY_HAND, ":".join(["1"] * 300) + ".5", "9" * 30_000])
def test_what_breaks_pyyamls_own_constructors_is_no_text(written: str) -> None:
    found = load(f"a: {written}".encode())
    assert found["a"] is None or isinstance(found["a"], NotText)
