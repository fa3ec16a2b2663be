"""A status never grows beyond what the API server takes, however it was made."""

import json

from serveractions.api.limits import MESSAGE, RECORDS, REQUESTS, WORD, truncate
from serveractions.api.status import ImageStatus, Status


def test_a_short_text_is_left_alone_and_a_long_one_shows_that_it_was_cut() -> None:
    assert truncate("x" * MESSAGE) == "x" * MESSAGE
    assert truncate("x" * (MESSAGE + 1)) == "x" * (MESSAGE - 1) + "…"
    assert len(truncate("ü" * 9000)) == MESSAGE


def test_a_text_that_utf8_cannot_carry_becomes_one_that_it_can() -> None:
    assert truncate("lost \ud800 half") == "lost ? half"


def test_a_status_shortens_what_comes_from_elsewhere_when_it_is_made() -> None:
    assert len(Status(message="x" * 10_000).message or "") == MESSAGE
    assert len(ImageStatus(id="x" * 1000).id) == WORD


def test_a_status_shortens_what_was_put_into_a_copy_when_it_is_written() -> None:
    status = Status().model_copy(
        update={
            "message": "\ud800" * 10_000,
            "image": ImageStatus(id="1", rotated_out=tuple(map(str, range(2 * RECORDS)))),
            "refused_request_ids": tuple(map(str, range(2 * REQUESTS))),
        }
    )

    wire = status.to_wire()

    assert len(wire["message"]) == MESSAGE
    assert wire["image"]["rotatedOut"][0] == "0", "the newest, which Glance lists first"
    assert len(wire["image"]["rotatedOut"]) == RECORDS
    assert wire["refusedRequestIds"][-1] == str(2 * REQUESTS - 1), "the newest, appended last"
    assert len(wire["refusedRequestIds"]) == REQUESTS
    json.dumps(wire).encode()


def test_what_was_written_reads_back_the_same() -> None:
    status = Status(message="x" * 10_000, beside=("a", "b"))

    assert Status.model_validate(status.to_wire()) == status
