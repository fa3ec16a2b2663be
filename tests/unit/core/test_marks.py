"""The annotation that betrays a copy and survives a lost status."""

import json
from datetime import UTC, datetime

import pytest

from serveractions.core.marks import ANNOTATION, Origin, decode, encode, read
from serveractions.core.ports import Mark

SERVER = "1bea47ed-f6a9-463b-b423-14b9cca9ad27"
FULL = Mark(
    uid="uid-1",
    attempt=3,
    server_id=SERVER,
    endpoint="https://nova.example/v2.1",
    region="RegionOne",
    user_id="user",
    project_id="project",
    nova_time=datetime(2026, 5, 4, 12, 0, tzinfo=UTC),
)


@pytest.mark.parametrize(
    "mark", [FULL, Mark(uid="uid-1", ended=True), Mark(uid="uid-1", attempt=1)]
)
def test_a_mark_is_read_as_it_was_written(mark: Mark) -> None:
    assert decode(encode(mark)) == mark


def test_a_mark_is_short_and_spelled_like_everything_else_in_kubernetes() -> None:
    assert encode(Mark(uid="uid-1", ended=True)) == '{"uid":"uid-1","ended":true}'
    assert '"novaTime":"2026-05-04T12:00:00Z"' in encode(FULL)
    assert f'"serverId":"{SERVER}"' in encode(FULL)


def test_fields_of_a_newer_release_do_not_make_it_unreadable() -> None:
    assert decode('{"uid":"uid-1","attempt":2,"colour":"blue"}') == Mark(uid="uid-1", attempt=2)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"attempt":1}', '{"uid":7}', "yes"])
def test_what_cannot_be_read_is_nobodys_and_counts_as_a_copy(text: str) -> None:
    assert decode(text) is None
    assert read({ANNOTATION: text}, "uid-1").origin is Origin.FOREIGN


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("uid", "x" * 256),
        ("attempt", 0),
        ("attempt", 10**30),
        ("serverId", "../os-services"),
        ("endpoint", "https://" + "x" * 2048),
        ("userId", "x" * 256),
        ("novaTime", "0001-01-01T00:00:00Z"),
        ("novaTime", "9999-12-31T23:59:59-12:00"),
        ("microversion", "latest"),
    ],
)
def test_what_no_process_would_write_is_no_mark(field: str, value: object) -> None:
    text = json.dumps(json.loads(encode(FULL)) | {field: value})
    assert decode(text) is None


def test_whose_mark_it_is_is_told_by_the_uid() -> None:
    annotations = {ANNOTATION: encode(FULL), "other": "x"}

    assert read({}, "uid-1").origin is Origin.NONE
    assert read(annotations, "uid-1") == (Origin.OWN, FULL)
    assert read(annotations, "uid-2").origin is Origin.FOREIGN
