"""Where nothing may be sent, nothing arrives: shown by a listener on loopback that counts.

The cloud leads there in every way that a cloud or a clouds.yaml has. Each way is tried without an
allow-list too, where the listener must hear something: or else it would prove nothing.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
import yaml
from aiohttp import web

from serveractions.actions.action import NovaRequest
from serveractions.api.spec import ServerRef
from serveractions.cloud.connections import Connections
from serveractions.config import Config
from serveractions.core.errors import (
    CloudUnavailable,
    InvalidCredentials,
    NeverSent,
    UnsupportedCloud,
)
from unit.cloud import wire
from unit.cloud.openstack import SERVER, OpenStack, cloud, server
from unit.cloud.test_connections import REF, Kube
from unit.cloud.wire import Peer, Wire

pytestmark = [
    pytest.mark.timeout(20),
    # openstacksdk 4.22 uses its own deprecated argument (proxy.py).
    pytest.mark.filterwarnings("ignore:The 'service_type' parameter"),
]

NOVA = "/compute/v2.1"
REFUSED = (CloudUnavailable, InvalidCredentials, UnsupportedCloud, NeverSent)


async def hang_up(peer: Peer) -> None:
    """Take whatever comes, so that a connection counts even if nothing follows on it."""
    await peer.read_request()
    peer.send(wire.answer("404 Not Found"))


@dataclass
class Trap:
    """A cloud that is allowed, and a place that is not."""

    it: OpenStack
    there: Wire
    allowed: bool

    @property
    def port(self) -> str:
        return self.there.url.split(":")[2].split("/")[0]

    @property
    def place(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def spring(self, auth_url: str | None = None) -> None:
        """Do all that an action would do at this cloud; each step may be refused."""
        auth = {
            "auth_url": auth_url or f"{self.it.url}/identity/v3",
            "username": "u",
            "password": "s3cret",
            "project_name": "p",
            "user_domain_id": "default",
            "project_domain_id": "default",
        }
        kube = Kube()
        kube.put({"clouds.yaml": yaml.safe_dump({"clouds": {"it": {"auth": auth}}}).encode()})
        allowed = () if self.allowed else (self.it.url,)
        connections = Connections(
            config=Config(allowed_urls=allowed, read_timeout=2.0), secrets=kube
        )
        try:
            found = await connections.open("ns", REF)
            await asyncio.gather(
                found.find_server(ServerRef(id=SERVER)),
                found.find_server(ServerRef(name="web-1")),
                found.backups(SERVER, "daily"),
                found.send(POST, uid="u", deadline=2, may_send=lambda: True),
                return_exceptions=True,
            )
        except REFUSED:
            pass
        finally:
            await connections.close()


POST = NovaRequest(
    name="os-resetState",
    method="POST",
    path=f"/servers/{SERVER}/action",
    body={"os-resetState": {"state": "active"}},
    microversion="2.65",
)


@asynccontextmanager
async def trap(*, allowed: bool) -> AsyncIterator[Trap]:
    async with cloud() as it, wire.serve(hang_up) as there:
        it.answers[f"{NOVA}/servers/{SERVER}"] = lambda _: {"server": server()}
        yield Trap(it, there, allowed)


def redirect_of(path: str, status: int = 307) -> Callable[[Trap], None]:
    def lay(trap: Trap) -> None:
        there = {"Location": f"{trap.place}/x"}
        trap.it.instead[path] = lambda _: web.Response(status=status, headers=there)

    return lay


def catalogue_for(service: str) -> Callable[[Trap], None]:
    def lay(trap: Trap) -> None:
        trap.it.urls[service] = f"{trap.place}/v2.1"

    return lay


def novas_list_of_versions(trap: Trap) -> None:
    trap.it.urls["compute"] = f"{trap.it.url}/compute"
    links = [{"rel": "self", "href": f"{trap.place}/v2.1/"}]
    one = {"id": "v2.1", "status": "CURRENT", "version": "2.96", "links": links}
    trap.it.instead["/compute/"] = lambda _: (300, {"versions": [one]})


def next_page(trap: Trap) -> None:
    links = [{"rel": "next", "href": f"{trap.place}/v2.1/servers/detail?marker=x"}]
    page = {"servers": [server(name="other")], "servers_links": links}
    trap.it.answers[f"{NOVA}/servers/detail"] = lambda _: page


def next_images(trap: Trap) -> None:
    page = {"images": [], "next": f"{trap.place}/v2/images?marker=x"}
    trap.it.answers["/image/v2/images"] = lambda _: page


FOLLOWED: dict[str, Callable[[Trap], None]] = {
    "the catalogue's Nova": catalogue_for("compute"),
    "the catalogue's Glance": catalogue_for("image"),
}
"""Ways that lead somewhere where every address is allowed."""

NEVER_FOLLOWED: dict[str, Callable[[Trap], None]] = {
    "a redirect of the login": redirect_of("/identity/v3/auth/tokens"),
    "a redirect of Nova's version document": redirect_of(f"{NOVA}/"),
    "a redirect of a read": redirect_of(f"{NOVA}/servers/{SERVER}", 301),
    "a redirect of a list": redirect_of(f"{NOVA}/servers/detail", 308),
    "a redirect of a write": redirect_of(f"{NOVA}/servers/{SERVER}/action"),
    "the link in Nova's list of versions": novas_list_of_versions,
    "the next page of Nova": next_page,
    "the next page of Glance": next_images,
}
"""Ways that are not gone, whatever is allowed."""


@pytest.mark.parametrize("way", FOLLOWED)
async def test_where_it_is_not_allowed_nothing_arrives(way: str) -> None:
    async with trap(allowed=False) as it:
        FOLLOWED[way](it)
        await it.spring()
        assert it.there.received == []
        assert it.it.asked


@pytest.mark.parametrize("way", FOLLOWED)
async def test_where_it_is_allowed_something_arrives(way: str) -> None:
    async with trap(allowed=True) as it:
        FOLLOWED[way](it)
        await it.spring()
        assert it.there.received


@pytest.mark.parametrize("way", NEVER_FOLLOWED)
async def test_where_a_cloud_points_to_is_not_where_the_token_goes(way: str) -> None:
    async with trap(allowed=True) as it:
        NEVER_FOLLOWED[way](it)
        await it.spring()
        assert it.there.received == []
        assert it.it.asked


SPELLINGS = (
    "127.0.0.1",
    "localhost",
    "127.1",
    "2130706433",
    "0x7f000001",
    "0177.0.0.1",
    "0.0.0.0",  # noqa: S104 - a place to go to, not one to listen at
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
)
"""Of the same host, as far as this machine's own resolver is concerned."""


