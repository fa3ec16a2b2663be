"""Who may act on a server."""

from datetime import timedelta

import pytest

from fakes.kube_store import Store
from fakes.ports import START
from fakes.world import manifest
from serveractions.api.resource import Resource
from serveractions.core.order import ServerOrder

SERVER = "server-1"


class Cast:
    """Objects of any kind, name and age."""

    def __init__(self) -> None:
        self._age = 0.0
        self._store = Store(lambda: START + timedelta(seconds=self._age))

    def make(self, name: str, *, age: float = 0, kind: str = "ServerBackup") -> Resource:
        self._age = -age
        return self._store.get(self._store.create(kind, name, manifest(kind)))


@pytest.fixture
async def cast() -> Cast:
    return Cast()


async def test_it_is_the_turn_of_an_object_that_nobody_is_before(cast: Cast) -> None:
    order, one = ServerOrder(), cast.make("one")
    order.stand(one, SERVER)

    assert order.ahead(one, SERVER, exclusive=True) is None


async def test_whoever_holds_the_server_is_ahead_of_all(cast: Cast) -> None:
    order, old, young = ServerOrder(), cast.make("old", age=10), cast.make("young")
    order.hold(young.key, SERVER)
    order.stand(old, SERVER)

    assert order.ahead(old, SERVER, exclusive=True) == young.key
    assert list(order.holders(SERVER)) == [young.key]


async def test_the_older_one_is_first_and_names_break_ties(cast: Cast) -> None:
    order = ServerOrder()
    old, b, a = cast.make("z-old", age=10), cast.make("b"), cast.make("a")
    for each in (b, a, old):
        order.stand(each, SERVER)

    assert order.waiting(SERVER) == [old.key, a.key, b.key]
    assert order.ahead(b, SERVER, exclusive=True) == old.key
    assert order.ahead(a, SERVER, exclusive=True) == old.key
    order.leave(old.key)
    assert order.ahead(b, SERVER, exclusive=True) == a.key


async def test_what_is_not_exclusive_waits_for_its_own_kind_only(cast: Cast) -> None:
    order = ServerOrder()
    backup = cast.make("backup", age=10)
    reset = cast.make("reset", kind="ServerStateReset")
    order.hold(backup.key, SERVER)
    order.stand(reset, SERVER)
    assert order.ahead(reset, SERVER, exclusive=False) is None

    other = cast.make("other", age=5, kind="ServerStateReset")
    order.stand(other, SERVER)
    assert order.ahead(reset, SERVER, exclusive=False) == other.key
    order.hold(other.key, SERVER)
    assert order.ahead(reset, SERVER, exclusive=False) == other.key
    assert set(order.holders(SERVER)) == {backup.key, other.key}


async def test_leaving_frees_the_server_and_can_be_done_twice(cast: Cast) -> None:
    order, one, two = ServerOrder(), cast.make("one", age=1), cast.make("two")
    order.hold(one.key, SERVER)
    order.stand(two, SERVER)
    order.leave(one.key)
    order.leave(one.key)

    assert order.ahead(two, SERVER, exclusive=True) is None
    assert order.server_of(one.key) is None
    assert order.server_of(two.key) == SERVER


async def test_an_object_is_at_one_server_and_in_one_role(cast: Cast) -> None:
    order, one, two = ServerOrder(), cast.make("one", age=1), cast.make("two")
    order.stand(one, SERVER)
    order.stand(one, "server-2")
    order.stand(two, SERVER)
    assert order.ahead(two, SERVER, exclusive=True) is None

    order.hold(one.key, SERVER)
    order.stand(one, SERVER)

    assert list(order.holders(SERVER)) == []
    assert order.waiting(SERVER) == [one.key, two.key]


async def test_nothing_is_kept_of_a_server_that_nobody_acts_on(cast: Cast) -> None:
    order, one = ServerOrder(), cast.make("one")
    order.stand(one, SERVER)
    order.hold(one.key, SERVER)
    order.leave(one.key)

    assert (order._holders, order._queues, order._server) == ({}, {}, {})
