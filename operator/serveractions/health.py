"""Liveness, readiness and metrics over HTTP, for the kubelet and Prometheus.

A process that is up but blind is worse than one that is down, so liveness asks each part when it
last turned its wheel instead of only answering.
"""

from collections.abc import Awaitable, Callable, Mapping

from aiohttp import web
from prometheus_client import generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from serveractions.metrics import Metrics

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
