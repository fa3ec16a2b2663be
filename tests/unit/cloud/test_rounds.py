"""What the two lists of changes mean for one action."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from serveractions.actions.action import Look
from serveractions.actions.observation import Migration, Server
from serveractions.api.resource import Key
from serveractions.api.spec import CloudCredentialsRef
from serveractions.cloud import rounds
from serveractions.cloud.followed import Followed, Group
from serveractions.cloud.rounds import Changes, News
from serveractions.core.ports import Subject

NOW = datetime(2026, 8, 20, tzinfo=UTC)
BUSY = Server(id="s", name="web-1", status="MIGRATING", task_state="migrating", host="one")
IDLE = replace(BUSY, status="ACTIVE", task_state=None, host="two")
RUNNING = Migration(
    id=1,
    uuid="m",
    status="running",
    type="live-migration",
    server_id="s",
    source_host="one",
    dest_host="two",
    created=NOW,
)
COMPLETED = replace(RUNNING, status="completed")


def action() -> Followed:
    subject = Subject(
        key=Key("ServerLiveMigration", "ns", "a", "uid"),
        namespace="ns",
        credentials=CloudCredentialsRef(secret_name="s", cloud_name="c"),
        server_id="s",
        request_id="req",
        image_id=None,
        backup_type=None,
        looks=frozenset({Look.ACTION, Look.MIGRATIONS}),
    )
    return Followed(subject, Group(("ns", "s", "c")), due=0.0, joined=0.0)


def changes(server: Server | None, *migrations: Migration) -> Changes:
    servers = {"s": server} if server else {}
    return Changes(servers, {"s": migrations} if migrations else {}, NOW)


def test_a_server_that_is_at_work_is_news_once() -> None:
    followed = action()
    assert rounds.news(followed, changes(BUSY, RUNNING)) is News.AT_WORK
    assert rounds.news(followed, changes(BUSY, RUNNING)) is News.NONE
    assert rounds.news(followed, changes(None)) is News.NONE


def test_a_running_migration_that_nova_only_touches_is_no_news() -> None:
    followed = action()
    rounds.news(followed, changes(BUSY, RUNNING))
    touched = replace(RUNNING, updated=NOW + timedelta(seconds=5))
    later = replace(BUSY, updated=NOW + timedelta(seconds=5), progress=40)
    assert rounds.news(followed, changes(later, touched)) is News.NONE


def test_an_idle_server_with_its_one_migration_completed_is_done() -> None:
    followed = action()
    rounds.news(followed, changes(BUSY, RUNNING))
    assert rounds.news(followed, changes(IDLE, COMPLETED)) is News.DONE
    seen = rounds.observation(followed, changes(IDLE, COMPLETED))
    assert (seen.server, seen.migrations, seen.quiet_seconds) == (IDLE, (COMPLETED,), 0.0)


def test_it_does_not_matter_which_list_shows_the_end_first() -> None:
    followed = action()
    rounds.news(followed, changes(BUSY, RUNNING))
    assert rounds.news(followed, changes(None, COMPLETED)) is News.LOOK
    assert rounds.news(followed, changes(IDLE)) is News.DONE


@pytest.mark.parametrize("status", ["error", "failed", "cancelled", "reverted", "of-a-later-nova"])
def test_nothing_ends_badly_by_the_lists_alone(status: str) -> None:
    followed = action()
    rounds.news(followed, changes(BUSY, RUNNING))
    assert rounds.news(followed, changes(IDLE, replace(RUNNING, status=status))) is News.LOOK


def test_an_idle_server_whose_migration_no_list_shows_is_looked_at() -> None:
    assert rounds.news(action(), changes(IDLE)) is News.LOOK


def test_of_two_migrations_the_lists_do_not_tell_which_one_is_ours() -> None:
    earlier = replace(COMPLETED, id=0, uuid="e", created=NOW - timedelta(minutes=10))
    assert rounds.news(action(), changes(IDLE, COMPLETED, earlier)) is News.LOOK


def test_a_server_at_work_on_a_migration_that_is_over_is_looked_at() -> None:
    followed = action()
    failed = replace(RUNNING, status="failed")
    assert rounds.news(followed, changes(BUSY, failed)) is News.LOOK
    assert not followed.open


def test_a_deleted_server_and_one_of_a_cell_that_is_down_are_looked_at() -> None:
    assert rounds.news(action(), changes(replace(IDLE, status="DELETED"))) is News.LOOK
    assert rounds.news(action(), changes(replace(IDLE, partial=True))) is News.LOOK


def test_migrations_of_a_look_and_of_the_lists_make_one_list_newest_first() -> None:
    followed = action()
    older = replace(COMPLETED, id=0, uuid="e", created=NOW - timedelta(hours=1))
    empty = changes(BUSY)
    followed.last = replace(rounds.observation(followed, empty), migrations=(older,))
    rounds.news(followed, changes(BUSY, RUNNING))
    assert rounds.observation(followed, empty).migrations == (RUNNING, older)


def test_what_may_not_be_seen_stays_unseen() -> None:
    followed = action()
    rounds.news(followed, changes(BUSY))
    assert rounds.observation(followed, changes(BUSY)).migrations is None
