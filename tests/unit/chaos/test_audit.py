"""An audit that finds nothing says something only if it finds what is planted: each breach is
planted here, in the form in which the cloud and the operator would show it.
"""

from collections.abc import Sequence

import pytest

from chaos.audit import Breach, Told, audit
from chaos.truth import NOTHING, Account, Outcome, Sent


def sent(
    action: str = "os-migrateLive", *, accepted: int = 1, ambiguous: bool = False, at: float = 0.0
) -> Sent:
    return Sent(action=action, accepted=accepted, ambiguous=ambiguous, at=at)


def account(*requests: Sent, outcome: Outcome | None = Outcome.DONE) -> Account:
    return Account(sent=requests, outcome=outcome)


def told(
    phase: str = "Succeeded",
    reason: str = "Succeeded",
    *,
    issued: str = "True",
    kind: str = "ServerLiveMigration",
    ended: bool = True,
    undoing: bool = False,
    deleted: bool = False,
) -> Told:
    conditions = [{"type": "Issued", "status": issued, "reason": reason}]
    ends = {"completionTime": "2026-11-24T12:00:00Z"} if ended else {}
    return Told(
        name=f"{kind} team-a/move",
        kind=kind,
        uid="1bea47ed-f6a9-463b-b423-14b9cca9ad27",
        status={"phase": phase, "conditions": conditions, **ends},
        undoing=undoing,
        deleted=deleted,
    )


UNKNOWN = told("Failed", "OutcomeUnknown", issued="Unknown")
UNSENT = told("Failed", "WrongServerState", issued="False")


def breaches(object_: Told, cloud: Account) -> Sequence[Breach]:
    return [finding.breach for finding in audit(object_, cloud)]


def test_nothing_is_found_where_the_object_says_what_the_cloud_shows() -> None:
    assert not audit(told(), account(sent()))


def test_a_planted_double_is_found() -> None:
    twice = account(sent(at=1.0), sent(at=9.0))
    assert breaches(told(), twice) == [Breach.DOUBLE, Breach.REPEATED]


def test_a_request_that_takes_effect_twice_is_a_double() -> None:
    assert breaches(told(), account(sent(accepted=2))) == [Breach.DOUBLE]


def test_a_follow_up_that_is_accepted_twice_is_a_double() -> None:
    confirmed = account(sent("migrate"), sent("confirmResize"), sent("confirmResize"))
    assert breaches(told(kind="ServerMigration"), confirmed) == [Breach.DOUBLE, Breach.REPEATED]


def test_what_is_sent_after_an_accepted_one_is_found_even_if_nova_refused_it() -> None:
    lucky = account(sent(ambiguous=True, at=1.0), sent(accepted=0, at=4.5))
    found = audit(told(), lucky)
    assert [finding.breach for finding in found] == [Breach.REPEATED]
    assert "3.5 s after one that Nova had accepted (ambiguous)" in str(found[0])


def test_what_is_sent_after_one_that_was_never_accepted_is_no_breach() -> None:
    again = account(sent(accepted=0, ambiguous=True), sent(at=9.0))
    assert not audit(told(), again)


def test_different_writes_of_one_object_are_no_repetition() -> None:
    moved = account(sent("migrate"), sent("confirmResize"))
    assert not audit(told(kind="ServerMigration"), moved)


def test_a_planted_loss_is_found() -> None:
    lost = told("Pending", "TransientError", issued="False", ended=False)
    assert breaches(lost, NOTHING) == [Breach.LOST]


def test_an_object_that_is_followed_for_ever_is_lost() -> None:
    assert breaches(told("Running", "Progressing", ended=False), account(sent())) == [Breach.LOST]


@pytest.mark.parametrize(
    ("object_", "outcome"),
    [
        (told(), None),
        (told(), Outcome.FAILED),
        (told(), Outcome.UNDONE),
        (told(), Outcome.OPEN),
        (told("Failed", "ActionFailed"), Outcome.DONE),
        (told("Failed", "WrongServerState", issued="False"), Outcome.DONE),
        (told("Failed", "ActionFailed", issued="True"), None),
        (told("Failed", "ActionFailed"), Outcome.OPEN),
        (told("Cancelled", "Cancelled", issued="False"), Outcome.DONE),
        (told("Cancelled", "Cancelled"), Outcome.UNDONE),
    ],
    ids=lambda value: str(value) if isinstance(value, Outcome | None) else value.phase,
)
def test_a_planted_lie_is_found(object_: Told, outcome: Outcome | None) -> None:
    requests = [sent()] if outcome else []
    assert breaches(object_, account(*requests, outcome=outcome)) == [Breach.WRONG]


@pytest.mark.parametrize(
    ("object_", "outcome"),
    [
        (told(), Outcome.DONE),
        (told("Failed", "RolledBack"), Outcome.FAILED),
        (told("Failed", "Reverted"), Outcome.UNDONE),
        (told("Cancelled", "Cancelled", undoing=True), Outcome.UNDONE),
        (told("Failed", "Reverted", undoing=True), Outcome.UNDONE),
        (told("Failed", "DeadlineExceeded"), Outcome.OPEN),
        (UNSENT, None),
        (told("Cancelled", "Cancelled", issued="False"), None),
    ],
    ids=lambda value: str(value) if isinstance(value, Outcome | None) else value.reason,
)
def test_a_true_end_is_no_finding(object_: Told, outcome: Outcome | None) -> None:
    requests = [sent()] if outcome else []
    assert not audit(object_, account(*requests, outcome=outcome))


def test_not_knowing_what_the_cloud_knows_is_found() -> None:
    assert breaches(UNKNOWN, account(sent())) == [Breach.UNKNOWN]
    assert breaches(UNKNOWN, NOTHING) == [Breach.UNKNOWN]


def test_not_knowing_is_no_breach_where_nova_keeps_no_record() -> None:
    injected = told("Failed", "OutcomeUnknown", issued="Unknown", kind="ServerNetworkInjection")
    assert not audit(injected, account(sent("injectNetworkInfo")))


def test_not_knowing_is_no_breach_where_a_person_gave_it_up() -> None:
    given_up = told("Failed", "OutcomeUnknown", issued="Unknown", undoing=True)
    assert not audit(given_up, account(sent()))


def test_an_object_that_was_deleted_need_not_end_but_may_not_be_sent_twice() -> None:
    gone = told("Running", "Progressing", ended=False, deleted=True)
    assert not audit(gone, account(sent()))
    assert breaches(gone, account(sent(), sent())) == [Breach.DOUBLE, Breach.REPEATED]
