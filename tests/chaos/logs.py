"""What the operators' logs tell of defects."""

import re
from collections.abc import Iterable
from pathlib import Path

RECORD = re.compile(r"\d{4}-\d\d-\d\d \S+ (?P<level>[A-Z]+) (?P<logger>\S+) (?P<text>.*)")
HARMLESS = (
    re.compile(r"kopf\S* Request attempt #\d+/\d+ failed; will retry"),
    re.compile(r"asyncio an error occurred during closing of asynchronous generator"),
)
"""kopf's: an API server that is away, and a way out that is shorter than kopf would have it."""


def complaints(log: Path) -> list[str]:
    """Return what tells of a defect in a log."""
    return [f"{log.stem}: {line}" for line in defects(log.read_text().splitlines())]


def kept_a_lease(log: Path) -> bool:
    """Say whether a process that held Leases and has left says nothing of one that it did not give
    back. One that is told of will expire, and so will one of which it never knew that it had it.
    """
    text = log.read_text()
    held = re.search(r"slots are held slots=\[\d", text)
    return held is not None and "was not given back and will expire" not in text


def defects(lines: Iterable[str]) -> list[str]:
    """Return the errors among the lines, and the tracebacks that no error announces. Pure."""
    found: list[str] = []
    announced = False
    for line in lines:
        record = RECORD.match(line)
        if record is None:
            if line.startswith("Traceback") and not announced:
                found.append(line)
            continue
        announced = record["level"] in ("ERROR", "CRITICAL")
        told = f"{record['logger']} {record['text']}"
        if announced and not any(each.match(told) for each in HARMLESS):
            found.append(line)
    return found
