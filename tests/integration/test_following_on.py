"""After a crash the ends of accepted actions are told at once, not when the dead one's Leases have
expired.
"""

import time

import assembled
import lease_board
from local_stack.kubernetes import ControlPlane
from phases import LIVE, RESET, held

LEASE = 60.0
"""Seconds: far longer than following on may take."""
WITHIN = 15.0
"""Seconds from the start of the new process, its imports included."""
SETTINGS = {
    "slots": "2",
    "lease-duration": f"{LEASE:g}",
    "lease-renew": "3",
    "poll-interval": "1",
    "poll-interval-urgent": "0.5",
    "retry-interval": "1",
}


def test_a_new_process_follows_before_it_may_act(kubernetes: ControlPlane) -> None:
    with assembled.running(kubernetes, name="following-on", settings=SETTINGS) as world:
        with held(world, "Running") as one:
            world.operator.kill()
            dead = lease_board.holders(world)
            begun = time.monotonic()
            world.start("next", wait=False)
        world.until_phase(LIVE, one.name, "Succeeded")
        assert time.monotonic() - begun < WITHIN
        name, server = world.act(RESET, state="Active")
        assert lease_board.holders(world) == dead, "which is not to act"
        assert world.cloud.accepted(server) == []
        assert world.phase(RESET, name) == "Pending"
