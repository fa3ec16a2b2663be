"""The fake cloud as its owner sees it: what it accepted, what it has on record, what befalls it."""

import contextlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp

from fakes.cloud import remote
from local_stack.supervisor import Supervisor


@dataclass(frozen=True)
class Cloud:
    """One fake cloud."""

    url: str
    session: aiohttp.ClientSession

    async def clouds_yaml(self) -> str:
        """Return a clouds.yaml with a cloud for each of its users."""
        return json.dumps(await self._ask("GET", "clouds"))

    async def boot(self, *names: str) -> list[str]:
        """Boot servers; return their ids."""
        ids: list[str] = await self._ask("POST", "servers", {"names": names})
        return ids

    async def ledger(self, server: str | None = None) -> dict[str, Any]:
        """Return all that the cloud has on record of a server, or of all servers."""
        one = f"?server={server}" if server else ""
        found: dict[str, Any] = await self._ask("GET", f"ledger{one}")
        return found

    async def fault(self, order: Mapping[str, Any]) -> int:
        """Order what requests meet, see `fakes.cloud.control`; return the order's number."""
        number: int = (await self._ask("POST", "faults", order))["id"]
        return number

    async def release(self, number: int) -> None:
        """Let go on what an order holds."""
        await self._ask("POST", f"faults/{number}/release")

    async def take_back(self) -> None:
        """Take all such orders back."""
        await self._ask("DELETE", "faults")

    async def injected(self) -> dict[str, int]:
        """Return how many requests met which kind of fault."""
        found: dict[str, int] = (await self._ask("GET", "faults"))["injected"]
        return found

    async def world(self, **event: Any) -> None:
        """Let something happen to the cloud."""
        await self._ask("POST", "world", event)

    async def doors(self, order: Mapping[str, Any]) -> None:
        """Open and shut services."""
        await self._ask("POST", "doors", order)

    async def driver(self, order: Mapping[str, Any]) -> None:
        """Have a hypervisor fail, or take its time."""
        await self._ask("POST", "driver", order)

    async def _ask(self, method: str, path: str, body: Any = None) -> Any:
        async with self.session.request(method, f"{self.url}/_fake/{path}", json=body) as answer:
            answer.raise_for_status()
            return await answer.json()


@contextlib.contextmanager
def running(
    supervisor: Supervisor,
    session: aiohttp.ClientSession,
    *,
    name: str,
    pace: Mapping[str, str],
) -> Iterator[Cloud]:
    """Run a fake cloud."""
    process = remote.process(supervisor, name, pace)
    supervisor.start(process)
    try:
        yield Cloud(remote.of(process).url, session)
    finally:
        supervisor.stop(name)
