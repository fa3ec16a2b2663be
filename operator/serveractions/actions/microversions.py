"""Which microversion each call is pinned to, and how it steps down for an older Nova.

A pinned microversion makes the same call mean the same on every cloud; `latest` would not. The
floor is what the tracking needs: `os-migrations?changes-since` with uuids (2.59), hostId in events
(2.62), and the abort of a live migration that is still queued (2.65), which is Rocky.
"""

FLOOR = "2.65"
"""Below this the operator refuses a Nova: it could not tell what became of an action."""

INSTANCE_ACTIONS = "2.84"
"""Event details, the words of a failure; below it only the result."""
MIGRATIONS = "2.80"
"""Who asked for a migration; below it that is not shown."""
SERVERS = "2.73"
"""`locked` and its reason; from 2.69 on a down cell gives partial rows instead of an error."""
LIVE_MIGRATE = "2.68"
"""`force` is gone from here on; we never send it, so any version from 2.34 means the same."""
DISK_OVER_COMMIT = "2.24"
"""The last one that knows disk_over_commit. Below 2.34 Nova checks before it answers."""
RESET_STATE_RECORDED = "2.88"
"""From the release with this maximum on (Wallaby), os-resetState leaves an instance action."""
RESET_NETWORK_REMOVED = "2.88"
"""From the same release on, resetNetwork is gone (nova/api/openstack/compute/admin_actions.py)."""


class UnsupportedMicroversion(ValueError):
    """This Nova is too old for what was asked; the message says what to do."""


def parse(version: str) -> tuple[int, int]:
    """Return `2.65` as (2, 65)."""
    major, _, minor = version.partition(".")
    return int(major), int(minor)


def step_down(wanted: str, newest: str, *, least: str = FLOOR) -> str:
    """Return the highest microversion that both we want and this Nova speaks.

    Args:
        wanted: The pin.
        newest: The server's maximum.
        least: Below this the call means something else.

    Raises:
        UnsupportedMicroversion: `newest` is below `least`.
    """
    if parse(newest) < parse(least):
        raise UnsupportedMicroversion(
            f"this Nova speaks microversions up to {newest}, and {least} is needed: use a cloud of"
            " release Rocky or later"
        )
    return wanted if parse(wanted) <= parse(newest) else newest
