"""What a cloud says to people becomes one short line, however it was meant."""

import json
import time
from datetime import UTC, datetime
from typing import Any

import pytest

from serveractions.cloud import answers

pytestmark = pytest.mark.timeout(10)

QUICK = 0.2
"""Seconds of processor time: meanwhile nothing else runs in the process."""


def nested(depth: int) -> Any:
    value: Any = {"message": "deep"}
    for _ in range(depth):
        value = {"a": value}
    return value


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"badRequest": {"code": 400, "message": "No valid host"}}, "No valid host"),
        ({"error": {"message": "no", "code": 401}}, "no"),
        ({"message": ["no text"]}, ""),
        (nested(3), "deep"),
        (nested(400), ""),
        ("a bare text", "a bare text"),
        ([{"message": "in a list"}], ""),
        (7, ""),
    ],
)
def test_the_words_of_an_error_are_found_where_openstack_puts_them(body: Any, said: str) -> None:
    assert answers.words(json.dumps(body).encode()) == said


@pytest.mark.parametrize(
    ("page", "said"),
    [
        (
            b"<html><HEAD><title>404</title></HEAD ><body>Not <b>found</b></body></html>",
            "Not found",
        ),
        (b"<script>alert(1)</script>gone<style >x</style\n>", "gone"),
        (b"<script>never closed", "never closed"),
        (b"a < b and no tag", "a < b and no tag"),
        (b"<headline>kept</headline>", "kept"),
        (b"503 Service Unavailable\r\n", "503 Service Unavailable"),
        (b"\xff\xfe\x00", "\ufffd\ufffd"),
        (b"", ""),
    ],
)
def test_a_page_becomes_what_it_shows(page: bytes, said: str) -> None:
    assert answers.words(page) == said


@pytest.mark.parametrize(
    "body",
    [
        b"<" * 1_000_000,
        b"<>" * 500_000,
        b"<script>" * 100_000,
        b"<head " * 2000 + b"</head" * 700,
        b"<head>" * 1500 + b"</head" + b" " * 5000,
        b'{"message": "' + b"&amp;" * 200_000 + b'"}',
        b'{"message": "' + b"&#" + b"9" * 900_000 + b'"}',
        b"[" * 1_000_000,
    ],
    ids=["brackets", "tags", "scripts", "heads", "closings", "entities", "digits", "depth"],
)
def test_nothing_that_is_said_holds_the_process_up(body: bytes) -> None:
    begun = time.thread_time()
    said = answers.words(body)
    assert time.thread_time() - begun < QUICK
    assert len(said) <= answers.MAX_WORDS


def test_words_are_one_line_without_what_steers_a_terminal() -> None:
    said = answers.plain("a\x1b[31mb\r\n\x07\u202ec\u2066&#27;[0m\x9b1m\ud800d\x00")
    assert said == "a [31mb c [0m 1m d"


def test_a_stack_trace_of_the_cloud_is_not_passed_on() -> None:
    trace = 'Traceback (most recent call last):\n  File "x.py", line 1\nValueError: s3cret'
    assert answers.plain(f"Remote error: gone {trace}") == "Remote error: gone"
    assert answers.plain(trace) == "a stack trace"


@pytest.mark.parametrize(
    ("date", "moment"),
    [
        ("Thu, 20 Aug 2026 10:00:01 GMT", datetime(2026, 8, 20, 10, 0, 1, tzinfo=UTC)),
        ("Thu, 20 Aug 2026 10:00:01", datetime(2026, 8, 20, 10, 0, 1, tzinfo=UTC)),
        ("Wed, 31 Dec 2999 23:59:59 GMT", datetime(2999, 12, 31, 23, 59, 59, tzinfo=UTC)),
        ("Fri, 31 Dec 9999 23:59:59 GMT", None),
        ("Thu, 01 Jan 1970 00:00:00 GMT", None),
        ("Fri, 31 Dec 9999 23:59:59 -1200", None),
        ("Fri, 31 Dec 99999 23:59:59 GMT", None),
        ("Thu, 20 Aug 2026 10:00:01 +9999", None),
        ("1" * 8000, None),
        ("(" * 8000, None),
        ("", None),
    ],
)
def test_a_date_is_a_moment_or_nothing(date: str, moment: datetime | None) -> None:
    assert answers.server_time({"date": date}) == moment


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7.0),
        ("0", 0.0),
        ("9" * 8000, answers.MAX_RETRY_AFTER),
        ("-1", None),
        ("1e3", None),
        ("٣", None),
        ("nan", None),
        ("Wed, 31 Dec 2999 23:59:59 GMT", answers.MAX_RETRY_AFTER),
        ("Fri, 31 Dec 9999 23:59:59 GMT", None),
        ("Fri, 31 Dec 9999 23:59:59 -1200", None),
        ("Thu, 20 Aug 2006 10:00:01 GMT", 0.0),
    ],
)
def test_a_wait_that_is_asked_for_is_sane_or_nothing(value: str, seconds: float | None) -> None:
    assert answers.retry_after({"retry-after": value}) == seconds


@pytest.mark.parametrize(
    "value",
    [
        "req-1",
        "3f2c8a51-9f0e-4a3b-8f59-6a5d9e1c7b20",
        "req-3F2C8A51-9F0E-4A3B-8F59-6A5D9E1C7B20",
        "req-3f2c8a51-9f0e-4a3b-8f59-6a5d9e1c7b20 ",
        "req-3f2c8a51-9f0e-4a3b-8f59-6a5d9e1c7b20\x1b[2J",
        "req-" + "a" * 10_000,
        "",
    ],
)
def test_a_request_id_that_is_none_is_not_taken(value: str) -> None:
    assert answers.request_id({"x-compute-request-id": value}) is None
