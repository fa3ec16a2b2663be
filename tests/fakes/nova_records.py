"""What the small Nova keeps: servers, migrations, instance actions, and what it has taken."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from serveractions.actions.observation import (
    ActionEvent,
    InstanceAction,
    Migration,
    Server,
)

SERVER_ID = "1bea47ed-f6a9-463b-b423-14b9cca9ad27"
PROJECT = "operator-project"


@dataclass
class Machine:
    """A server as Nova has it on record."""

    id: str = SERVER_ID
    name: str = "web-1"
    status: str = "ACTIVE"
    vm_state: str = "active"
    task: str | None = None
    host: str = "compute-1"
    locked: bool = False
    volume_backed: bool = False
    progress: int | None = None
    password: str | None = None
    cell_down: bool = False

    def be(self, status: str, vm_state: str, task: str | None = None) -> None:
        """Set the state."""
        self.status, self.vm_state, self.task = status, vm_state, task

    @property
    def seen(self) -> Server:
        """The server as the API shows it to an administrator."""
        if self.cell_down:
            return Server(id=self.id, name="", status="UNKNOWN", partial=True)
        return Server(
            id=self.id,
            name=self.name,
            status=self.status,
            vm_state=self.vm_state,
            task_state=self.task,
            host=self.host,
            host_id=f"hash-of-{self.host}",
            project_id=PROJECT,
            volume_backed=self.volume_backed,
            locked=self.locked,
            progress=self.progress,
        )


@dataclass
class Move:
    """A migration as Nova has it on record."""

    id: int
    uuid: str
    status: str
    type: str
    server_id: str
    source: str
    dest: str
    created: datetime
    user_id: str | None = None

    @property
    def seen(self) -> Migration:
        """The migration as os-migrations shows it."""
        return Migration(
            id=self.id,
            uuid=self.uuid,
            status=self.status,
            type=self.type,
            server_id=self.server_id,
            source_host=self.source,
            dest_host=self.dest,
            created=self.created,
            user_id=self.user_id,
        )


@dataclass
class Record:
    """An instance action; the result of an event is None while it runs."""

    action: str
    request_id: str
    server_id: str
    user_id: str
    started: datetime
    events: dict[str, str | None] = field(default_factory=dict)
    details: str | None = None

    @property
    def seen(self) -> InstanceAction:
        """The record as os-instance-actions shows it."""
        events = tuple(
            ActionEvent(name=name, result=result, finished=result is not None, details=self.details)
            for name, result in self.events.items()
        )
        return InstanceAction(
            action=self.action,
            request_id=self.request_id,
            user_id=self.user_id,
            project_id=PROJECT,
            start_time=self.started,
            message="Error" if "Error" in self.events.values() else None,
            events=events,
        )


@dataclass(frozen=True, slots=True)
class Accepted:
    """A write that Nova has taken."""

    uid: str
    name: str
    server_id: str
    microversion: str
    time: datetime
    body: Mapping[str, Any] | None = field(repr=False)
