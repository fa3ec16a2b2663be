"""Every kind from its creation to its true end, with one accepted request."""

import pytest

from fakes.world import OWN, RELEASES, World
from serveractions.api.status import Phase


@pytest.mark.parametrize("kind", OWN)
async def test_each_kind_reaches_its_end_with_one_accepted_request(world: World, kind: str) -> None:
    world.nova.release = RELEASES.get(kind, world.nova.release)
    await world.process()
    key = world.create(kind)

    status = await world.until_finished(key)

    assert (status.phase, status.reason) == (Phase.SUCCEEDED, "Succeeded"), status.message
    assert world.sent(key) == 1
