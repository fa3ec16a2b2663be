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

import kopf

from serveractions.api.kinds import GROUP, KINDS, VERSION
from serveractions.config import Config
from serveractions.kube.client import Credentials
from serveractions.kube.task_scope import TaskScope, outside

log = logging.getLogger(__name__)


class WatchInbox(Protocol):
    """Takes what the watches tell. Neither method may raise, wait, or keep `body` changed."""

    def seen(self, body: Mapping[str, Any]) -> None:
        """Take an unfinished object as it was listed or as it changed."""
        ...

    def left(self, body: Mapping[str, Any]) -> None:
        """Take the last state of an object that was deleted or that is not unfinished any more."""
        ...


def build_registry(
    inbox: WatchInbox, *, login: Callable[[], Awaitable[Credentials]]
) -> kopf.OperatorRegistry:
    """Return the registry with all handlers; nothing of kopf is global.

    Args:
        inbox: Filled by the watches.
        login: Returns fresh credentials; asked at the start and at each 401 of the API server.
    """
    registry = kopf.OperatorRegistry()
    ours = outside()  # tasks that the inbox starts are not kopf's, and do not end with it

    @kopf.on.login(registry=registry, backoff=5)
    async def log_in(**_: Any) -> kopf.ConnectionInfo:
        return _connection(await login())

    for kind in KINDS:

        @kopf.on.event(GROUP, VERSION, kind.plural, registry=registry, id=kind.plural)
        async def tell(event: kopf.RawEvent, **_: Any) -> None:
            ours.run(inbox.left if event["type"] == "DELETED" else inbox.seen, event["object"])

    return registry


def _connection(login: Credentials) -> kopf.ConnectionInfo:
    return kopf.ConnectionInfo(
        server=login.server,
        scheme=login.scheme,
        token=login.token,
        ca_path=login.ca_path,
        certificate_path=login.certificate_path,
        private_key_path=login.private_key_path,
        insecure=login.insecure,
        proxy_url=login.proxy_url,
    )


async def watch(
    *,
    config: Config,
    registry: kopf.OperatorRegistry,
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
        settings: From `kopf_settings.configure`.
        stop: Ends the watches.
        ready: Set when the watches begin; the first lists are under way then.

    Raises:
        Exception: Whatever ended a watch for good: a process that sees nothing must not live on.
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
    for task in ended:
        task.result()
    if not stop.is_set():
        raise RuntimeError("kopf stopped watching without saying why")


def _take_back_signals(stop: asyncio.Event) -> None:
    """Have SIGTERM and SIGINT mean `stop`: kopf has just taken them for itself alone."""
    if threading.current_thread() is threading.main_thread():
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
