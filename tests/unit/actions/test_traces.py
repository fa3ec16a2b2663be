"""Which actions can be found again in Nova's records, and what is found."""

from datetime import timedelta

import pytest

from serveractions.actions.registry import ACTIONS
from serveractions.actions.traces import Absent, Found, Records, Several, Unseen
from sightings import NOW, OURS, UID, intent, record, server

RECORDS = {
    "ServerMigration": "migrate",
    "ServerLiveMigration": "live-migration",
    "ServerStateReset": "resetState",
    "ServerPasswordChange": "changePassword",
}
LATER = NOW + timedelta(seconds=30)


@pytest.mark.parametrize(
    ("kind", "release_22", "release_34"),
    [
        ("ServerBackup", True, True),
        ("ServerMigration", True, True),
        ("ServerLiveMigration", True, True),
        ("ServerPasswordChange", True, True),
        ("ServerStateReset", False, True),
        ("ServerNetworkReset", False, True),
        ("ServerNetworkInjection", False, False),
    ],
)
def test_which_nova_would_show_the_action(kind: str, release_22: bool, release_34: bool) -> None:
    assert ACTIONS[kind].traceable("2.87") is release_22
    assert ACTIONS[kind].traceable("2.103") is release_34


@pytest.mark.parametrize("kind", RECORDS)
def test_one_record_is_found_with_its_time(kind: str) -> None:
    action = ACTIONS[kind]
    seen = Records(server=server(), actions=(record(RECORDS[kind], None, start_time=LATER),))
    assert action.trace(intent(action.name), UID, seen) == Found(OURS, LATER)


@pytest.mark.parametrize("kind", RECORDS)
def test_no_record_and_several_are_told_apart(kind: str) -> None:
    action, name = ACTIONS[kind], RECORDS[kind]
    one, other = record(name, None), record(name, None, request_id="req-2")

    def trace(*actions: object) -> object:
        return action.trace(intent(action.name), UID, Records(server=server(), actions=actions))  # type: ignore[arg-type]

    assert trace() == Absent()
    assert trace(record("stop", None)) == Absent()
    assert trace(other, one) == Several(("req-2", OURS))


def test_an_action_that_leaves_no_record_is_never_absent() -> None:
    action = ACTIONS["ServerNetworkInjection"]
    seen = Records(server=server(), actions=())
    assert isinstance(action.trace(intent(action.name), UID, seen), Unseen)


def test_an_action_that_nova_has_removed_is_always_absent() -> None:
    action = ACTIONS["ServerNetworkReset"]
    assert action.trace(intent(action.name), UID, Records(server=server(), actions=())) == Absent()
