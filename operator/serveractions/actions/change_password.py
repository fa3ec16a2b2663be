"""changePassword: set the administrator's password inside a running server.

Nova answers once the hypervisor has done it. Only a lost answer has to be looked up, in the record
that it leaves; it is never repeated, since a late repeat would bring an old password back.
"""

from typing import ClassVar

from serveractions.actions import records
from serveractions.actions.action import (
    Failed,
    Look,
    NovaRequest,
    Precheck,
    Running,
    Succeeded,
    Target,
    Verdict,
)
from serveractions.actions.microversions import FLOOR, step_down
from serveractions.actions.observation import InstanceAction, Observation, Server
from serveractions.actions.server_states import check, existing
from serveractions.actions.settling import settled
from serveractions.actions.traces import Records, Trace, among
from serveractions.actions.wording import named
from serveractions.api.spec import ServerPasswordChangeSpec
from serveractions.api.status import Intent, Reason, Status

_STATES = frozenset({"active"})
_EVENT = "compute_set_admin_password"


class ChangePassword:
    """Nova's changePassword."""

    name: ClassVar[str] = "changePassword"
    record: ClassVar[str | None] = "changePassword"
    looks: ClassVar[frozenset[Look]] = frozenset({Look.ACTION})
    exclusive: ClassVar[bool] = True
    needs_settling: ClassVar[bool] = False

    def request(self, spec: ServerPasswordChangeSpec, target: Target, newest: str) -> NovaRequest:
        """Return the request, which holds the password.

        Raises:
            ValueError: There is no password, or an empty one, which Nova would accept.
        """
        if not target.password:
            raise ValueError("the new password is missing or empty")
        return NovaRequest(
            name=self.name,
            method="POST",
            path=f"/servers/{target.server.id}/action",
            body={self.name: {"adminPass": target.password}},
            microversion=step_down(FLOOR, newest),
        )

    def precheck(self, spec: ServerPasswordChangeSpec, server: Server) -> Precheck:
        """Wait for a running task; Nova itself judges the rest."""
        return check(server, self.name, states=_STATES)

    def matches(self, record: InstanceAction, intent: Intent) -> bool:
        """Say whether a record could be the request of this intent."""
        return records.matches(record, intent, self.record)

    def traceable(self, newest: str) -> bool:
        """Return True: every Nova from the floor on records it."""
        return True

    def trace(self, intent: Intent, uid: str, records: Records) -> Trace:
        """Find the request by its instance action."""
        return among(records.candidates(lambda record: self.matches(record, intent)))

    def accepted(self, spec: ServerPasswordChangeSpec) -> Verdict | None:
        """Return success: Nova answers 202 when the password is set."""
        return Succeeded("the password is set")

    def judge(self, spec: ServerPasswordChangeSpec, status: Status, seen: Observation) -> Verdict:
        """Judge a change whose answer was lost, by the record that was found of it."""
        server = existing(seen)
        event = records.finished(seen.action, _EVENT)
        if event is not None and event.result == "Success":
            return Succeeded("the password is set")
        if records.failed(seen.action):
            return Failed(
                Reason.ACTION_FAILED,
                f"the password of {named(server)} was not set.{records.cause(seen.action)}",
            )
        if server is None:
            return Failed(
                Reason.SERVER_GONE, "the server was deleted while its password was being changed"
            )
        if server.partial:
            return Running(f"Nova cannot see {named(server)} just now: its cell is down")
        if server.task_state == "updating_password" or not settled(seen):
            return Running(f"Nova is setting the password of {named(server)}")
        return Failed(
            Reason.OUTCOME_UNKNOWN,
            f"Nova's answer was lost, and it shows no result for {named(server)}: try the new"
            " password, and create a new object if the old one still holds",
        )
