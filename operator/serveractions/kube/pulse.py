"""When the watches were answered last: a process that is up and sees nothing is worse than none.

A cluster may be quiet for days, so events tell nothing. What shows that a watch lives is that it is
asked for anew: the API server ends each after a while, and whoever watches comes back. So every
answer to a request for a watch, or for the list before it, is noted here.
"""

from collections.abc import Callable, Iterable
from types import SimpleNamespace

from aiohttp import (
    ClientSession,
    TraceConfig,
    TraceRequestEndParams,
    TraceRequestStartParams,
)
from yarl import URL

from serveractions.kube import paths
from serveractions.kube.client import OK, REDIRECT


class WatchPulse:
    """Notes the answers to one process's watches."""

    def __init__(self, *, clock: Callable[[], float]) -> None:
        """Measure with `clock`, in seconds."""
        self._clock = clock
        self._answered: dict[str, float] = {}
        self._heard: set[str] = set()

    def silence(self) -> float:
        """Return for how long the watch that has waited longest has had no answer, in seconds."""
        now = self._clock()
        return now - min(self._answered.values(), default=now)

    def unanswered(self, watched: Iterable[str]) -> list[str]:
        """Return those of the paths that were never answered."""
        return [path for path in watched if path not in self._heard]

    def trace(self) -> TraceConfig:
        """Return what has a session tell of its requests."""
        config = TraceConfig()
        config.on_request_start.append(self._asked)
        config.on_request_end.append(self._told)
        return config

    async def _asked(
        self, _session: ClientSession, _context: SimpleNamespace, asked: TraceRequestStartParams
    ) -> None:
        if _is_watched(asked.url):
            self._answered.setdefault(asked.url.path, self._clock())

    async def _told(
        self, _session: ClientSession, _context: SimpleNamespace, told: TraceRequestEndParams
    ) -> None:
        if _is_watched(told.url) and OK <= told.response.status < REDIRECT:
            self._answered[told.url.path] = self._clock()
            self._heard.add(told.url.path)


def _is_watched(url: URL) -> bool:
    return url.path.startswith(f"{paths.DISCOVERY}/")
