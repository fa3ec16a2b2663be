"""The Lease objects of coordination.k8s.io as the slots use them: read, create, replace.

Times in a Lease are wall-clock times of whoever wrote it. They are written for people and never
read back.
"""

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from serveractions.api.kinds import GROUP
from serveractions.core.errors import ApiUnavailable, ObjectGone, StatusRefused
from serveractions.kube.client import Api, Json

ASKED_FOR = f"{GROUP}/asked-for-by"
"""The annotation by which the process whose shard a slot is asks its holder for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One Lease as read or written.

    Attributes:
        version: Its uid and resourceVersion: equal only while nobody has written it.
        holder: Who holds it; empty when it was released.
        duration: Seconds that its holder announced.
        transitions: How often it changed hands.
        acquired: When its holder got it, on the holder's clock.
        renewed: When its holder renewed it, on the holder's clock.
        asked_for: Who has asked the holder for it; empty for nobody.
    """

    version: tuple[str, str] = ("", "")
    holder: str
    duration: float
    transitions: int = 0
    acquired: datetime | None = None
    renewed: datetime | None = None
    asked_for: str = ""


class LeaseStore(Protocol):
    """Where Leases are kept, with compare-and-set."""

    async def read(self, name: str) -> Record | None:
        """Return a Lease, None where there is none. Raises ApiUnavailable."""
        ...

    async def create(self, name: str, record: Record) -> Record:
        """Make a Lease. Raises Conflict where there is one already, and ApiUnavailable."""
        ...

    async def replace(self, name: str, record: Record) -> Record:
        """Write over the version in `record`. Raises Conflict, ObjectGone, ApiUnavailable."""
        ...


class KubeLeases:
    """A LeaseStore in one namespace of a real API server."""

    def __init__(self, *, api: Api, namespace: str, seconds: float) -> None:
        """Give each request `seconds`: well below the time between two renewals."""
        self._api = api
        self._path = f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases"
        self._namespace = namespace
        self._seconds = seconds

    async def read(self, name: str) -> Record | None:
        """Return a Lease, None where there is none."""
        try:
            return await self._send("GET", f"{self._path}/{name}")
        except ObjectGone:
            return None

    async def create(self, name: str, record: Record) -> Record:
        """Make a Lease."""
        try:
            return await self._send("POST", self._path, self._encode(name, record))
        except ObjectGone as error:
            raise ApiUnavailable(f"there is no namespace {self._namespace}") from error

    async def replace(self, name: str, record: Record) -> Record:
        """Write over the version that `record` names."""
        body = self._encode(name, record)
        uid, resource_version = record.version
        body["metadata"] |= {"uid": uid, "resourceVersion": resource_version}
        return await self._send("PUT", f"{self._path}/{name}", body)

    async def _send(self, method: str, path: str, body: Json | None = None) -> Record:
        try:
            return _decode(await self._api.request(method, path, body=body, seconds=self._seconds))
        except StatusRefused as error:
            raise ApiUnavailable(f"the API server refuses the Lease: {error}") from error

    def _encode(self, name: str, record: Record) -> Json:
        spec: Json = {
            "holderIdentity": record.holder,
            "leaseDurationSeconds": max(1, math.ceil(record.duration)),
            "leaseTransitions": record.transitions,
        }
        if record.acquired is not None:
            spec["acquireTime"] = micro_time(record.acquired)
        if record.renewed is not None:
            spec["renewTime"] = micro_time(record.renewed)
        metadata: Json = {
            "name": name,
            "namespace": self._namespace,
            "labels": {"app.kubernetes.io/name": "serveractions"},
        }
        if record.asked_for:
            metadata["annotations"] = {ASKED_FOR: record.asked_for}
        return {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": metadata,
            "spec": spec,
        }


def micro_time(moment: datetime) -> str:
    """Return `moment` as Kubernetes' MicroTime: always six digits, UTC."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _decode(answer: Json) -> Record:
    metadata, spec = answer["metadata"], answer.get("spec") or {}
    return Record(
        version=(metadata["uid"], metadata["resourceVersion"]),
        holder=spec.get("holderIdentity") or "",
        duration=float(spec.get("leaseDurationSeconds") or 0),
        transitions=spec.get("leaseTransitions") or 0,
        acquired=_moment(spec.get("acquireTime")),
        renewed=_moment(spec.get("renewTime")),
        asked_for=(metadata.get("annotations") or {}).get(ASKED_FOR) or "",
    )


def _moment(text: str | None) -> datetime | None:
    try:
        return None if text is None else datetime.fromisoformat(text)
    except ValueError:  # somebody else wrote it; nothing depends on it
        return None
