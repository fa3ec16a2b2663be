"""From the creation of an object to Nova's acceptance, on an operator that has nothing else to do.

Both ends are read on one clock, this machine's: when the request that creates the object reached
the API server, and when the write took effect in the cloud. Nova's own time in between, the reads
and what went before in the write, is taken off.
"""

from scale import tally
from scale.results import Figures
from scale.stage import Stage
from serveractions.api.kinds import BY_NAME

RESET = BY_NAME["ServerStateReset"]
ACTIONS = 20


def run(stage: Stage) -> Figures:
    """Create one object after the other."""
    with stage.world("latency") as world:
        world.start()
        position, servers = stage.audit.position(), {}
        for _ in range(ACTIONS + 1):
            name, server = world.act(RESET, state="Active")
            world.until_phase(RESET, name, "Succeeded")
            servers[name] = server
        ceiling, journal = stage.ceiling(world.cloud), world.cloud.journal()
        begun = tally.created(stage.audit.since(position), RESET.plural)
    when = tally.accepted(journal)
    beyond, whole = [], []
    for name, server in list(servers.items())[1:]:  # the first one logs in
        own = [each for each in journal["entries"] if each["server_id"] == server]
        passed = when[server] - begun[name]
        whole.append(passed)
        beyond.append(passed - tally.novas_own(own, until=when[server]))
    return {
        "actions": len(whole),
        "apply_to_accepted_ms": round(tally.quantile(whole, 0.5) * 1000),
        "beyond_nova_ms": round(tally.quantile(beyond, 0.5) * 1000),
        "beyond_nova_p99_ms": round(tally.quantile(beyond, 0.99) * 1000),
        "cloud_ceiling_per_s": ceiling,
    }
