"""What was seen is kept in the status, and what is not visible wipes nothing out."""

from typing import Any

from serveractions.actions import facts
from serveractions.actions.observation import Migration, Observation
from serveractions.api.status import Progress, Status
from sightings import (
    IMAGE,
    MIGRATION,
    image,
    intent,
    migration,
    moved,
    seen,
    server,
    status,
    with_image,
)


def update(observation: Observation, found: Migration | None = None, **changes: Any) -> Status:
    return facts.update(status("migrate", **changes), observation, migration=found)


def test_the_server_is_shown_with_where_it_was_and_where_it_is() -> None:
    shown = update(seen(moved("RESIZE", "resize_finish"))).server
    assert shown is not None
    assert (shown.name, shown.status, shown.task_state) == ("web-1", "RESIZE", "resize_finish")
    assert (shown.source_host, shown.host) == ("compute-1", "compute-2")


def test_without_hosts_the_hash_stands_in() -> None:
    blind = intent("migrate", source_host=None)
    shown = update(seen(moved(host=None)), intent=blind).server
    assert shown is not None
    assert (shown.source_host, shown.host) == ("hash-1", "hash-2")


def test_a_gone_server_and_a_dead_cell_change_nothing() -> None:
    first = update(seen(moved()))
    for unseen in (None, server("UNKNOWN", partial=True)):
        assert facts.update(first, seen(unseen), migration=None) == first


def test_the_migration_is_kept_when_it_is_hidden_later() -> None:
    first = update(seen(server()), migration("running"))
    assert first.migration is not None
    assert (first.migration.uuid, first.migration.status) == (MIGRATION, "running")
    assert first.migration.dest_host == "compute-2"
    assert facts.update(first, seen(server()), migration=None).migration == first.migration
    hidden = migration("completed", source_host=None, dest_host=None)
    later = facts.update(first, seen(server()), migration=hidden).migration
    assert later is not None
    assert (later.status, later.dest_host) == ("completed", "compute-2")


def test_the_image_is_shown_with_what_was_rotated_out() -> None:
    before = intent("createBackup", known_image_ids=("b", "a"))
    shown = update(
        seen(server(), image=image(), backups=(IMAGE, "b")), image=with_image(), intent=before
    ).image
    assert shown is not None
    assert (shown.status, shown.size_bytes, shown.rotated_out) == ("active", 1024, ("a",))


def test_an_image_that_is_gone_is_shown_as_deleted() -> None:
    shown = update(seen(server(), image_gone=True), image=with_image()).image
    assert shown is not None
    assert (shown.id, shown.status) == (IMAGE, "deleted")


def test_another_image_never_takes_the_place_of_ours() -> None:
    shown = update(seen(server(), image=image(id="other")), image=with_image()).image
    assert shown == with_image()


def test_byte_counts_come_with_novas_own_percentage() -> None:
    migrating = server("MIGRATING", "migrating", progress=40)
    assert update(seen(migrating)).progress == Progress(percent=40)
    counted = Progress(memory_total_bytes=10, memory_remaining_bytes=6)
    assert update(seen(migrating, progress=counted)).progress == counted.model_copy(
        update={"percent": 40}
    )
    assert update(seen(server(progress=0)), progress=counted).progress == counted