@pytest.mark.parametrize("host", SPELLINGS)
async def test_no_spelling_of_the_place_is_contacted(host: str) -> None:
    async with trap(allowed=False) as it:
        await it.spring(auth_url=f"http://{host}:{it.port}/v3")
        it.it.urls["compute"] = f"http://{host}:{it.port}/v2.1"
        await it.spring()
        assert it.there.received == []


@pytest.mark.parametrize("host", SPELLINGS)
async def test_each_spelling_does_lead_there_where_it_is_allowed(host: str) -> None:
    async with trap(allowed=True) as it:
        await it.spring(auth_url=f"http://{host}:{it.port}/v3")
        assert it.there.received


async def test_a_user_before_the_host_leads_nowhere() -> None:
    async with trap(allowed=True) as it:
        await it.spring(auth_url=f"{it.it.url}@127.0.0.1:{it.port}/v3")
        it.it.urls["compute"] = f"http://u:p@127.0.0.1:{it.port}/v2.1"
        await it.spring()
        assert it.there.received == []


async def test_an_endpoint_that_is_allowed_only_in_its_beginning_is_not_contacted() -> None:
    async with trap(allowed=False) as it:
        for tail in ("@127.0.0.1", ".evil.example", "0"):
            it.it.urls["compute"] = f"{it.it.url}{tail}:{it.port}/v2.1"
            await it.spring()
        assert it.there.received == []
        assert not [one for one in it.it.asked if one.path.startswith("/compute")]
