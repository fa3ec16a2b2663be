"""A cloud that answers from a script, whatever it is asked: the core's ports without any sense.

Each question gets the next answer of its own list and the last one again and again, so that a
cloud can be hostile for a while and then stand still.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, TypeVar

from serveractions.actions.action import NovaRequest
from serveractions.actions.observation import Image, InstanceAction, Migration, Server
from serveractions.api.spec import CloudCredentialsRef, ServerRef
from serveractions.api.status import Progress
from serveractions.core.errors import NeverSent
from serveractions.core.ports import CloudIdentity, Reply
from sightings import PROJECT, USER

T = TypeVar("T")
Answers = Sequence[T | Exception]


@dataclass
class Script:
    """What is answered, in order; an exception is raised.

    Attributes:
        after_a_request: From the first write on, this is raised where the cloud is opened.
    """

    opened: Answers[None]
    servers: Answers[Server]
    actions: Answers[list[InstanceAction]]
    migrations: Answers[list[Migration]]
    progress: Answers[Progress | None]
    images: Answers[Image | None]
    backups: Answers[list[Image]]
    replies: Answers[Reply]
    passwords: Answers[str]
    newest: str
    after_a_request: Exception | None = None
    sent: list[NovaRequest] = field(default_factory=list)
    asked: dict[str, int] = field(default_factory=dict)

    def next(self, name: str) -> Any:
        """Return the next answer of a list, or raise it."""
        answers: Answers[Any] = getattr(self, name)
        number = self.asked[name] = self.asked.get(name, 0) + 1
        answer = answers[min(number, len(answers)) - 1]
        if isinstance(answer, Exception):
            raise answer
        return answer


class HostileCloud:
    """The core's `Cloud`, and the poller's `Sight`."""

    def __init__(self, script: Script, now: Callable[[], datetime]) -> None:
        self._script = script
        self._now = now

    @property
    def identity(self) -> CloudIdentity:
        return CloudIdentity(
            endpoint="https://nova.example/v2.1",
            region=None,
            user_id=USER,
            project_id=PROJECT,
            secret_uid="s",
            secret_resource_version="1",
        )

    @property
    def newest(self) -> str:
        return self._script.newest

    async def find_server(self, ref: ServerRef) -> tuple[Server, datetime]:
        return await self.server(ref.id or "")

    async def server(self, server_id: str) -> tuple[Server, datetime]:
        found: Server = self._script.next("servers")
        # The edge lets no record pass of another server than the one asked for.
        return replace(found, id=server_id or found.id), self._now()

    async def instance_actions(self, server_id: str) -> Sequence[InstanceAction]:
        found: list[InstanceAction] = self._script.next("actions")
        return sorted(found, key=lambda one: one.start_time, reverse=True)

    async def instance_action(self, server_id: str, request_id: str) -> InstanceAction | None:
        for one in await self.instance_actions(server_id):
            if one.request_id == request_id:
                return one
        return None

    async def migrations(self, server_id: str) -> Sequence[Migration]:
        found: list[Migration] = self._script.next("migrations")
        mine = (one for one in found if one.server_id == server_id)
        return sorted(mine, key=lambda one: one.created, reverse=True)

    async def progress(self, server: Server) -> Progress | None:
        found: Progress | None = self._script.next("progress")
        return found

    async def image(self, image_id: str) -> Image | None:
        found: Image | None = self._script.next("images")
        return replace(found, id=image_id) if found is not None else None

    async def backups(self, server_id: str, backup_type: str | None = None) -> Sequence[Image]:
        found: list[Image] = self._script.next("backups")
        return found

    async def delete_image(self, image_id: str) -> None:
        self._script.next("backups")

    async def send(
        self, request: NovaRequest, *, uid: str, deadline: float, may_send: Callable[[], bool]
    ) -> Reply:
        if not may_send():
            raise NeverSent("it may not be sent any more")
        self._script.sent.append(request)
        if self._script.after_a_request is not None:
            self._script.opened = [self._script.after_a_request]
        reply: Reply = self._script.next("replies")
        return reply


class HostileClouds:
    """The core's `Clouds`: every Secret leads to the one cloud."""

    def __init__(self, script: Script, now: Callable[[], datetime]) -> None:
        self._script = script
        self._cloud = HostileCloud(script, now)

    async def open(self, namespace: str, ref: CloudCredentialsRef) -> HostileCloud:
        self._script.next("opened")
        return self._cloud

    async def password(self, namespace: str, name: str, key: str) -> str:
        password: str = self._script.next("passwords")
        return password
