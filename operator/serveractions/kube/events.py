"""Kubernetes Events on the objects, for people: best effort, and never in the way of an action.

Posting puts an Event into a bounded queue; one task sends them. What does not fit, is refused, or
is said again and again, is dropped: every fact that matters is in the status.
"""

import asyncio
import logging
import secrets
from collections import OrderedDict
from dataclasses import dataclass

from serveractions.api.kinds import API_VERSION
from serveractions.api.resource import Resource
from serveractions.core.errors import ApiUnavailable, Conflict, ObjectGone, StatusRefused
from serveractions.core.ports import Clock
from serveractions.kube.client import UNAUTHORIZED, Api, ApiRefused, Json
from serveractions.kube.lease_record import micro_time

log = logging.getLogger(__name__)

REPORTER = "serveractions"
QUEUE = 1000
"""Events that may wait; further ones are dropped."""
NOTE = 1024
"""Bytes of a message that the API server takes."""
WORD = 128
"""The same for a reason, an action and the reporting instance."""
NAME = 253 - 17
"""Characters of the object's name in the Event's; the rest tells Events of one object apart."""
REPEAT = 600.0
"""Seconds in which the same thing about the same object is not said again."""
REMEMBERED = 5000
"""How many Events are remembered for that."""
TRIES = 3
RETRY = 2.0
"""How often an Event is sent while the API server does not answer, and the seconds between."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Event:
    namespace: str
    body: Json


class KubeEvents:
    """The port `Events` on a real API server. `run` sends what was posted."""

    def __init__(self, *, api: Api, clock: Clock, instance: str) -> None:
        """Post as `instance`, the pod's name."""
        self._api = api
        self._clock = clock
        self._instance = instance
        self._queue: asyncio.Queue[_Event] = asyncio.Queue(maxsize=QUEUE)
        self._said: OrderedDict[tuple[str, str, str, str], float] = OrderedDict()

    def post(self, resource: Resource, *, kind: str, reason: str, message: str) -> None:
        """Have an Event posted; `kind` is `Normal` or `Warning`. Never raises, never waits."""
        if self._repeats((resource.uid, kind, reason, message)):
            return
        body = self._body(resource, kind=kind, reason=reason, message=message)
        try:
            self._queue.put_nowait(_Event(namespace=resource.namespace, body=body))
        except asyncio.QueueFull:
            log.debug("too many Events wait: one is dropped", extra={"object": str(resource.key)})

    async def run(self) -> None:
        """Send what is posted, until cancelled."""
        while True:
            event = await self._queue.get()
            try:
                await self._send(event)
            finally:
                self._queue.task_done()

    async def drain(self, seconds: float) -> None:
        """Wait until everything posted so far was sent, at most so long."""
        try:
            async with asyncio.timeout(seconds):
                await self._queue.join()
        except TimeoutError:
            log.info("Events were not sent in time", extra={"count": self._queue.qsize()})

    async def _send(self, event: _Event) -> None:
        path = f"/apis/events.k8s.io/v1/namespaces/{event.namespace}/events"
        for attempt in range(TRIES):
            try:
                await self._api.request("POST", path, body=event.body)
            except Conflict:  # an earlier try arrived after all
                return
            except ApiUnavailable as error:
                # A no stays a no: in a namespace that is being deleted, each Event would hold up
                # those of all others.
                refused = isinstance(error, ApiRefused) and error.status != UNAUTHORIZED
                if refused or attempt == TRIES - 1:
                    log.debug("an Event was not posted", extra={"error": str(error)})
                    return
                await asyncio.sleep(error.retry_after or RETRY)
            except (ObjectGone, StatusRefused) as error:  # the namespace goes, or it is malformed
                log.debug("an Event was refused", extra={"error": str(error)})
                return
            else:
                return

    def _repeats(self, what: tuple[str, str, str, str]) -> bool:
        now = self._clock.boottime()
        last = self._said.get(what)
        if last is not None and now - last < REPEAT:
            return True
        self._said[what] = now
        self._said.move_to_end(what)
        if len(self._said) > REMEMBERED:
            self._said.popitem(last=False)
        return False

    def _body(self, resource: Resource, *, kind: str, reason: str, message: str) -> Json:
        return {
            "apiVersion": "events.k8s.io/v1",
            "kind": "Event",
            "metadata": {
                "name": f"{resource.name[:NAME].rstrip('.-')}.{secrets.token_hex(8)}",
                "namespace": resource.namespace,
            },
            "eventTime": micro_time(self._clock.now()),
            "reportingController": REPORTER,
            "reportingInstance": self._instance[:WORD],
            "action": resource.kind.action[:WORD],
            "reason": reason[:WORD],
            "type": kind,
            "note": _cut(message, NOTE),
            "regarding": {
                "apiVersion": API_VERSION,
                "kind": resource.kind.name,
                "namespace": resource.namespace,
                "name": resource.name,
                "uid": resource.uid,
                "resourceVersion": resource.resource_version,
            },
        }


def _cut(text: str, size: int) -> str:
    """Return at most `size` bytes of `text`: the API server counts bytes, not characters."""
    raw = text.encode()
    if len(raw) <= size:
        return text
    return raw[: size - 3].decode(errors="ignore") + "…"
