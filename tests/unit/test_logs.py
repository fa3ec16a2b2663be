"""A log line says what it is about, to people and to what collects it."""

import json
import logging
from datetime import UTC, datetime
from typing import Any

import pytest

from serveractions import logs, operate

ABOUT = {"object": "ServerBackup ns/one", "server": None, "request_id": "req-1", "attempt": 2}


def record(name: str = "serveractions.core", **extra: Any) -> logging.LogRecord:
    return logging.getLogger(name).makeRecord(
        name, logging.INFO, __file__, 1, "Nova answered %s", (202,), None, extra=extra
    )


def test_text_ends_with_what_the_line_is_about() -> None:
    line = logs.Text().format(record(**ABOUT))
    assert line.endswith(
        " INFO serveractions.core Nova answered 202"
        " object=ServerBackup ns/one request_id=req-1 attempt=2"
    )


def test_json_is_one_object_on_one_line_with_the_same_as_members() -> None:
    made = record(**ABOUT)
    line = logs.Json().format(made)
    assert "\n" not in line
    told = json.loads(line)
    assert datetime.fromisoformat(told.pop("time")) == pytest.approx(
        datetime.fromtimestamp(made.created, UTC), abs=datetime.resolution * 1000
    )
    assert told == {
        "level": "info",
        "logger": "serveractions.core",
        "message": "Nova answered 202",
        "object": "ServerBackup ns/one",
        "request_id": "req-1",
        "attempt": 2,
    }


def test_a_traceback_stays_in_its_line() -> None:
    made = record(where=datetime(2026, 8, 20, tzinfo=UTC))
    try:
        int("no\nnumber")
    except ValueError as error:
        made.exc_info = (type(error), error, error.__traceback__)
    line = logs.Json().format(made)
    assert "\n" not in line
    told = json.loads(line)
    assert told["exception"].splitlines()[0] == "Traceback (most recent call last):"
    assert told["where"] == "2026-08-20 00:00:00+00:00"


@pytest.mark.parametrize("formatter", [logs.Text(), logs.Json()], ids=["text", "json"])
def test_what_libraries_attach_is_left_out(formatter: logging.Formatter) -> None:
    line = formatter.format(record("kopf.objects", settings="with a password"))
    assert "Nova answered 202" in line
    assert "password" not in line


def test_a_format_that_there_is_not_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        operate.parser().parse_args(["--log-format", "xml"])
    assert "'text', 'json'" in capsys.readouterr().err
