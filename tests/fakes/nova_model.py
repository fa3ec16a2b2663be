"""A small Nova and Glance: takes the seven actions and their follow-ups, keeps the records that the
real ones keep, and goes on by itself as virtual time passes.

It counts what it accepted for whom, which is what the operator promises about, and it can be told
how to answer the next write: refuse it, lose the reply, lose the request, not be there.
"""

import heapq
import itertools
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from fakes.nova_answers import (
    Answer,
    DeliverLater,
    LoseReply,
    LoseRequest,
    Refuse,
    SpoilBody,
    Unreachable,
)
from fakes.nova_records import SERVER_ID, Accepted, Machine, Move, Record
from serveractions.actions.action import MARKER, NovaRequest
from serveractions.actions.observation import (
    Image,
)
from serveractions.core.errors import Ambiguous, NeverSent
from serveractions.core.ports import Reply


class Nova:
    """One cloud.

    Attributes:
        accepted: All writes that it has taken.
        arrived: The names of all writes that reached it, refused ones too.
        answers: How the next writes are answered; accepted where it is empty.
        release: Decides whether resetNetwork is there still (23 removed it), and whether
            os-resetState is recorded (since 23).
        ahead: How far its clock is ahead of the operator's.
        deaf: Whether follow-ups are taken and come to nothing.
        doomed: Ends the next migration by this error of the scheduler instead of moving.
    """

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self.machines: dict[str, Machine] = {}
        self.records: list[Record] = []
        self.moves: list[Move] = []
        self.images: dict[str, Image] = {}
        self.accepted: list[Accepted] = []
        self.arrived: list[str] = []
        self.answers: deque[Answer] = deque()
        self.release = 34
        self.ahead = timedelta(0)
        self.doomed: str | None = None
        self.deaf = False
        self.live_seconds = 20.0
        self._numbers = itertools.count(1)
        self._agenda: list[tuple[datetime, int, Callable[[], None]]] = []
        self.add(Machine())

    def add(self, machine: Machine) -> Machine:
        """Boot a server."""
        self.machines[machine.id] = machine
        return machine

    @property
    def time(self) -> datetime:
        """Nova's clock, as a Date header tells it."""
        return (self._now() + self.ahead).replace(microsecond=0)

    @property
    def newest(self) -> str:
        """The highest microversion that this release speaks."""
        return "2.100" if self.release >= 23 else "2.87"

    def catch_up(self) -> None:
        """Let everything happen that is due by now."""
        while self._agenda and self._agenda[0][0] <= self._now():
            _, _, happen = heapq.heappop(self._agenda)
            happen()

    def times(self, uid: str, name: str) -> int:
        """Return how often a write of this name was taken for an object."""
        return sum((each.uid, each.name) == (uid, name) for each in self.accepted)

    def post(self, request: NovaRequest, *, uid: str, user_id: str) -> Reply:
        """Answer a write."""
        self.catch_up()
        answer = self.answers.popleft() if self.answers else None
        match answer:
            case Unreachable():
                raise NeverSent("connection refused")
            case LoseRequest():
                raise Ambiguous("the connection broke")
            case DeliverLater(seconds):
                self._later(seconds, lambda: self._deliver(request, uid, user_id))
                raise Ambiguous("no complete answer in time")
            case Refuse(status, message, retry_after):
                self.arrived.append(request.name)
                request_id = self._request_id()
                return Reply(
                    status=status, request_id=request_id, message=message, retry_after=retry_after
                )
        self.arrived.append(request.name)
        reply = self._take(request, uid, user_id)
        match answer:
            case LoseReply():
                raise Ambiguous("the connection broke")
            case SpoilBody():
                return replace(reply, body={})
        return reply

    def _deliver(self, request: NovaRequest, uid: str, user_id: str) -> None:
        self.arrived.append(request.name)
        self._take(request, uid, user_id)

    def foreign_migration(self, kind: str = "migration", status: str = "migrating") -> Move:
        """Have somebody else migrate the server."""
        return self._move(self.machines[SERVER_ID], kind, status, "somebody")

    def somebody_asks(self, action: str, *, user_id: str) -> str:
        """Have somebody do something to the server that is over at once; return its request id."""
        record = self._record(action, self.machines[SERVER_ID], user_id, self._request_id())
        return record.request_id

    def leave_orphan(self, *, uid: str) -> str:
        """Leave the image of a createBackup that was refused after it was made."""
        image_id = f"image-{next(self._numbers)}"
        self.images[image_id] = Image(
            id=image_id,
            name="orphan",
            status="queued",
            size=None,
            created=self.time,
            properties={
                MARKER: uid,
                "user_id": "operator-user",
                "backup_type": "daily",
                "instance_uuid": SERVER_ID,
            },
        )
        return image_id

    def settle_by_somebody(self, name: str) -> None:
        """Have somebody else confirm or revert the newest migration."""
        handle = {"confirmResize": self._confirm, "revertResize": self._revert}[name]
        handle(self.machines[SERVER_ID], {}, "somebody", self._request_id())

    def _take(self, request: NovaRequest, uid: str, user_id: str) -> Reply:
        machine = self.machines.get(request.path.split("/")[2])
        request_id = self._request_id()
        if machine is None:
            return Reply(status=404, request_id=request_id, message="Instance could not be found.")
        if self.deaf:
            reply = Reply(status=202, request_id=request_id)
        else:
            handle = self._handlers()[request.name]
            reply = handle(machine, dict(request.body or {}), user_id, request_id)
        if reply.status < 300:
            self.accepted.append(
                Accepted(
                    uid, request.name, machine.id, request.microversion, self.time, request.body
                )
            )
        return reply

    def _handlers(self) -> dict[str, Callable[[Machine, dict[str, Any], str, str], Reply]]:
        return {
            "createBackup": self._backup,
            "migrate": self._migrate,
            "os-migrateLive": self._migrate_live,
            "os-resetState": self._reset_state,
            "changePassword": self._change_password,
            "resetNetwork": self._reset_network,
            "injectNetworkInfo": lambda _m, _b, _u, request_id: Reply(
                status=202, request_id=request_id
            ),
            "confirmResize": self._confirm,
            "revertResize": self._revert,
            "abort": self._abort,
            "force_complete": self._force_complete,
        }

    def _backup(self, machine: Machine, body: dict[str, Any], user: str, request_id: str) -> Reply:
        if busy := self._busy(machine, "createBackup", request_id):
            return busy
        asked = body["createBackup"]
        record = self._record("createBackup", machine, user, request_id, "compute_backup_instance")
        machine.task = "image_snapshot"
        image_id = f"image-{next(self._numbers)}"
        properties = asked["metadata"] | {
            "user_id": user,
            "backup_type": asked["backup_type"],
            "instance_uuid": machine.id,
        }

        def image(status: str, size: int | None = None) -> None:
            known = self.images.get(image_id)
            self.images[image_id] = Image(
                id=image_id,
                name=asked["name"],
                status=status,
                size=size,
                created=known.created if known else self.time,
                properties=properties,
            )

        def done() -> None:
            image("active", 4096)
            machine.task = None

        def rotated() -> None:
            backups = self.backups(machine.id, asked["backup_type"])
            for old in backups[asked["rotation"] :]:
                del self.images[old.id]
            record.events["compute_backup_instance"] = "Success"

        image("queued")
        self._later(2, lambda: image("saving"))
        self._later(8, done)
        self._later(9, rotated)
        return Reply(status=202, request_id=request_id, body={"image_id": image_id})

    def backups(self, server_id: str, backup_type: str | None = None) -> list[Image]:
        """Return the backups of a server, of one type or of all, newest first."""
        of = {"instance_uuid": server_id}
        if backup_type is not None:
            of["backup_type"] = backup_type
        found = [each for each in self.images.values() if of.items() <= each.properties.items()]
        return sorted(found, key=lambda each: each.created, reverse=True)

    def _migrate(self, machine: Machine, body: dict[str, Any], user: str, request_id: str) -> Reply:
        if busy := self._busy(machine, "migrate", request_id):
            return busy
        if machine.vm_state == "resized":
            return self._wrong_state(machine, "migrate", request_id)
        record = self._record("migrate", machine, user, request_id, "cold_migrate")
        machine.task = "resize_prep"
        if self._fails(record, machine, "cold_migrate"):
            return Reply(status=202, request_id=request_id)
        move = self._move(machine, "migration", "pre-migrating", user)

        def moving() -> None:
            move.status = "migrating"
            machine.be("RESIZE", "active", "resize_migrating")

        def moved() -> None:
            move.status = "finished"
            machine.host = move.dest
            machine.be("VERIFY_RESIZE", "resized")
            record.events["cold_migrate"] = "Success"

        self._later(3, moving)
        self._later(12, moved)
        return Reply(status=202, request_id=request_id)

    def _migrate_live(
        self, machine: Machine, body: dict[str, Any], user: str, request_id: str
    ) -> Reply:
        if busy := self._busy(machine, "os-migrateLive", request_id):
            return busy
        event = "conductor_live_migrate_instance"
        record = self._record("live-migration", machine, user, request_id, event)
        machine.be("MIGRATING", "active", "migrating")
        if self._fails(record, machine, event):
            return Reply(status=202, request_id=request_id)
        move = self._move(machine, "live-migration", "accepted", user)

        def become(status: str, percent: int) -> Callable[[], None]:
            def happen() -> None:
                if move.status not in ("cancelled", "completed"):
                    move.status = status
                    machine.progress = percent

            return happen

        self._later(1, become("preparing", 0))
        self._later(2, become("running", 1))
        for step in range(1, 10):
            self._later(2 + step * self.live_seconds / 10, become("running", 10 * step))
        self._later(2 + self.live_seconds, lambda: self._live_done(machine, move))
        record.events[event] = "Success"
        return Reply(status=202, request_id=request_id)

    def _live_done(self, machine: Machine, move: Move) -> None:
        if move.status not in ("cancelled", "completed"):
            move.status = "completed"
            machine.host, machine.progress = move.dest, None
            machine.be("ACTIVE", "active")

    def _abort(self, machine: Machine, body: dict[str, Any], user: str, request_id: str) -> Reply:
        move = next((each for each in self.moves if each.server_id == machine.id), None)
        if move is None or move.status not in ("queued", "preparing", "running"):
            return Reply(status=400, request_id=request_id, message="Migration is not running")

        self._record("live_migration_cancel", machine, user, request_id)

        def aborted() -> None:
            if move.status != "completed":
                move.status, machine.progress = "cancelled", None
                machine.be("ACTIVE", "active")

        self._later(2, aborted)
        return Reply(status=202, request_id=request_id)

    def _force_complete(
        self, machine: Machine, body: dict[str, Any], user: str, request_id: str
    ) -> Reply:
        move = self.moves[0]
        if move.status != "running":
            return Reply(status=400, request_id=request_id, message="Migration is not running")
        self._record("live_migration_force_complete", machine, user, request_id)
        self._later(3, lambda: self._live_done(machine, move))
        return Reply(status=202, request_id=request_id)

    def _confirm(self, machine: Machine, body: dict[str, Any], user: str, request_id: str) -> Reply:
        move = self._finished(machine)
        if move is None:
            return self._wrong_state(machine, "confirmResize", request_id)
        self._record("confirmResize", machine, user, request_id)
        move.status = "confirming"

        def confirmed() -> None:
            move.status = "confirmed"
            machine.be("ACTIVE", "active")

        self._later(4, confirmed)
        return Reply(status=204, request_id=request_id)

    def _revert(self, machine: Machine, body: dict[str, Any], user: str, request_id: str) -> Reply:
        move = self._finished(machine)
        if move is None:
            return self._wrong_state(machine, "revertResize", request_id)
        self._record("revertResize", machine, user, request_id)
        move.status = "reverting"
        machine.be("REVERT_RESIZE", "resized", "resize_reverting")

        def reverted() -> None:
            move.status = "reverted"
            machine.host = move.source
            machine.be("ACTIVE", "active")

        self._later(4, reverted)
        return Reply(status=202, request_id=request_id)

    def _finished(self, machine: Machine) -> Move | None:
        """Return the migration that Nova would settle: the newest that waits, whoever made it."""
        if machine.status != "VERIFY_RESIZE":
            return None
        of = (each for each in self.moves if each.server_id == machine.id)
        return next((each for each in of if each.status == "finished"), None)

    def _reset_state(
        self, machine: Machine, body: dict[str, Any], user: str, request_id: str
    ) -> Reply:
        state = body["os-resetState"]["state"]
        if self.release >= 23:
            self._record("resetState", machine, user, request_id)
        machine.be(state.upper(), state)
        return Reply(status=202, request_id=request_id)

    def _change_password(
        self, machine: Machine, body: dict[str, Any], user: str, request_id: str
    ) -> Reply:
        if busy := self._busy(machine, "changePassword", request_id):
            return busy
        record = self._record(
            "changePassword", machine, user, request_id, "compute_set_admin_password"
        )
        machine.password = body["changePassword"]["adminPass"]
        record.events["compute_set_admin_password"] = "Success"
        return Reply(status=202, request_id=request_id)

    def _reset_network(
        self, machine: Machine, body: dict[str, Any], user: str, request_id: str
    ) -> Reply:
        if self.release >= 23:
            return Reply(status=410, request_id=request_id, message="This resource is no longer")
        return Reply(status=202, request_id=request_id)

    def _busy(self, machine: Machine, action: str, request_id: str) -> Reply | None:
        if machine.task is None:
            return None
        message = (
            f"Cannot '{action}' instance {machine.id} while it is in task_state {machine.task}"
        )
        return Reply(status=409, request_id=request_id, message=message)

    def _wrong_state(self, machine: Machine, action: str, request_id: str) -> Reply:
        message = f"Cannot '{action}' instance {machine.id} while it is in vm_state"
        return Reply(status=409, request_id=request_id, message=f"{message} {machine.vm_state}")

    def _fails(self, record: Record, machine: Machine, event: str) -> bool:
        if self.doomed is None:
            return False
        details = self.doomed

        def fail() -> None:
            record.events[event] = "Error"
            record.details = details
            machine.be("ACTIVE", "active")

        self._later(1, fail)
        return True

    def _record(
        self, action: str, machine: Machine, user: str, request_id: str, event: str | None = None
    ) -> Record:
        record = Record(action, request_id, machine.id, user, self.time)
        if event is not None:
            record.events[event] = None
        self.records.insert(0, record)
        return record

    def _move(self, machine: Machine, kind: str, status: str, user: str) -> Move:
        number = next(self._numbers)
        dest = "compute-2" if machine.host == "compute-1" else "compute-1"
        uuid = f"5d3a1f0c-52f5-4c0e-8f6d-{number:012}"
        move = Move(number, uuid, status, kind, machine.id, machine.host, dest, self.time, user)
        self.moves.insert(0, move)
        return move

    def _request_id(self) -> str:
        return f"req-{next(self._numbers):08}"

    def _later(self, seconds: float, happen: Callable[[], None]) -> None:
        due = self._now() + timedelta(seconds=seconds)
        heapq.heappush(self._agenda, (due, next(self._numbers), happen))
