"""Proves with Nova's own API that what the objects say is true.

The operator's word is not taken for it: each proof reads Nova or Glance with openstacksdk and
compares with what was noted before the samples were applied.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from local_stack.servers import ServerFactory

MICROVERSION = "2.84"
HOST = "OS-EXT-SRV-ATTR:host"
VM_STATE = "OS-EXT-STS:vm_state"


@dataclass(frozen=True, kw_only=True)
class Proof:
    """What was looked at, and what it showed."""

    kind: str
    holds: bool
    shows: str


@dataclass(frozen=True, kw_only=True)
class Case:
    """One finished object with the server it acted on, before and now."""

    body: Mapping[str, Any]
    before: Mapping[str, Any]
    cloud: ServerFactory

    @property
    def now(self) -> dict[str, Any]:
        """The server as Nova describes it now."""
        return self.cloud.get(self.before["id"])

    def records(self, action: str) -> list[dict[str, Any]]:
        """Return Nova's records of one action on the server."""
        path = f"/servers/{self.before['id']}/os-instance-actions"
        answer = self.cloud.connection.compute.get(path, microversion=MICROVERSION)
        answer.raise_for_status()
        return [each for each in answer.json()["instanceActions"] if each["action"] == action]

    def sent_once(self, action: str) -> tuple[bool, str]:
        """Say whether Nova has exactly one record of the action, under the object's request id."""
        ids = [each["request_id"] for each in self.records(action)]
        return ids == [self.body["status"]["requestId"]], f"{len(ids)} '{action}' on record"


Check = Callable[[Case], Iterator[tuple[bool, str]]]


def _moved(action: str, migration_type: str, ended: str) -> Check:
    def check(case: Case) -> Iterator[tuple[bool, str]]:
        source, here = case.before[HOST], case.now[HOST]
        yield source != here, f"moved {source} -> {here}"
        yield case.now["status"] == "ACTIVE", f"is {case.now['status']}"
        answer = case.cloud.connection.compute.get(
            f"/os-migrations?instance_uuid={case.before['id']}&migration_type={migration_type}",
            microversion="2.59",
        )
        statuses = [each["status"] for each in answer.json()["migrations"]]
        yield statuses == [ended], f"migration {', '.join(statuses)}"
        yield case.sent_once(action)

    return check


def _backed_up(case: Case) -> Iterator[tuple[bool, str]]:
    image = case.cloud.connection.image.get_image(case.body["status"]["image"]["id"])
    yield image.status == "active", f"image {image.name} is {image.status}, {image.size} bytes"
    yield case.sent_once("createBackup")


def _reset(case: Case) -> Iterator[tuple[bool, str]]:
    was, now = case.before[VM_STATE], case.now[VM_STATE]
    yield (was, now) == ("error", "active"), f"{was} -> {now}"
    yield len(case.records("resetState")) == 2, "2 'resetState' on record (ours and the demo's)"  # noqa: PLR2004


def _password(case: Case) -> Iterator[tuple[bool, str]]:
    yield case.sent_once("changePassword")
    yield case.now["status"] == "ACTIVE", f"is {case.now['status']}"


def _removed(case: Case) -> Iterator[tuple[bool, str]]:
    answer = case.cloud.connection.compute.post(
        f"/servers/{case.before['id']}/action", json={"resetNetwork": None}
    )
    removed = answer.status_code == HTTPStatus.GONE
    yield removed, f"Nova answers {answer.status_code}: it has no such action any more"


def _injected(case: Case) -> Iterator[tuple[bool, str]]:
    yield case.now["status"] == "ACTIVE", "Nova accepted it and keeps no record"


EXPECTED: Mapping[str, tuple[str, str, Check]] = {
    "ServerBackup": ("Succeeded", "Succeeded", _backed_up),
    "ServerLiveMigration": (
        "Succeeded",
        "Succeeded",
        _moved("live-migration", "live-migration", "completed"),
    ),
    "ServerMigration": ("Succeeded", "Succeeded", _moved("migrate", "migration", "confirmed")),
    "ServerNetworkInjection": ("Succeeded", "Succeeded", _injected),
    "ServerNetworkReset": ("Failed", "ActionRemoved", _removed),
    "ServerPasswordChange": ("Succeeded", "Succeeded", _password),
    "ServerStateReset": ("Succeeded", "Succeeded", _reset),
}
"""For each kind: the phase and reason that it must end in, and what Nova must show."""


def prove(kind: str, case: Case) -> Proof:
    """Compare one finished object with what Nova shows."""
    phase, reason, check = EXPECTED[kind]
    status = case.body["status"]
    why = next(each["reason"] for each in status["conditions"] if each["type"] == "Ready")
    said = status["phase"] if status["phase"] == why else f"{status['phase']} ({why})"
    found = [((status["phase"], why) == (phase, reason), said)]
    found.extend(check(case))
    return Proof(
        kind=kind,
        holds=all(holds for holds, _ in found),
        shows="; ".join(text if holds else f"NOT AS EXPECTED: {text}" for holds, text in found),
    )
