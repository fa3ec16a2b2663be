"""Log lines as text for people or as JSON for what collects them: constant words first, then what
they are about.

Libraries keep their own style. Ours name objects, servers and request ids as extras, so that a line
can be searched by any of them: `key=value` in text, members of the object in JSON.
"""

import json
import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

OURS = "serveractions"
FORMATS = ("text", "json")
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_PLAIN = (str, int, float, bool, list, tuple)


class Text(logging.Formatter):
    """Appends the extras of a record to its line."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, and a traceback below it where there is one."""
        line = super().format(record)
        told = " ".join(f"{name}={text}" for name, text in _extras(record).items())
        return f"{line} {told}" if told else line


class Json(logging.Formatter):
    """Makes one JSON object of a record, on one line, tracebacks included."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        told: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            told["exception"] = self.formatException(record.exc_info)
        for name, value in _extras(record).items():
            told[name] = value if isinstance(value, _PLAIN) else str(value)
        return json.dumps(told, ensure_ascii=False, default=str)


def configure(level: str, style: str = "text") -> None:
    """Write the log to standard error.

    Args:
        level: `debug`, `info`, `warning` or `error`. Libraries that print bodies stay quiet at any.
        style: One of `FORMATS`.
    """
    handler = logging.StreamHandler()
    handler.setFormatter(Json() if style == "json" else Text())
    logging.basicConfig(level=level.upper(), handlers=[handler])
    logging.getLogger("kopf.objects").setLevel(logging.WARNING)  # a line for each watch event


def _extras(record: logging.LogRecord) -> Mapping[str, Any]:
    """Return what a line of ours is about; those of libraries carry whole objects."""
    if record.name.split(".", 1)[0] != OURS:
        return {}
    return {
        name: value
        for name, value in vars(record).items()
        if name not in _STANDARD and value is not None
    }
