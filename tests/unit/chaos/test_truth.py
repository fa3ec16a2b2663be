"""What is read from the cloud's own records: by the request that Nova accepted, never by what is
likely.
"""

from typing import Any

import pytest

from chaos.truth import NOTHING, Account, Outcome, accounts

SERVER = "1bea47ed-f6a9-463b-b423-14b9cca9ad27"
UID, OTHER = "0b6d4f1e-0000-4000-8000-000000000001", "0b6d4f1e-0000-4000-8000-000000000002"


def ledger(
    *writes: dict[str, Any],
    accepted: list[dict[str, Any]] | None = None,
    actions: list[dict[str, Any]] | None = None,
    migrations: list[dict[str, Any]] | None = None,
    vm_state: str = "active",
) -> dict[str, Any]:
    return {
        "servers": [{"id": SERVER, "vm_state": vm_state}],
        "writes": list(writes),
        "accepted": accepted or [],
        "actions": actions or [],
        "migrations": migrations or [],
    }


def write(number: int, action: str, *, uid: str | None = UID, ambiguous: bool = False) -> Any:
    return {
        "number": number,
        "action": action,
        "uid": uid,
        "ambiguous": ambiguous,
        "arrived": float(number),
    }


def effect(number: int, request_id: str = "req-1") -> dict[str, Any]:
    return {"entry": number, "request_id": request_id}


def action(name: str, *events: tuple[str, str | None], migration: str | None = None) -> Any:
    noted = [{"name": each, "result": result} for each, result in events]
    return {"request_id": "req-1", "name": name, "events": noted, "migration": migration}


def only(found: dict[str, Account]) -> Account:
    (one,) = found.values()
    return one


def migration(uuid: str, status: str) -> dict[str, Any]:
    return {"uuid": uuid, "status": status, "server_id": SERVER}


def test_a_request_that_was_not_accepted_has_no_outcome() -> None:
    found = accounts(ledger(write(0, "migrate", ambiguous=True)))
    assert only(found).accepted("migrate") == 0
    assert only(found).outcome is None


def test_an_effect_counts_for_the_request_that_had_it() -> None:
    found = accounts(
        ledger(
            write(0, "injectNetworkInfo"),
            write(1, "injectNetworkInfo", uid=OTHER),
            accepted=[effect(1)],
        )
    )
    assert found[UID].accepted("injectNetworkInfo") == 0
    assert found[OTHER].accepted("injectNetworkInfo") == 1
    assert found[OTHER].outcome is Outcome.DONE


def test_one_request_can_have_two_effects() -> None:
    found = accounts(ledger(write(0, "os-resetState"), accepted=[effect(0), effect(0, "req-2")]))
    assert only(found).accepted("os-resetState") == 2


def test_what_others_write_is_nobodys_account() -> None:
    assert accounts(ledger(write(0, "os-resetState", uid=None), accepted=[effect(0)])) == {}


def test_the_outcome_is_that_of_the_action_and_not_of_its_follow_up() -> None:
    found = accounts(
        ledger(
            write(0, "migrate"),
            write(1, "revertResize"),
            accepted=[effect(0), effect(1, "req-2")],
            actions=[action("migrate", migration="moved")],
            migrations=[migration("moved", "reverted")],
        )
    )
    assert only(found).outcome is Outcome.UNDONE


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        ("completed", Outcome.DONE),
        ("confirmed", Outcome.DONE),
        ("cancelled", Outcome.UNDONE),
        ("reverted", Outcome.UNDONE),
        ("error", Outcome.FAILED),
        ("failed", Outcome.FAILED),
        ("running", Outcome.OPEN),
        ("finished", Outcome.OPEN),
    ],
)
def test_a_migration_tells_by_its_status(status: str, outcome: Outcome) -> None:
    found = accounts(
        ledger(
            write(0, "os-migrateLive"),
            accepted=[effect(0)],
            actions=[
                action(
                    "live-migration",
                    ("conductor_live_migrate_instance", "Success"),
                    ("compute_check_can_live_migrate_destination", "Error"),
                    migration="moved",
                )
            ],
            migrations=[migration("an earlier one", "completed"), migration("moved", status)],
            vm_state="resized",
        )
    )
    assert only(found).outcome is outcome


def moved_and_then(*later: dict[str, Any], vm_state: str) -> Outcome | None:
    found = accounts(
        ledger(
            write(0, "migrate"),
            accepted=[effect(0)],
            actions=[action("migrate", migration="moved")],
            migrations=[migration("moved", "finished"), *later],
            vm_state=vm_state,
        )
    )
    return only(found).outcome


def test_a_migration_that_nobody_can_confirm_any_more_has_failed() -> None:
    assert moved_and_then(vm_state="resized") is Outcome.OPEN
    assert moved_and_then(vm_state="active") is Outcome.FAILED
    assert moved_and_then(migration("the next", "finished"), vm_state="resized") is Outcome.FAILED


@pytest.mark.parametrize(
    ("name", "write_name", "event"),
    [
        ("createBackup", "createBackup", "compute_backup_instance"),
        ("changePassword", "changePassword", "compute_set_admin_password"),
    ],
)
@pytest.mark.parametrize(
    ("result", "outcome"),
    [("Success", Outcome.DONE), ("Error", Outcome.FAILED), (None, Outcome.OPEN)],
)
def test_other_actions_tell_by_their_event(
    name: str, write_name: str, event: str, result: str | None, outcome: Outcome
) -> None:
    found = accounts(
        ledger(write(0, write_name), accepted=[effect(0)], actions=[action(name, (event, result))])
    )
    assert only(found).outcome is outcome


def test_an_action_that_is_none_of_ours_is_no_outcome() -> None:
    with pytest.raises(ValueError, match="reboot"):
        accounts(ledger(write(0, "migrate"), accepted=[effect(0)], actions=[action("reboot")]))


def test_nothing_sent_is_nothing_accepted() -> None:
    assert NOTHING.accepted("migrate") == 0
