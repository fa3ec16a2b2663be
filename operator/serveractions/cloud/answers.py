"""What can be told from any HTTP answer of OpenStack: its words, its time, and when to come again.

The words come from outside and end in a status that people read, so they are made plain and short.
"""

import html
import json
import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

MAX_WORDS = 1024
MAX_RETRY_AFTER = 3600.0
"""A cloud that asks for longer than an hour is asked again after one."""

_YEARS = range(2000, 3000)
"""Those of `api.fields.Moment`: what is reckoned with other years would end beyond all of them."""
_LONGEST = 16 * MAX_WORDS
"""Characters that are looked at for words: markup and entities are long, what they say is not."""
_NESTING = 4
"""Levels of an error's JSON below which nobody puts a message."""
_TRACE = "Traceback (most recent call last)"
_SILENT = re.compile(r"<(script|style|head)\b", re.IGNORECASE)
_REQUEST_ID = re.compile(r"req-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def parse_json(body: bytes) -> Any:
    """Return the JSON value, None where there is none.

    Raises:
        ValueError: There is a body and it is not JSON.
    """
    if not body.strip():
        return None
    try:
        return json.loads(body)
    except RecursionError:
        raise ValueError("the JSON is nested too deeply") from None


def words(body: bytes) -> str:
    """Return what an error answer says to people, at most 1,024 characters, empty for nothing.

    Nova puts it into `{"badRequest": {"message": ...}}` (nova/api/openstack/wsgi.py, Fault),
    Keystone's middleware into `{"error": {"message": ...}}`, Glance and proxies into HTML.
    """
    try:
        value = parse_json(body)
    except ValueError:
        return plain(_without_tags(body[:_LONGEST].decode("utf-8", "replace")))
    return plain(_message(value))


def _message(value: Any) -> str:
    for _ in range(_NESTING):
        if isinstance(value, str):
            return value
        if not isinstance(value, dict):
            return ""
        if isinstance(value.get("message"), str):
            return str(value["message"])
        if len(value) != 1:
            return ""
        value = next(iter(value.values()))
    return ""


def _without_tags(page: str) -> str:
    """Return what a page shows, in time linear in its length.

    The obvious patterns are not: 16 kB of `<` hold the whole process up for half a second.
    """
    shown, at = [], 0
    unclosed: set[str] = set()
    while (begin := page.find("<", at)) >= 0 and (end := page.find(">", begin)) >= 0:
        shown.append(page[at:begin])
        at = end + 1
        silent = _SILENT.match(page, begin)
        name = silent[1].lower() if silent else ""
        if name and name not in unclosed:
            closing = re.compile(rf"</{name}\s*>", re.IGNORECASE).search(page, at)
            if closing is None:
                unclosed.add(name)
            else:
                at = closing.end()
    return " ".join((*shown, page[at:]))


def plain(text: str) -> str:
    """Return `text` on one line, without control characters or entities, cut to length.

    A cloud's stack trace is no words, and is not passed on.
    """
    text = text[:_LONGEST]
    with suppress(ValueError):  # an entity whose number has thousands of digits
        text = html.unescape(text)
    said, trace, _ = text.partition(_TRACE)
    printable = "".join(char if char.isprintable() else " " for char in said)
    return " ".join(printable.split())[:MAX_WORDS] or ("a stack trace" if trace else "")


def request_id(headers: Mapping[str, str]) -> str | None:
    """Return Nova's own id of the request; None where something else answered.

    `x-openstack-request-id` holds the same from microversion 2.46 on.
    """
    for name in ("x-compute-request-id", "x-openstack-request-id"):
        value = headers.get(name, "")
        if _REQUEST_ID.fullmatch(value):
            return value
    return None


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds of Retry-After, which may be a number or a date (RFC 9110, 10.2.3)."""
    value = headers.get("retry-after", "").strip()
    if not value:
        return None
    if value.isdecimal() and value.isascii():
        return min(float(value[:10]), MAX_RETRY_AFTER)
    moment = _http_date(value)
    if moment is None:
        return None
    return min(max((moment - datetime.now(UTC)).total_seconds(), 0.0), MAX_RETRY_AFTER)


def server_time(headers: Mapping[str, str]) -> datetime | None:
    """Return the answering machine's clock, None where it does not tell."""
    return _http_date(headers.get("date", ""))


def _http_date(value: str) -> datetime | None:
    try:
        return utc(parsedate_to_datetime(value))
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def utc(moment: datetime) -> datetime:
    """Return `moment` in UTC, which is meant where no zone is written.

    Raises:
        ValueError: It is of no year in which any cloud runs.
    """
    if moment.year not in _YEARS:
        raise ValueError("no cloud runs in that year")
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
