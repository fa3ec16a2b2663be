"""Promises that hold for every combination of facts that Nova may show, however unlikely."""

from collections.abc import Iterator
from itertools import product
from typing import Any

import pytest

from serveractions.actions.action import Decide, Failed, Running, Succeeded
from serveractions.actions.observation import Observation
from serveractions.actions.registry import action_for
from serveractions.api.spec import (
    ServerBackupSpec,
    ServerLiveMigrationSpec,
    ServerMigrationSpec,
    ServerPasswordChangeSpec,
    ServerStateResetSpec,
)
from serveractions.api.status import Reason
from sightings import (
    IMAGE,
    MOMENT,
    SETTLED,
    SPEC,
    STALLED,
    event,
    image,
    migration,
    moved,
    record,
    seen,
    server,
    status,
    with_image,
)

SPECS: dict[str, list[Any]] = {
    "ServerBackup": [
        ServerBackupSpec.model_validate(SPEC | {"backup_type": "daily", "rotation": rotation})
        for rotation in (0, 1)
    ],
    "ServerMigration": [ServerMigrationSpec.model_validate(SPEC)],
    "ServerLiveMigration": [ServerLiveMigrationSpec.model_validate(SPEC)],
    "ServerStateReset": [ServerStateResetSpec.model_validate(SPEC | {"state": "Active"})],
    "ServerPasswordChange": [
        ServerPasswordChangeSpec.model_validate(
            SPEC | {"password_secret_ref": {"name": "x", "key": "y"}}
        )
    ],
}
EVENTS = {
    "ServerBackup": "compute_backup_instance",
    "ServerMigration": "conductor_migrate_server",
    "ServerLiveMigration": "conductor_live_migrate_instance",
    "ServerStateReset": "none",
    "ServerPasswordChange": "compute_set_admin_password",
}
STATUSES = [
    "ACTIVE",
    "SHUTOFF",
    "PAUSED",
    "ERROR",
    "RESIZE",
    "VERIFY_RESIZE",
    "REVERT_RESIZE",
    "MIGRATING",
    "UNKNOWN",
    "SHELVED",
]
MIGRATIONS = [
    "accepted",
    "queued",
    "preparing",
    "running",
    "running (post-copy)",
    "pre-migrating",
    "migrating",
    "post-migrating",
    "finished",
    "confirming",
    "confirmed",
    "reverting",
    "reverted",
    "completed",
    "failed",
    "cancelled",
    "error",
    "a status of a later Nova",
]


def observations(kind: str, quiet: float) -> Iterator[Observation]:
    """Yield all that may be seen of an idle server, sensible or not."""
    action = action_for(kind)
    name = action.record or ""
    records = [
        None,
        record(name, None),
        record(name, None, message="Error"),
        *(record(name, [event(EVENTS[kind], result)]) for result in ("Success", "Error", None)),
        record(name, ()),
    ]
    type_ = "migration" if kind == "ServerMigration" else "live-migration"
    migrations: list[Any] = [None, ()]
    images: list[Any] = [None]
    if "Migration" in kind:
        migrations += [(migration(state, type_),) for state in MIGRATIONS]
    if kind == "ServerBackup":
        images += [image(state) for state in ("queued", "saving", "active", "killed")]
    servers = [None, *(make(state) for make, state in product((server, moved), STATUSES))]
    for each, found, act, img in product(servers, migrations, records, images):
        for gone in (False, True) if img is None and kind == "ServerBackup" else (False,):
            for backups in (None, (IMAGE, "old")):
                yield seen(
                    each,
                    quiet=quiet,
                    migrations=found,
                    action=act,
                    image=img,
                    image_gone=gone,
                    backups=backups,
                )


def verdicts(kind: str, quiet: float) -> Iterator[tuple[Observation, Any]]:
    action = action_for(kind)
    held = status(action.name, image=with_image() if kind == "ServerBackup" else None)
    for spec, observation in product(SPECS[kind], list(observations(kind, quiet))):
        yield observation, action.judge(spec, held, observation)


@pytest.mark.parametrize("kind", SPECS)
def test_nothing_runs_for_ever_once_nova_is_idle_and_nothing_changes(kind: str) -> None:
    for observation, verdict in verdicts(kind, STALLED):
        assert not isinstance(verdict, Running), observation


@pytest.mark.parametrize("kind", SPECS)
def test_nothing_is_unknown_or_left_to_policy_in_the_first_moment(kind: str) -> None:
    for observation, verdict in verdicts(kind, MOMENT):
        if isinstance(verdict, Failed):
            assert verdict.reason not in (Reason.OUTCOME_UNKNOWN, Reason.POLICY_FORBIDS), (
                observation
            )


def test_no_live_migration_succeeds_with_the_server_where_it_was() -> None:
    for quiet in (MOMENT, SETTLED, STALLED):
        for observation, verdict in verdicts("ServerLiveMigration", quiet):
            if isinstance(verdict, Succeeded) and observation.server is not None:
                assert observation.server.host == "compute-2", observation


def test_where_migrations_are_visible_only_nova_calling_it_done_is_success() -> None:
    for kind, done in (("ServerLiveMigration", "completed"), ("ServerMigration", "confirmed")):
        for quiet in (MOMENT, SETTLED, STALLED):
            for observation, verdict in verdicts(kind, quiet):
                if isinstance(verdict, Succeeded) and observation.migrations is not None:
                    assert [each.status for each in observation.migrations] == [done], observation


def test_a_decision_is_asked_for_only_in_verify_resize_with_a_finished_migration() -> None:
    for quiet in (MOMENT, SETTLED, STALLED):
        for observation, verdict in verdicts("ServerMigration", quiet):
            if isinstance(verdict, Decide):
                assert observation.server is not None
                assert observation.server.status == "VERIFY_RESIZE"
                assert verdict.migration.status == "finished"


def test_no_backup_that_keeps_something_succeeds_without_an_active_image() -> None:
    action, spec = action_for("ServerBackup"), SPECS["ServerBackup"][1]
    held = status(action.name, image=with_image())
    for quiet in (MOMENT, SETTLED, STALLED):
        for observation in observations("ServerBackup", quiet):
            if isinstance(action.judge(spec, held, observation), Succeeded):
                assert observation.image is not None
                assert observation.image.status == "active"


@pytest.mark.parametrize("kind", SPECS)
def test_a_dead_cell_decides_nothing_before_nova_itself_has(kind: str) -> None:
    action = action_for(kind)
    partial = server("UNKNOWN", partial=True)
    for spec in SPECS[kind]:
        verdict = action.judge(spec, status(action.name), seen(partial, quiet=STALLED))
        assert isinstance(verdict, Running)
