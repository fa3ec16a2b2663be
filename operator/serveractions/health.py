"""Liveness, readiness and metrics over HTTP, for the kubelet and Prometheus.

A process that is up but blind is worse than one that is down, so liveness asks each part when it
last turned its wheel instead of only answering. An event loop that stands still answers nobody,
which a kubelet takes for a no.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from aiohttp import web
from prometheus_client import generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from serveractions import kopf_settings
from serveractions.cloud.poller import SharedPoller
from serveractions.config import Config
from serveractions.core.inbox import Inbox
from serveractions.kube import paths
from serveractions.kube.client import Api
from serveractions.kube.lease import SlotLeases
from serveractions.kube.pulse import WatchPulse
from serveractions.metrics import Metrics

STUCK = 120.0
"""Seconds without a turn of its wheel after which a part counts as stuck."""
LOOK, INTERVALS = 600.0, 20.0
"""Seconds, or poll intervals, in which some look at a cloud must come to an end, if only a bad one.
A read ends within `Config.read_timeout`, and a look is a few reads."""

Check = Callable[[], str | None]
"""Returns None when all is well, else what is wrong."""


def at_most(limit: float, measure: Callable[[], float], wrong: str) -> Check:
    """Return a check of how long something has lasted.

    Args:
        limit: Seconds that are still well.
        measure: Returns the seconds until now.
        wrong: What to say where it is more, with a place for the seconds.
    """

    def check() -> str | None:
        seconds = measure()
        return wrong.format(seconds) if seconds > limit else None

    return check


class Health:
    """Serves `/livez`, `/readyz` and `/metrics`.

    Args:
        live: What must hold, or the process is restarted.
        ready: What must hold before the process counts as up.
        metrics: What is served to Prometheus.
    """

    def __init__(
        self, *, live: Mapping[str, Check], ready: Mapping[str, Check], metrics: Metrics
    ) -> None:
        self._metrics = metrics
        app = web.Application()
        app.router.add_get("/livez", _answer(live))
        app.router.add_get("/readyz", _answer(ready))
        app.router.add_get("/metrics", self._serve_metrics)
        self._runner = web.AppRunner(app, access_log=None)

    async def start(self, host: str, port: int) -> int:
        """Listen; return the port.

        Raises:
            OSError: The port is taken.
        """
        await self._runner.setup()
        site = web.TCPSite(self._runner, host, port)
        await site.start()
        return int(self._runner.addresses[0][1])

    async def stop(self) -> None:
        """Stop listening."""
        await self._runner.cleanup()

    async def _serve_metrics(self, _request: web.Request) -> web.Response:
        body = generate_latest(self._metrics.registry)
        return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE_LATEST})


def _answer(checks: Mapping[str, Check]) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handle(_request: web.Request) -> web.Response:
        wrong = {name: text for name, check in checks.items() if (text := check())}
        lines = [f"{name}: {text}" for name, text in wrong.items()] or ["ok"]
        return web.Response(text="\n".join(lines) + "\n", status=500 if wrong else 200)

    return handle


def liveness(
    *, inbox: Inbox, poller: SharedPoller, pulse: WatchPulse, api: Api, config: Config
) -> Mapping[str, Check]:
    """Return what must hold, or the process is restarted.

    While the API server is away, workers and watches wait for it. A new process could do no more,
    and would not know what this one has still to record.
    """

    def poller_idle() -> float:
        return asyncio.get_running_loop().time() - poller.heartbeat

    def waiting() -> float:
        return min(inbox.queue.overdue(), api.answering())

    def blind() -> float:
        return min(pulse.silence(), api.answering())

    look = max(LOOK, INTERVALS * config.poll_interval)
    return {
        "poller": at_most(STUCK, poller_idle, "no turn for {:.0f} s"),
        "looks": at_most(look, poller.stuck, "no look at a cloud has ended for {:.0f} s"),
        "workers": at_most(STUCK, waiting, "an object has been due for {:.0f} s"),
        "watch": at_most(kopf_settings.SILENT, blind, "no answer to one for {:.0f} s"),
    }


def readiness(
    *, watching: asyncio.Event, pulse: WatchPulse, leases: SlotLeases, config: Config
) -> Mapping[str, Check]:
    """Return what must hold before the process counts as up.

    The definitions are not among it: without them the process ends and says so.
    """
    watched = [path for _, path in paths.collections(config.watch_namespaces)]

    def watch() -> str | None:
        if not watching.is_set():
            return "the watches have not begun"
        silent = pulse.unanswered(watched)
        return f"no answer yet to a watch of {', '.join(silent)}" if silent else None

    def lease() -> str | None:
        # A standby is ready too: it knows all Leases and would take them over.
        return None if leases.settled else "not every Lease has been looked at yet"

    return {"watch": watch, "lease": lease}
