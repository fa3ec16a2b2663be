"""Log lines: constant text first, then what it is about as `key=value`.

Libraries keep their own style. Ours name objects, servers and request ids as extras, so that a line
can be searched by any of them.
"""

import logging

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class _Lines(logging.Formatter):
    """Appends the extras of a record to its line."""

    def format(self, record: logging.LogRecord) -> str:
        line = super().format(record)
        extras = {name: text for name, text in vars(record).items() if name not in _STANDARD}
        told = " ".join(f"{name}={text}" for name, text in extras.items() if text is not None)
        return f"{line} {told}" if told and record.name.startswith("serveractions") else line


def configure(level: str) -> None:
    """Write the log to standard error.

    Args:
        level: `debug`, `info`, `warning` or `error`. Libraries that print bodies stay quiet at any.
    """
    handler = logging.StreamHandler()
    handler.setFormatter(_Lines("%(asctime)s %(levelname)s %(name)s %(message)s"))
    logging.basicConfig(level=level.upper(), handlers=[handler])
    logging.getLogger("kopf.objects").setLevel(logging.WARNING)  # a line for each watch event
