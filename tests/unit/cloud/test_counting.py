"""Requests are counted by what they ask for, and never by whom."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from aiohttp import web

from serveractions.actions.action import NovaRequest
from serveractions.api.spec import ServerRef
from serveractions.cloud.connections import Connections
from serveractions.cloud.counting import LOGIN, Asked, family
from serveractions.cloud.nova import NovaCloud
from serveractions.config import Config
from serveractions.core.errors import CloudUnavailable, NeverSent
from unit.cloud.openstack import SERVER, OpenStack, cloud, server
from unit.cloud.test_connections import REF, Kube, clouds_yaml
from unit.cloud.test_nova import ONE

pytestmark = [
    pytest.mark.timeout(10),
    # openstacksdk 4.22 uses its own deprecated argument (proxy.py).
    pytest.mark.filterwarnings("ignore:The 'service_type' parameter"),
]

GET, MOVE = Asked("compute", "server", "GET"), Asked("compute", "os-migrateLive", "POST")
REQUEST = NovaRequest(
    name="os-migrateLive",
    method="POST",
    path=f"/servers/{SERVER}/action",
    body={"os-migrateLive": {"host": None, "block_migration": "auto"}},
    microversion="2.65",
)


class Counted(list[tuple[Asked, str]]):
    """The requests so far."""

    def __call__(self, asked: Asked, answer: str, seconds: float) -> None:
        assert 0.0 <= seconds < 10.0
        self.append((asked, answer))


@pytest.fixture
async def it() -> AsyncIterator[OpenStack]:
    async with cloud() as served:
        yield served


@pytest.fixture
def counted() -> Counted:
    return Counted()


@pytest.fixture
async def nova(it: OpenStack, counted: Counted) -> AsyncIterator[NovaCloud]:
    kube = Kube()
    kube.put(clouds_yaml(it.url))
    connections = Connections(config=Config(read_timeout=2.0), secrets=kube, count=counted)
    yield await connections.open("ns", REF)
    await connections.close()


async def send(nova: NovaCloud, may_send: Callable[[], bool] = lambda: True) -> Any:
    return await nova.send(REQUEST, uid=SERVER, deadline=2.0, may_send=may_send)


async def test_a_login_and_a_read_are_one_each(
    it: OpenStack, nova: NovaCloud, counted: Counted
) -> None:
    it.answers[ONE] = lambda _: {"server": server()}
    await nova.find_server(ServerRef(id=SERVER))
    assert counted == [(LOGIN, "2xx"), (GET, "2xx")]


async def test_a_refused_read_is_counted_with_the_class_of_its_answer(
    it: OpenStack, nova: NovaCloud, counted: Counted
) -> None:
    it.answers[ONE] = lambda _: web.Response(status=503)
    with pytest.raises(CloudUnavailable):
        await nova.find_server(ServerRef(id=SERVER))
    assert counted[1:] == [(GET, "5xx")]


async def test_a_write_is_counted_by_the_name_of_its_action(
    it: OpenStack, nova: NovaCloud, counted: Counted
) -> None:
    it.answers[f"{ONE}/action"] = lambda _: web.Response(status=202)
    await send(nova)
    assert counted[1:] == [(MOVE, "2xx")]


async def test_a_write_that_never_left_is_not_counted_as_one_without_an_answer(
    nova: NovaCloud, counted: Counted
) -> None:
    with pytest.raises(NeverSent):
        await send(nova, may_send=lambda: False)
    assert counted[1:] == [(MOVE, "unsent")]


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/servers/detail", "servers"),
        (f"/servers/{SERVER}", "server"),
        (f"/servers/{SERVER}/os-instance-actions", "instance-actions"),
        (f"/servers/{SERVER}/os-instance-actions/req-{SERVER}", "instance-action"),
        (f"/servers/{SERVER}/migrations", "server-migrations"),
        ("/os-migrations", "migrations"),
        ("/images", "images"),
        (f"/images/{SERVER}", "image"),
        (f"/what/{SERVER}", "other"),
    ],
)
def test_a_family_holds_no_id(path: str, name: str) -> None:
    assert family(path) == name
