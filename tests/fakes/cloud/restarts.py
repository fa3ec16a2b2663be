"""A nova-compute that ends with all it was doing, and what it makes of that when it is back.

The table is that of `_init_instance` (nova/compute/manager.py), tried on a real Nova 34: most task
states are cleared, some stay for ever, and no event of a lost task is ever finished.
"""

from collections.abc import Iterable

from fakes.cloud import guest
from fakes.cloud.courses import at_once, moves, shows
from fakes.cloud.records import Server
from fakes.cloud.state import Cloud

_CLEARED = frozenset(
    {
        "image_snapshot_pending",
        "image_pending_upload",
        "image_uploading",
        "image_snapshot",
        "resize_prep",
    }
)
"""Not among them, and stuck until somebody resets the state: `image_backup`, `resize_migrated`,
`resize_finish`, `resize_reverting`, `updating_password`."""


def restart(cloud: Cloud, hosts: Iterable[str] | None = None) -> None:
    """Restart nova-compute on some hosts, or all of Nova."""
    if hosts is None:
        cloud.lose()
    chosen = set(cloud.hosts if hosts is None else hosts)
    for host in chosen:
        cloud.lose(host)
        come_back(cloud, host)


def go(cloud: Cloud, host: str, *, noticed: bool) -> None:
    """End a nova-compute; until that is noticed, Nova sends it requests as ever."""
    cloud.lose(host)
    cloud.conditions.gone.add(host)
    if noticed:
        cloud.conditions.down.add(host)


def come_back(cloud: Cloud, host: str) -> None:
    """Start a nova-compute: it looks at its servers, then takes up what waits for it."""
    cloud.conditions.gone.discard(host)
    cloud.conditions.down.discard(host)
    for server in cloud.servers.values():
        if server.host == host:
            _look_at(cloud, server)
    cloud.wake()


def _look_at(cloud: Cloud, server: Server) -> None:
    task = server.task_state
    if task == "deleting":
        action = next(one for one in cloud.actions[server.id] if one.name == "delete")
        cloud.begin(guest.delete(cloud, server, action), server)
    elif task == "resize_migrating":
        shows(cloud, server, None)
    elif server.vm_state == "error":
        return
    elif task in _CLEARED:
        shows(cloud, server, None)
    elif task == "migrating":
        migration = cloud.newest_migration(server)
        if migration is not None and migration.status == "running":
            newest = cloud.actions[server.id][-1]
            at_once(cloud, newest, "compute_live_migration_abort", server.host)
            moves(cloud, migration, "error")
        shows(cloud, server, None)
