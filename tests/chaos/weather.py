"""What goes wrong around the operator: at the cloud, before it, and at the API server.

All of it is what the promise is made for. What the promise excepts (a proxy that sends twice, or
later than it may) is no weather, but tried by itself: see `test_residuals`.
"""

import asyncio
import random
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from chaos.cloud import Cloud
from local_stack.kubernetes import ControlPlane

OPERATOR = "admin"
"""The account that faults are for: what other people meet is not looked at here."""

WRITES: tuple[tuple[float, dict[str, Any]], ...] = (
    (0.04, {"kind": "reply-lost"}),
    (0.03, {"kind": "reply-lost", "reset": True}),
    (0.04, {"kind": "request-lost"}),
    (0.02, {"kind": "request-lost", "reset": False}),
    (0.03, {"kind": "status", "status": 502, "accepted": True}),
    (0.02, {"kind": "status", "status": 504, "accepted": True}),
    (0.03, {"kind": "status", "status": 503}),
    (0.02, {"kind": "status", "status": 500, "message": "Unexpected API Error."}),
    (0.02, {"kind": "status", "status": 429, "retry_after": 1}),
    (0.02, {"kind": "token-expired"}),
    (0.02, {"kind": "late-reply", "seconds": 4}),
    (0.02, {"kind": "late-effect", "seconds": 1}),
    (0.02, {"kind": "held", "seconds": 1.0}),
    (0.02, {"kind": "held", "seconds": 0.5, "status": None}),
    (0.02, {"kind": "truncated"}),
    (0.01, {"kind": "garbage", "body": "html", "status": 200}),
    (0.01, {"kind": "garbage", "body": "shape"}),
    (0.01, {"kind": "garbage-line"}),
    (0.01, {"kind": "garbage-line", "accepted": False}),
)
"""With which probability a write meets what: two of five of them meet something."""

READS: tuple[tuple[float, dict[str, Any]], ...] = (
    (0.010, {"kind": "status", "status": 500, "message": "Unexpected API Error."}),
    (0.010, {"kind": "status", "status": 502}),
    (0.010, {"kind": "status", "status": 503}),
    (0.005, {"kind": "status", "status": 504}),
    (0.005, {"kind": "status", "status": 429, "retry_after": 1}),
    (0.010, {"kind": "reply-lost"}),
    (0.005, {"kind": "reply-lost", "reset": True}),
    (0.005, {"kind": "token-expired"}),
    (0.005, {"kind": "late-reply", "seconds": 1.5}),
    (0.005, {"kind": "truncated"}),
    (0.003, {"kind": "truncated", "chunked": True}),
    (0.003, {"kind": "garbage", "body": "html"}),
    (0.003, {"kind": "garbage", "body": "shape"}),
    (0.003, {"kind": "garbage", "body": "list"}),
    (0.003, {"kind": "garbage", "body": "binary"}),
    (0.003, {"kind": "garbage-line"}),
    (0.002, {"kind": "redirect"}),
)

DRIVER = ("live_migration", "migrate_disk_and_power_off", "snapshot", "set_admin_password")
"""What the hypervisors are asked, and fail at now and then."""
SKEW = 47.0
"""Seconds that Nova's clock is ahead of everybody else's."""
SHORT, LONG = 1.0, 3.0
"""Seconds that something is away."""
PAUSE = (0.5, 3.0)
RESTART_EVERY = 60.0
"""Seconds between restarts of the API server."""


@dataclass
class Weather:
    """All that goes wrong, by dice.

    Attributes:
        cloud: The fake.
        kubernetes: The control plane.
        servers: Those of the cloud.
        seed: Of the dice.
        events: What happened, beside the faults that the cloud counts itself.
    """

    cloud: Cloud
    kubernetes: ControlPlane
    servers: list[str]
    seed: str
    events: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._dice = random.Random(self.seed)  # noqa: S311 - dice, no secret

    async def begin(self) -> None:
        """Order what single requests meet from now on."""
        await self.cloud.world(event="clock-skew", seconds=SKEW)
        for method in ("POST", "DELETE"):
            await self._order(WRITES, {"method": method, "service": "compute", "user": OPERATOR})
        await self._order(READS, {"method": "GET", "user": OPERATOR})
        for status in (500, 503):
            await self._order(
                ((0.05, {"kind": "status", "status": status}),), {"service": "identity"}
            )

    async def end(self) -> None:
        """Let everything be well again; the clock stays wrong."""
        await self.cloud.take_back()
        await self.cloud.world(event="cells-down", servers=[])
        for records in ("actions", "migrations", "images"):
            await self.cloud.world(event="lag", records=records, seconds=0)
        await self.cloud.doors(
            {name: {"state": "open"} for name in ("compute", "identity", "image")}
        )

    async def blow(self) -> None:
        """Have something happen to the cloud now and then, until cancelled."""
        happenings = (
            self._tokens_expire,
            self._cells_go_down,
            self._records_lag,
            self._a_door_shuts,
            self._connections_break,
            self._a_hypervisor_fails,
            self._a_hypervisor_fails,
        )
        while True:
            await asyncio.sleep(self._dice.uniform(*PAUSE))
            happening = self._dice.choice(happenings)
            self.events[happening.__name__.strip("_").replace("_", " ")] += 1
            await happening()

    async def restart_apiserver(self) -> None:
        """Restart the API server now and then, until cancelled in between."""
        while True:
            await asyncio.sleep(RESTART_EVERY * self._dice.uniform(0.7, 1.3))
            self.events["the API server is restarted"] += 1
            restarting = asyncio.create_task(asyncio.to_thread(self.kubernetes.restart_apiserver))
            await asyncio.shield(restarting)

    async def _order(
        self, faults: tuple[tuple[float, dict[str, Any]], ...], match: dict[str, Any]
    ) -> None:
        for probability, fault in faults:
            seed = self._dice.getrandbits(32)
            await self.cloud.fault(
                {**fault, "match": match, "probability": probability, "seed": seed}
            )

    async def _tokens_expire(self) -> None:
        await self.cloud.world(event="tokens-expired")

    async def _cells_go_down(self) -> None:
        some = self._dice.sample(self.servers, k=max(1, len(self.servers) // 10))
        await self.cloud.world(event="cells-down", servers=some)
        await asyncio.sleep(self._dice.uniform(SHORT, LONG))
        await self.cloud.world(event="cells-down", servers=[])

    async def _records_lag(self) -> None:
        records = self._dice.choice(("actions", "migrations", "images"))
        await self.cloud.world(event="lag", records=records, seconds=0.5)
        await asyncio.sleep(self._dice.uniform(SHORT, LONG))
        await self.cloud.world(event="lag", records=records, seconds=0)

    async def _a_door_shuts(self) -> None:
        service = self._dice.choice(("compute", "identity", "image"))
        await self.cloud.doors({service: {"state": self._dice.choice(("shut", "silent"))}})
        await asyncio.sleep(self._dice.uniform(SHORT, LONG))
        await self.cloud.doors({service: {"state": "open"}})

    async def _connections_break(self) -> None:
        await self.cloud.doors({"compute": {"state": "resetting", "times": 3}})

    async def _a_hypervisor_fails(self) -> None:
        method, server = self._dice.choice(DRIVER), self._dice.choice(self.servers)
        rule = {"exception": "NovaException", "args": ["out of luck"], "times": 1}
        await self.cloud.driver({"fail": {method: {**rule, "servers": [server]}}})
