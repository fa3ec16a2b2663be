"""Whatever JSON a cloud gives: it is a record that can be shown and stored, or it is none."""

import json
from datetime import UTC, datetime
from typing import Any

from hypothesis import event, given
from hypothesis import strategies as st

from integration.hostile import generated
from serveractions.actions.observation import Image, InstanceAction, Migration, Server
from serveractions.api.model import rfc3339
from serveractions.cloud import answers, records
from serveractions.cloud.credentials import read_clouds
from serveractions.cloud.records import BadRecordError
from serveractions.config import Config
from serveractions.core.errors import InvalidCredentials

Record = Server | InstanceAction | Migration | Image
READERS = {
    "server": (records.server, generated.SERVER),
    "instance action": (records.instance_action, generated.ACTION),
    "migration": (records.migration, generated.MIGRATION_ROW),
    "image": (records.image, generated.IMAGE_ROW),
}
rows = st.sampled_from(sorted(READERS)).flatmap(
    lambda name: st.tuples(st.just(name), generated.spoilt(READERS[name][1]))
)


def over_the_wire(value: Any) -> Any:
    """Return what is left of a value once it was JSON."""
    return json.loads(json.dumps(value))


def values(record: object) -> list[Any]:
    """Return everything that a record holds, to any depth."""
    if isinstance(record, str | int | float | datetime) or record is None:
        return [record]
    if isinstance(record, dict):
        return [leaf for pair in record.items() for part in pair for leaf in values(part)]
    if isinstance(record, tuple | list):
        return [leaf for part in record for leaf in values(part)]
    return [leaf for name in record.__slots__ for leaf in values(getattr(record, name))]  # type: ignore[attr-defined]


@given(rows)
def test_a_row_is_a_record_that_can_be_shown_and_stored_or_none(found: tuple[str, Any]) -> None:
    name, row = found
    try:
        record = READERS[name][0](over_the_wire(row))
    except BadRecordError:
        event(f"{name}: none")
        return
    event(f"{name}: a record")
    properties = set(values(record.properties)) if isinstance(record, Image) else set()
    for value in values(record):
        if isinstance(value, str) and value not in properties:
            assert value.isprintable()
            assert len(value) <= answers.MAX_WORDS
        elif isinstance(value, datetime):
            assert rfc3339(value).startswith(str(value.year))
        elif isinstance(value, int):
            assert -(2**63) <= value < 2**63


@given(generated.junk)
def test_anything_may_stand_where_rows_should(body: Any) -> None:
    for name in ("servers", "server"):
        try:
            records.rows(over_the_wire(body), name)
            records.row(over_the_wire(body), name)
        except BadRecordError:
            pass


@given(st.binary(max_size=300) | generated.junk.map(lambda value: json.dumps(value).encode()))
def test_any_body_has_words_that_can_be_shown(body: bytes) -> None:
    said = answers.words(body)
    assert said.isprintable()
    assert len(said) <= answers.MAX_WORDS
    assert "Traceback" not in said


@given(
    st.text(max_size=60) | st.from_regex(r"[A-Z][a-z]{2}, \d{1,3} [A-Z][a-z]{2} \d{1,5} .{0,20}")
)
def test_any_header_is_a_moment_and_a_wait_or_neither(value: str) -> None:
    moment = answers.server_time({"date": value})
    assert moment is None or (moment.tzinfo is UTC and 2000 <= moment.year < 3000)
    wait = answers.retry_after({"retry-after": value})
    assert wait is None or 0 <= wait <= answers.MAX_RETRY_AFTER
    assert answers.request_id({"x-compute-request-id": value}) in (None, value)


yaml_like = st.lists(
    st.sampled_from(
        [
            *("clouds:", "  it:", "    auth:", "      auth_url: https://k/v3", "      username: u"),
            *("      password: s3cret", "      project_name: p", "    verify: false", "---"),
            *("  &a b", "*a", "<<: *a", "? x", "- y", "{", "}", "[", "]", '"', "'", "|", ">", "#"),
            *(
                "!!bool x",
                "!!int ''",
                "!!timestamp x",
                "!!python/name:os.system",
                "%TAG ! !x",
                "\t",
            ),
        ]
    )
    | st.text(max_size=12),
    max_size=14,
)


@given(yaml_like, st.sampled_from(["\n", " ", ""]))
def test_any_clouds_yaml_is_read_or_refused_without_being_quoted(
    lines: list[str], between: str
) -> None:
    text = between.join(lines).encode("utf-8", "surrogatepass")
    told = ""
    try:
        read_clouds({"clouds.yaml": text}, cloud_name="it", config=Config())
    except InvalidCredentials as error:
        told = str(error)
    assert "s3cret" not in told
    assert len(told) < 1000
