"""Which of a server's migrations is the one that our action led to, and whether the server moved.

os-migrations names no request: what an action led to can only be told by type, user and time, and
by what was not there before the request. It is told once and then written down; from there on only
the uuid counts.
"""

from dataclasses import dataclass
from datetime import timedelta

from serveractions.actions.observation import Migration, Observation, Server
from serveractions.actions.records import CLOCK_SLACK
from serveractions.api.status import FollowUpState, Intent, Status

TYPES = {"migrate": "migration", "os-migrateLive": "live-migration"}
"""Nova's type of the migration that an action leads to (nova/objects/fields.py MigrationType)."""

APART = timedelta(seconds=10)
"""Two new migrations that began closer together than this cannot be told apart by their times."""


@dataclass(frozen=True, slots=True)
class Ambiguous:
    """Several new migrations that could be ours."""

    uuids: tuple[str, ...]


def search(status: Status, seen: Observation) -> Migration | Ambiguous | None:
    """Find the migration of this action.

    The recorded one, if one is recorded. Else the oldest new one of our type and user that was made
    no earlier than our request: Nova takes a migration only while the server has no task, so a
    stranger's new one is either over before ours began, and then older than our request, or younger
    than ours. Only two that were made within a few seconds (a stranger's that failed at once) leave
    that open, and then neither is taken.

    Returns:
        None when there is none (yet), or none may be seen.
    """
    intent = status.intent
    if seen.migrations is None or intent is None:
        return None
    if status.migration is not None:
        uuid = status.migration.uuid
        return next((each for each in seen.migrations if each.uuid == uuid), None)
    requested = seen.action.start_time if seen.action else intent.nova_time
    new = sorted(
        (
            each
            for each in seen.migrations
            if each.type == TYPES.get(intent.action)
            and each.uuid not in intent.known_migration_uuids
            and each.user_id in (None, intent.user_id)
            and each.created >= requested - CLOCK_SLACK
        ),
        key=lambda each: each.created,
    )
    if not new:
        return None
    near = [each for each in new if each.created - new[0].created <= APART]
    return new[0] if len(near) == 1 else Ambiguous(tuple(each.uuid for each in near))


def ours(status: Status, seen: Observation) -> Migration | None:
    """Return the migration of this action if it can be told, for the status to record."""
    found = search(status, seen)
    return found if isinstance(found, Migration) else None


def newest(seen: Observation, uuid: str) -> bool:
    """Say whether no migration of the server is younger than this one (Nova lists newest first).

    What the server shows is about its newest migration: once somebody has begun another one, the
    record of ours is all that tells of it.
    """
    return seen.migrations is not None and [each.uuid for each in seen.migrations[:1]] == [uuid]


def moved(intent: Intent | None, server: Server) -> bool | None:
    """Say whether the server is elsewhere than before the request; None when it cannot be seen.

    Like is compared with like: a host with a host, a hostId with a hostId.
    """
    if intent is None:
        return None
    if intent.source_host and server.host:
        return intent.source_host != server.host
    if intent.source_host_id and server.host_id:
        return intent.source_host_id != server.host_id
    return None


def source(intent: Intent | None) -> str | None:
    """Return where the server was before the request."""
    return (intent.source_host or intent.source_host_id) if intent else None


def asked(status: Status, follow_up: str, uuid: str) -> bool:
    """Say whether we sent a follow-up for this migration that Nova accepted, or may have."""
    return any(
        each.action == follow_up
        and each.migration_uuid == uuid
        and each.state not in (FollowUpState.REFUSED, FollowUpState.NOT_SENT)
        for each in status.follow_ups
    )
