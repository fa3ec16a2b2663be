"""Thousands of objects in a moment: written into etcd as the API server writes them.

An API server on two cores needs ten milliseconds for each write of an object, and tens of thousands
of finished ones are wanted. So one object goes the whole way and the others are made from what etcd
holds of it, with names, uids and Nova's ids of their own. etcd's own API takes them, and the API
server and its watchers learn of them as of any other write.
"""

import base64
import json
import time
import uuid
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import Any

import openstack
import requests
import yaml

from assembled import Assembled
from scale.flying import MIGRATION, Flight
from serveractions.api.kinds import BY_NAME, GROUP, Kind

RESET = BY_NAME["ServerStateReset"]
AT_ONCE = 100
"""Writes in one transaction; etcd takes 128."""
THREADS = 16


@dataclass(frozen=True)
class Template:
    """An object as etcd holds it."""

    kind: Kind
    key: str
    body: dict[str, Any]

    @classmethod
    def in_flight(cls, world: Assembled) -> "Template":
        """Have an operator take a live migration as far as it flies."""
        name, _ = world.act(MIGRATION)
        world.until_phase(MIGRATION, name, "Running")
        return cls._read(world, MIGRATION, name)

    @classmethod
    def finished(cls, world: Assembled) -> "Template":
        """Have an operator take a reset of a server's state to its end."""
        name, _ = world.act(RESET, state="Active")
        world.until_phase(RESET, name, "Succeeded")
        return cls._read(world, RESET, name)

    @classmethod
    def _read(cls, world: Assembled, kind: Kind, name: str) -> "Template":
        key = f"/registry/{GROUP}/{kind.plural}/{world.namespace}/{name}"
        (found,) = _etcd(world, "range", {"key": _encoded(key)})["kvs"]
        return cls(kind, key, json.loads(base64.b64decode(found["value"])))

    def copy(self, name: str, replacing: dict[str, str]) -> tuple[str, str]:
        """Return key and value of another object like this one.

        Args:
            name: Of it.
            replacing: What stands in the template, and what stands there in the copy.
        """
        text = json.dumps(self.body)
        metadata = self.body["metadata"]
        for old, new in {metadata["uid"]: str(uuid.uuid4()), metadata["name"]: name}.items():
            text = text.replace(old, new)
        for old, new in replacing.items():
            text = text.replace(old, new)
        return self.key.removesuffix(metadata["name"]) + name, text

    @property
    def status(self) -> dict[str, Any]:
        """What it has come to."""
        status: dict[str, Any] = self.body["status"]
        return status


def put_finished(world: Assembled, template: Template, numbers: range) -> None:
    """Put finished objects in place, each for a server and a request of its own."""
    server, request = template.status["server"]["id"], template.status["requestId"]
    copies = (
        template.copy(
            f"done-{number:06}", {server: str(uuid.uuid4()), request: f"req-{uuid.uuid4()}"}
        )
        for number in numbers
    )
    while batch := list(islice(copies, AT_ONCE)):
        _put(world, batch)


def put_in_flight(
    world: Assembled, template: Template, count: int, *, per_second: float | None = None
) -> list[Flight]:
    """Begin live migrations at Nova as the operator's user, and put their objects in place.

    Args:
        world: Where.
        template: One that flies.
        count: How many more.
        per_second: How many at most; None for as many as the cloud takes.
    """
    names = [f"fly-{number:05}" for number in range(count)]
    status = template.status
    # The copies say, as the template does, that they left from there.
    servers = world.cloud.boot(*names, host=status["intent"]["sourceHost"])
    with ThreadPoolExecutor(THREADS) as pool:
        admin = yaml.safe_load(world.cloud.clouds_yaml())["clouds"]["admin"]
        compute = openstack.connection.Connection(**admin).compute
        compute.get_endpoint()
        begun = time.monotonic()

        def begin(number: int) -> str:
            if per_second is not None:
                time.sleep(max(0.0, begun + number / per_second - time.monotonic()))
            body = {"os-migrateLive": {"host": None, "block_migration": "auto"}}
            answer = compute.post(
                f"/servers/{servers[number]}/action", json=body, microversion="2.79"
            )
            assert answer.status_code == requests.codes.accepted, answer.text
            return str(answer.headers["x-compute-request-id"])

        for first in range(0, count, AT_ONCE):
            numbers = range(first, min(first + AT_ONCE, count))
            asked = list(pool.map(begin, numbers))
            _put(
                world,
                [
                    template.copy(
                        names[number],
                        {
                            status["server"]["id"]: servers[number],
                            status["requestId"]: request,
                            **_migration(status),
                        },
                    )
                    for number, request in zip(numbers, asked, strict=True)
                ],
            )
    return [Flight(*pair) for pair in zip(names, servers, strict=True)]


def _migration(status: dict[str, Any]) -> dict[str, str]:
    """Return no migration of the template's: the copy finds its own, as after a crash."""
    assert "migration" not in status or not status["migration"], "the template is too old"
    return {}


def _put(world: Assembled, objects: Sequence[tuple[str, str]]) -> None:
    writes = [
        {"requestPut": {"key": _encoded(key), "value": _encoded(value)}} for key, value in objects
    ]
    answer = _etcd(world, "txn", {"success": writes})
    assert answer.get("succeeded"), answer


def _etcd(world: Assembled, what: str, order: dict[str, Any]) -> dict[str, Any]:
    url = f"http://127.0.0.1:{world.kubernetes.etcd_port}/v3/kv/{what}"
    answer = requests.post(url, json=order, timeout=60)
    answer.raise_for_status()
    found: dict[str, Any] = answer.json()
    return found


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
