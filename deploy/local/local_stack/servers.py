"""Servers for the operator to act on: boot some, wait for them, delete them.

For tests and the demo. Nothing here is part of the operator, which never creates a server.
"""

import time
import uuid
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from openstack.config import OpenStackConfig
from openstack.connection import Connection

from local_stack.commands import StackError
from local_stack.openstack import IMAGE

POLL = 0.2
READY_WITHIN = 60.0
MICROVERSION = "2.37"
"""The first microversion in which `networks` may be "none"."""


def connect(clouds_yaml: Path, cloud: str = "admin") -> Any:
    """Return an openstacksdk connection for one of the clouds; the environment has no say."""
    config = OpenStackConfig(config_files=[str(clouds_yaml)], load_envvars=False)
    return Connection(config=config.get_one(cloud))


class ServerFactory:
    """Creates servers in the project of one cloud; leaving the context deletes them."""

    def __init__(self, clouds_yaml: Path, cloud: str = "admin") -> None:
        """Log in.

        Args:
            clouds_yaml: That of the running cloud.
            cloud: Whose project the servers belong to. Only `admin` (project demo) and
                `admin-other` (project other) may choose a host.
        """
        self.connection = connect(clouds_yaml, cloud)
        self._image: str | None = None
        self._created: set[str] = set()  # a set: its updates are safe between threads

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.delete(self._created)
        self.connection.close()

    def create(
        self, name: str | None = None, *, host: str | None = None, flavor: str = "m1.tiny"
    ) -> str:
        """Boot a server from the image, wait until it is ACTIVE, and return its id.

        Args:
            name: A made-up one when not given.
            host: The compute host to start on; Nova chooses when not given.
            flavor: `m1.only-host1` and its like keep the server from ever leaving that host.

        Raises:
            StackError: The server did not become ACTIVE.
        """
        return self.create_many([name or _new_name()], host=host, flavor=flavor)[0]

    def create_many(
        self, names: Sequence[str], *, host: str | None = None, flavor: str = "m1.tiny"
    ) -> list[str]:
        """Boot several servers at once; return their ids in the order of the names."""
        boot = {"imageRef": self._image_id()}
        return self._boot([self._request(name, host, flavor) | boot for name in names])

    def create_volume_backed(
        self, name: str | None = None, *, host: str | None = None, flavor: str = "m1.tiny"
    ) -> str:
        """Boot a server from a volume instead: Nova refuses to make backups of it.

        Any id is that of a bootable volume, since Cinder is a fixture of Nova's.
        """
        volume = {
            "boot_index": 0,
            "uuid": str(uuid.uuid4()),
            "source_type": "volume",
            "destination_type": "volume",
        }
        boot = {"block_device_mapping_v2": [volume]}
        return self._boot([self._request(name or _new_name(), host, flavor) | boot])[0]

    def get(self, server: str) -> dict[str, Any]:
        """Return the server as Nova describes it."""
        answer = self.connection.compute.get(f"/servers/{server}", microversion=MICROVERSION)
        _expect_success(answer, f"read server {server}")
        described: dict[str, Any] = answer.json()["server"]
        return described

    def wait_for(
        self, server: str, status: str = "ACTIVE", within: float = READY_WITHIN
    ) -> dict[str, Any]:
        """Poll until the server has the status and no task runs; return its description.

        Raises:
            StackError: It went to ERROR instead, or did not get there in time.
        """
        deadline = time.monotonic() + within
        while True:
            described = self.get(server)
            if described["status"] == status and described["OS-EXT-STS:task_state"] is None:
                return described
            if described["status"] == "ERROR":
                fault = described.get("fault", {}).get("message")
                raise StackError(f"server {server} is in ERROR: {fault}; see nova.log")
            if time.monotonic() > deadline:
                raise StackError(
                    f"server {server} is {described['status']} (task "
                    f"{described['OS-EXT-STS:task_state']}) and not {status} after {within:g} s; "
                    "see nova.log"
                )
            time.sleep(POLL)

    def delete(self, servers: Iterable[str]) -> None:
        """Delete servers and wait until they are gone; some may be gone already."""
        chosen = list(servers)
        for server in chosen:
            self.connection.compute.delete(f"/servers/{server}")
        deadline = time.monotonic() + READY_WITHIN
        for server in chosen:
            while self.connection.compute.get(f"/servers/{server}").ok:
                if time.monotonic() > deadline:
                    raise StackError(f"server {server} is not deleted yet; see nova.log")
                time.sleep(POLL)
        self._created.difference_update(chosen)

    def _boot(self, requests: list[dict[str, Any]]) -> list[str]:
        servers = []
        for request in requests:
            answer = self.connection.compute.post(
                "/servers", json={"server": request}, microversion=MICROVERSION
            )
            _expect_success(answer, f"create server {request['name']}")
            servers.append(answer.json()["server"]["id"])
        self._created.update(servers)
        for server in servers:
            self.wait_for(server)
        return servers

    def _request(self, name: str, host: str | None, flavor: str) -> dict[str, Any]:
        request = {"name": name, "flavorRef": flavor, "networks": "none"}
        if host is not None:
            request["availability_zone"] = f"nova:{host}"
        return request

    def _image_id(self) -> str:
        if self._image is None:
            answer = self.connection.image.get("/images", params={"name": IMAGE})
            _expect_success(answer, "list the images")
            self._image = answer.json()["images"][0]["id"]
        return self._image


def _new_name() -> str:
    return f"server-{uuid.uuid4().hex[:8]}"


def _expect_success(answer: Any, what: str) -> None:
    """Raise for an error status: openstacksdk's bare requests do not."""
    if not answer.ok:
        raise StackError(f"could not {what}: {answer.status_code} {answer.text[:300]}")
