"""Everything that kopf calls: one handler for each kind, and the login.

The handlers only fill the inbox. kopf drops the errors of such handlers and repeats whole lists
after an outage, so that what they do is cheap, may be repeated and never fails.
"""

import asyncio
import logging
import signal
import threading
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any, Protocol

import aiohttp
import kopf

from serveractions.api.kinds import GROUP, KINDS, VERSION
from serveractions.config import Config
from serveractions.kube.client import Credentials
from serveractions.kube.pulse import WatchPulse
from serveractions.kube.task_scope import TaskScope, outside

log = logging.getLogger(__name__)

LOGIN_PAUSE = 5.0
"""Seconds between two logins: a 401 is answered with one, for as long as it lasts."""


class WatchEndedError(Exception):
    """A watch cannot go on: the process has to end, since it would see nothing any more."""


class WatchInbox(Protocol):
    """Takes what the watches tell. Neither method may raise, wait, or keep `body` changed."""

    def seen(self, body: Mapping[str, Any]) -> None:
        """Take an unfinished object as it was listed or as it changed."""
        ...

    def left(self, body: Mapping[str, Any]) -> None:
        """Take the last state of an object that was deleted or that is not unfinished any more."""
        ...


class Logins:
    """Gives kopf a session for each login.

    kopf takes credentials that were refused once for bad ones, and ends when it gets the same
    again. But an API server that comes up, or has lost its etcd, answers 401 to good ones. No two
    sessions are the same, so that kopf tries again until it is answered.
    """

    def __init__(self, login: Callable[[], Awaitable[Credentials]], pulse: WatchPulse) -> None:
        """Ask nothing yet.

        Args:
            login: Returns fresh credentials; asked at the start and at each 401 of the API server.
            pulse: Told when watches are answered.
        """
        self._login = login
        self._pulse = pulse
        self._earliest = 0.0
        self._sessions: list[aiohttp.ClientSession] = []

    async def next(self) -> kopf.AiohttpSession:
        """Log in, not sooner than a while after the last time."""
        loop = asyncio.get_running_loop()
        await asyncio.sleep(self._earliest - loop.time())
        self._earliest = loop.time() + LOGIN_PAUSE
        login = await self._login()
        info = kopf.ConnectionInfo(
            server=login.server,
            scheme=login.scheme,
            token=login.token,
            ca_path=login.ca_path,
            certificate_path=login.certificate_path,
            private_key_path=login.private_key_path,
            insecure=login.insecure,
        )
        session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ssl=info.as_ssl_context()),
            headers=info.as_http_headers(),
            proxy=login.proxy_url,
            trust_env=False,  # proxy variables are there for the clouds
            trace_configs=[self._pulse.trace()],
        )
        self._sessions = [each for each in self._sessions if not each.closed] + [session]
        return kopf.AiohttpSession(server=login.server, aiohttp_session=session)

    async def close(self) -> None:
        """Close what kopf has left open: it closes a session only if its own way out is whole."""
        for session in self._sessions:
            await session.close()


def build_registry(inbox: WatchInbox, logins: Logins) -> kopf.OperatorRegistry:
    """Return the registry with all handlers, which fill the inbox; nothing of kopf is global."""
    registry = kopf.OperatorRegistry()
    ours = outside()  # tasks that the inbox starts are not kopf's, and do not end with it

    @kopf.on.login(registry=registry, backoff=LOGIN_PAUSE)
    async def log_in(**_: Any) -> kopf.AiohttpSession:
        return await logins.next()

    for kind in KINDS:

        @kopf.on.event(GROUP, VERSION, kind.plural, registry=registry, id=kind.plural)
        async def tell(event: kopf.RawEvent, **_: Any) -> None:
            ours.run(inbox.left if event["type"] == "DELETED" else inbox.seen, event["object"])

    return registry


async def watch(
    *,
    config: Config,
    registry: kopf.OperatorRegistry,
    logins: Logins,
    settings: kopf.OperatorSettings,
    stop: asyncio.Event,
    ready: asyncio.Event,
) -> None:
    """Run kopf until `stop` is set. SIGTERM and SIGINT set `stop` too.

    `kopf.operator` would, when it ends, cancel every task of the event loop that is younger than
    itself: also the one that is recording what Nova has just accepted. So its tasks are started and
    stopped here, and nothing else is touched. A single watch that fails ends all of them.

    Args:
        config: Says which namespaces to watch.
        registry: From `build_registry`.
        logins: Those of the registry; none is left open at the end.
        settings: From `kopf_settings.configure`.
        stop: Ends the watches.
        ready: Set when the watches begin; the first lists are under way then.

    Raises:
        WatchEndedError: A watch has ended for good: a process that sees nothing must not live on.
    """

    async def begin() -> Collection[asyncio.Task[Any]]:
        tasks = await kopf.spawn_tasks(
            registry=registry,
            settings=settings,
            clusterwide=not config.watch_namespaces,
            namespaces=config.watch_namespaces,
            standalone=True,
            stop_flag=stop,
            ready_flag=ready,
        )
        _take_back_signals(stop)
        return tasks

    scope = TaskScope()
    try:
        tasks = await scope.run(begin())
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        ended = [task for task in tasks if task.done()]
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
    finally:
        await scope.end(first=lambda task: task.get_name().startswith("watcher for "))
        await logins.close()
    errors = [task.exception() for task in (*ended, *tasks) if not task.cancelled()]
    for error in filter(None, errors):  # kopf has logged where it comes from
        raise WatchEndedError(f"a watch has ended for good: {error}") from error
    if not stop.is_set():
        raise WatchEndedError("kopf stopped watching without saying why")


def _take_back_signals(stop: asyncio.Event) -> None:
    """Have SIGTERM and SIGINT mean `stop`: kopf has just taken them for itself alone."""
    if threading.current_thread() is threading.main_thread():
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
