"""What Nova and Glance themselves say: the proof that does not go through the operator."""

import hashlib
from collections import Counter
from collections.abc import Mapping
from typing import Any

from e2e.matching import differences
from e2e.stage import NOVA_POLL, WITHIN, Stage, only_keys, until_none

SERVER = {
    "status": "status",
    "host": "OS-EXT-SRV-ATTR:host",
    "taskState": "OS-EXT-STS:task_state",
    "locked": "locked",
}
"""A key of the step and the server's own."""


def nova(stage: Stage, document: Mapping[str, Any]) -> None:
    """Wait until Nova's and Glance's own records are as expected."""
    records = ("actions", "eventResults", "migrations", "backups", "calls", "password", "asked")
    only_keys(document, "server", "exists", "fault", "within", *SERVER, *records)
    server = stage.server(document["server"])
    expected = {key: document[key] for key in document if key not in ("server", "within")}
    until_none(
        lambda: differences(expected, _facts(stage, server, expected)),
        within=float(document.get("within", WITHIN)),
        what=f"server {document['server']} ({server}) as expected",
        every=NOVA_POLL,
    )


def _facts(stage: Stage, server: str, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Look up only what is asked for: each is a request to Nova, which has two cores to live on."""
    facts: dict[str, Any] = {}
    if wanted.keys() & {"exists", "fault", *SERVER}:
        described = stage.nova(f"/servers/{server}", missing=True).get("server", {})
        facts |= {key: described.get(name) for key, name in SERVER.items()}
        facts["exists"] = bool(described)
        facts["fault"] = described.get("fault", {}).get("message")
    if "actions" in wanted:
        counted = _new_actions(stage, server)
        # names that were not expected stand there, too, so that they are a difference
        facts["actions"] = counted | {name: 0 for name in wanted["actions"] if name not in counted}
        if extra := counted.keys() - wanted["actions"].keys():
            facts["actions"] = f"{dict(counted)}, of which unexpected: {', '.join(sorted(extra))}"
    if "eventResults" in wanted:
        facts["eventResults"] = _event_results(stage, server)
    if "migrations" in wanted:
        facts["migrations"] = [_migration(each) for each in stage.migrations(server)]
    if "backups" in wanted:
        facts["backups"] = _backups(stage, server)
    if wanted.keys() & {"calls", "password", "asked"}:
        calls = stage.world.stack.openstack.control.calls(server=server)
        facts["calls"] = dict.fromkeys(wanted.get("calls", {}), 0)
        facts["calls"] |= Counter(call.method for call in calls)
        facts["password"] = _last_password(calls, wanted.get("password"))
        facts["asked"] = _asked(calls)
    return facts


def _new_actions(stage: Stage, server: str) -> dict[str, int]:
    earlier = stage.earlier_actions[server]
    names = [each["action"] for each in stage.actions(server) if each["request_id"] not in earlier]
    return dict(Counter(names))


def _event_results(stage: Stage, server: str) -> dict[str, list[str]]:
    """Return each new action's results of events, each result once."""
    earlier = stage.earlier_actions[server]
    found: dict[str, set[str]] = {}
    for each in stage.actions(server):
        if each["request_id"] in earlier:
            continue
        path = f"/servers/{server}/os-instance-actions/{each['request_id']}"
        results = found.setdefault(each["action"], set())
        results |= {event["result"] for event in stage.nova(path)["instanceAction"]["events"]}
    return {name: sorted(str(result) for result in results) for name, results in found.items()}


def _migration(record: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": record["migration_type"],
        "status": record["status"],
        "source": record["source_compute"],
        "dest": record["dest_compute"],
    }


def _backups(stage: Stage, server: str) -> list[dict[str, Any]]:
    answer = stage.world.connection().image.get(
        "/images",
        params={
            "instance_uuid": server,
            "image_type": "backup",
            "sort": "created_at:asc",
            "visibility": "all",
        },
    )
    assert answer.ok, f"listing images: {answer.status_code} {answer.text[:300]}"
    return list(answer.json()["images"])


def _asked(calls: list[Any]) -> dict[str, bool | None]:
    """Return how the newest live migration was to be done, as it reached the hypervisor."""
    for call in reversed(calls):
        if call.method == "check_can_live_migrate_destination":
            return {
                "blockMigration": call.block_migration,
                "diskOverCommit": call.disk_over_commit,
            }
    return {}


def _last_password(calls: list[Any], wanted: str | None) -> str | None:
    """Return the wanted password if it is the last that arrived: only its hash is known."""
    hashes = [call.password_sha256 for call in calls if call.password_sha256]
    if wanted is None or not hashes:
        return None
    same = hashlib.sha256(wanted.encode()).hexdigest() == hashes[-1]
    return wanted if same else "another password"
