"""What a failed case prints: all that a person would look up next."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import yaml

from e2e.stage import Stage
from serveractions.api.kinds import KINDS

LAST_LINES = 60


def report(stage: Stage, step: str, error: Exception) -> str:
    """Return the failure with the objects, Events, log lines and Nova's records of the case."""
    parts = [
        f"{stage.case.promise}\n\nfailed in {step}: {type(error).__name__}: {error}",
        _part("objects", lambda: _objects(stage)),
        _part("Events", lambda: _events(stage)),
        *(
            _part(f"server {handle} ({server})", partial(_server, stage, server))
            for handle, server in stage.servers.items()
        ),
        _part("the operator's log", lambda: _log_lines(stage)),
        f"--- all logs: {stage.world.stack.supervisor.logs}",
    ]
    return "\n\n".join(parts)


def _part(title: str, look: Callable[[], str]) -> str:
    try:
        text = look()
    except Exception as error:  # noqa: BLE001 - the report must not hide what is reported
        text = f"cannot be told: {error!r}"
    return f"--- {title}\n{text}"


def _objects(stage: Stage) -> str:
    found = []
    for kind in KINDS:
        for each in stage.read(stage.path(kind.name)).json()["items"]:
            each["metadata"].pop("managedFields", None)
            found.append(each)
    return yaml.safe_dump_all(found, sort_keys=False) if found else "none"


def _events(stage: Stage) -> str:
    items = stage.read(f"/api/v1/namespaces/{stage.case.namespace}/events").json()["items"]
    return "\n".join(
        f"{event.get('eventTime')} {event['involvedObject']['name']} {event['type']}"
        f" {event['reason']}: {event.get('message')}"
        for event in sorted(items, key=lambda event: event.get("eventTime") or "")
    )


def _server(stage: Stage, server: str) -> str:
    described = stage.nova(f"/servers/{server}", missing=True).get("server", {})
    shown = {
        key: described.get(key)
        for key in ("name", "status", "OS-EXT-STS:task_state", "OS-EXT-SRV-ATTR:host", "fault")
    }
    actions = [
        stage.nova(f"/servers/{server}/os-instance-actions/{each['request_id']}")["instanceAction"]
        for each in stage.actions(server)
    ]
    for action in actions:
        for event in action.get("events", []):
            event.pop("traceback", None)
    facts = {"server": shown, "actions": actions, "migrations": stage.migrations(server)}
    return yaml.safe_dump(facts, sort_keys=False)


def _log_lines(stage: Stage) -> str:
    log: Path = stage.world.stack.supervisor.logs / "operator.log"
    concerned = (stage.case.namespace, *stage.servers.values())
    lines = [
        line
        for line in log.read_text(errors="replace").splitlines()
        if any(each in line for each in concerned)
        or (" ERROR " in line or line.startswith(("Traceback", "  File")))
    ]
    return "\n".join(lines[-LAST_LINES:])
