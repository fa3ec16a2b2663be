"""Shows the objects changing until all are finished: live on a terminal, lines elsewhere."""

import json
import time
from collections.abc import Sequence
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from demo.scene import Sample
from local_stack.commands import StackError
from local_stack.kubernetes import ControlPlane

LOOK_EVERY = 0.5
"""Seconds between two looks at the objects."""
WITHIN = 240.0
"""Seconds in which all must be finished; on two cores it takes about twenty."""
COLOURS = {"Succeeded": "green", "Failed": "red", "Cancelled": "red", "Running": "cyan"}

Objects = dict[str, dict[str, Any]]


def until_finished(
    kubernetes: ControlPlane, samples: Sequence[Sample], console: Console
) -> Objects:
    """Show the objects until every one is finished; return them by kind.

    Raises:
        StackError: Some were not finished in time; the message names them.
    """
    began = time.monotonic()
    printed: dict[str, str] = {}
    with Live(console=console, auto_refresh=False, transient=False) as live:
        while True:
            objects = _read(kubernetes, samples)
            waited = time.monotonic() - began
            unfinished = [kind for kind, body in objects.items() if not _finished(body)]
            if console.is_terminal:
                live.update(_screen(objects, unfinished, waited), refresh=True)
            else:
                _print_changes(objects, printed, waited, console)
            if not unfinished:
                return objects
            if waited > WITHIN:
                raise StackError(
                    f"not finished within {WITHIN:g} s: {', '.join(unfinished)}; the operator's"
                    " log says what they wait for"
                )
            time.sleep(LOOK_EVERY)


def _read(kubernetes: ControlPlane, samples: Sequence[Sample]) -> Objects:
    names = [f"{sample.kind}/{sample.name}" for sample in samples]
    answer = json.loads(kubernetes.kubectl("get", *names, "-o", "json"))
    return {body["kind"]: body for body in answer["items"]}


def _finished(body: dict[str, Any]) -> bool:
    conditions = body["status"]["conditions"]
    return any(each["type"] == "Finished" and each["status"] == "True" for each in conditions)


def _line(body: dict[str, Any]) -> tuple[str, str, str, str]:
    status = body["status"]
    running = not _finished(body)
    percent = status.get("progress", {}).get("percent") if running else None
    taken_up = status["observedGeneration"] > 0  # before that, the status is the CRD's default
    return (
        status.get("server", {}).get("name", "-"),
        status["phase"],
        "" if percent is None else f"{percent} %",
        status["message"] if taken_up else "waiting for the operator to see it",
    )


def _screen(objects: Objects, unfinished: Sequence[str], waited: float) -> RenderableType:
    table = Table("kind", "server", "phase", "progress", "message", expand=True)
    for kind, body in objects.items():
        server, phase, progress, message = _line(body)
        table.add_row(kind, server, Text(phase, COLOURS.get(phase, "")), progress, message)
    waiting = f"waiting for {', '.join(unfinished)}" if unfinished else "all are finished"
    return Group(table, Text(f"{waiting} ({waited:.0f} s)"))


def _print_changes(
    objects: Objects, printed: dict[str, str], waited: float, console: Console
) -> None:
    for kind, body in objects.items():
        _, phase, progress, message = _line(body)
        line = f"{kind:<23} {phase:<16} {progress:>5} {message}"
        if printed.get(kind) != line:
            printed[kind] = line
            console.print(f"{waited:6.1f} s  {line}", markup=False, highlight=False, soft_wrap=True)
