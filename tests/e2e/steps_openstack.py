"""Steps in the cloud: servers, faults of the hypervisors, other people's doings."""

from collections.abc import Callable, Mapping
from typing import Any

from e2e.stage import Stage, only_keys
from local_stack.control import FOREVER

Document = Mapping[str, Any]

STATES: dict[str, dict[str, Any]] = {
    "SHUTOFF": {"os-stop": None},
    "PAUSED": {"pause": None},
    "SUSPENDED": {"suspend": None},
    "ERROR": {"os-resetState": {"state": "error"}},
}
"""What brings an ACTIVE server into a state."""

SIMPLE: dict[str, dict[str, Any]] = {
    "lock": {"lock": None},
    "unlock": {"unlock": None},
    "start": {"os-start": None},
    "stop": {"os-stop": None},
    "pause": {"pause": None},
    "unpause": {"unpause": None},
    "confirm": {"confirmResize": None},
    "revert": {"revertResize": None},
    "migrate": {"migrate": None},
    "liveMigrate": {"os-migrateLive": {"host": None, "block_migration": "auto"}},
}
"""Actions that need no more than the server."""


def servers(stage: Stage, documents: tuple[Document, ...]) -> None:
    """Boot servers, then bring them into their states."""
    for document in documents:
        only_keys(
            document,
            *("name", "called", "host", "flavor", "volume", "state", "locked", "cloud"),
        )
        _boot(stage, document)
    for document in documents:
        factory = stage.world.factory(document.get("cloud", "admin"))
        server = stage.server(document["name"])
        described = factory.wait_for(server)
        stage.variables[f"{document['name']}.host"] = described["OS-EXT-SRV-ATTR:host"]
        state = document.get("state", "ACTIVE")
        if state != "ACTIVE":
            act(stage, server, STATES[state])
            if state != "ERROR":  # the factory gives up on those; a reset is done when answered
                factory.wait_for(server, state)
        if document.get("locked"):
            act(stage, server, {"lock": None})
    for document in documents:
        server = stage.server(document["name"])
        stage.earlier_actions[server] = {each["request_id"] for each in stage.actions(server)}


def driver(stage: Stage, document: Document) -> None:
    """Slow the hypervisors down or break them, for one server or for a whole host."""
    only_keys(document, "delay", "hold", "release", "fail", "hostDown", "hostUp")
    control = stage.world.stack.openstack.control
    for order, rule in document.items():
        if order in ("hostDown", "hostUp"):
            control.host_down(rule) if order == "hostDown" else control.host_up(rule)
            (stage.hosts_down.add if order == "hostDown" else stage.hosts_down.discard)(rule)
            continue
        only = [stage.server(rule["server"])]
        method = rule["method"]
        if order == "fail":
            only_keys(rule, "method", "server", "exception", "args", "kwargs", "times")
            control.fail(
                method,
                rule.get("exception", "NovaException"),
                rule.get("args", ()),
                rule.get("times"),
                only,
                kwargs=rule.get("kwargs"),
            )
            continue
        only_keys(rule, "method", "server", "seconds")
        seconds = {"delay": rule.get("seconds"), "hold": FOREVER, "release": 0}[order]
        control.delay(method, float(seconds), only)


def openstack(stage: Stage, document: Document) -> None:
    """Do something that the operator knows nothing of."""
    cloud = document.get("as", "admin")
    rest = {key: value for key, value in document.items() if key != "as"}
    only_keys(rest, *SIMPLE, *_SPECIAL)
    for order, value in rest.items():
        if order in _SPECIAL:
            _SPECIAL[order](stage, cloud, value)
        else:
            act(stage, stage.server(value), SIMPLE[order], cloud=cloud)


def act(stage: Stage, server: str, body: Mapping[str, Any], *, cloud: str = "admin") -> None:
    """Send a server action as somebody."""
    answer = stage.world.connection(cloud).compute.post(
        f"/servers/{server}/action", json=body, microversion="2.79"
    )
    assert answer.ok, f"{body} as {cloud}: {answer.status_code} {answer.text[:300]}"


def _boot(stage: Stage, document: Document) -> None:
    factory = stage.world.factory(document.get("cloud", "admin"))
    handle = document["name"]
    name = document.get("called", f"{stage.case.namespace}-{handle}")
    boot = factory.create_volume_backed if document.get("volume") else factory.create
    server = boot(name, host=document.get("host"), flavor=document.get("flavor", "m1.tiny"))
    stage.servers[handle] = server
    stage.variables |= {f"{handle}.id": server, f"{handle}.name": name}


def _reset_state(stage: Stage, cloud: str, order: Mapping[str, Any]) -> None:
    only_keys(order, "server", "state")
    body = {"os-resetState": {"state": order["state"]}}
    act(stage, stage.server(order["server"]), body, cloud=cloud)


def _change_password(stage: Stage, cloud: str, order: Mapping[str, Any]) -> None:
    only_keys(order, "server", "password")
    body = {"changePassword": {"adminPass": order["password"]}}
    act(stage, stage.server(order["server"]), body, cloud=cloud)


def _delete(stage: Stage, cloud: str, handle: str) -> None:
    answer = stage.world.connection(cloud).compute.delete(f"/servers/{stage.server(handle)}")
    assert answer.ok, f"{answer.status_code} {answer.text[:300]}"


def _abort(stage: Stage, cloud: str, handle: str) -> None:
    server = stage.server(handle)
    running = stage.nova(f"/servers/{server}/migrations")["migrations"]
    assert len(running) == 1, f"there is not one migration to abort: {running}"
    answer = stage.world.connection(cloud).compute.delete(
        f"/servers/{server}/migrations/{running[0]['id']}", microversion="2.65"
    )
    assert answer.ok, f"{answer.status_code} {answer.text[:300]}"


_SPECIAL: dict[str, Callable[[Stage, str, Any], None]] = {
    "resetState": _reset_state,
    "changePassword": _change_password,
    "delete": _delete,
    "abort": _abort,
}
