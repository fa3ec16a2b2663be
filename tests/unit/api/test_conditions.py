"""The truth table, row by row, and what kstatus makes of it."""

from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import pytest

from serveractions.api.conditions import PRISTINE, TRUTH, conditions
from serveractions.api.limits import CONDITION_MESSAGE
from serveractions.api.status import Condition, ConditionStatus, Phase, Reason, Status

NOW = datetime(2026, 12, 1, 6, 0, 0, 123456, tzinfo=UTC)
STORED_NOW = NOW.replace(microsecond=0)
BY_LETTER = {
    "T": ConditionStatus.TRUE,
    "F": ConditionStatus.FALSE,
    "U": ConditionStatus.UNKNOWN,
}

#   phase               reason             Issued Succeeded Finished Ready Reconciling Stalled
ROWS = """
    Pending             Progressing        F      U         F        F     T           F        InProgress
    Suspended           Suspended          F      U         F        F     T           F        InProgress
    Issuing             Progressing        U      U         F        F     T           F        InProgress
    Running             Progressing        T      U         F        F     T           F        InProgress
    AwaitingDecision    AwaitingDecision   T      U         F        F     T           F        InProgress
    Succeeded           Succeeded          T      T         T        T     F           F        Current
    Failed              ActionFailed       T      F         T        F     F           T        Failed
    Failed              Expired            F      F         T        F     F           T        Failed
    Failed              ServerGone         U      F         T        F     F           T        Failed
    Failed              OutcomeUnknown     U      U         T        F     F           T        Failed
    Failed              OutcomeUnknown     T      U         T        F     F           T        Failed
    Cancelled           Reverted           T      F         T        F     F           T        Failed
    Cancelled           Cancelled          F      F         T        F     F           T        Failed
"""  # noqa: E501 - a table
TYPES = ("Issued", "Succeeded", "Finished", "Ready", "Reconciling", "Stalled")


def kstatus(generation: int, status: dict[str, Any]) -> str:
    """Say what Flux believes: the generic rules of cli-utils' kstatus, in their order."""
    if status.get("observedGeneration", generation) != generation:
        return "InProgress"
    is_ = {condition["type"]: condition["status"] for condition in status.get("conditions", ())}
    if is_.get("Reconciling") == "True":
        return "InProgress"
    if is_.get("Stalled") == "True":
        return "Failed"
    if "Ready" in is_ and is_["Ready"] != "True":
        return "InProgress"
    return "Current"


def made(
    phase: Phase,
    issued: ConditionStatus,
    *,
    reason: str = "Progressing",
    message: str = "why",
    previous: tuple[Condition, ...] = (),
    now: datetime = NOW,
    generation: int = 3,
) -> tuple[Condition, ...]:
    return conditions(
        phase,
        reason,
        message,
        issued=issued,
        generation=generation,
        previous=previous,
        now=now,
    )


@pytest.mark.parametrize("row", ROWS.strip().splitlines(), ids=lambda row: " ".join(row.split()))
def test_each_row_of_the_truth_table_holds_and_reads_right_in_kstatus(row: str) -> None:
    phase, reason, *letters, verdict = row.split()
    expected = {type_: BY_LETTER[letter] for type_, letter in zip(TYPES, letters, strict=True)}

    result = made(Phase(phase), expected["Issued"], reason=reason)

    assert {condition.type: condition.status for condition in result} == expected
    status = Status(observed_generation=3, phase=Phase(phase), conditions=result)
    assert status.reason == reason
    assert kstatus(3, status.to_wire()) == verdict
    assert kstatus(4, status.to_wire()) == "InProgress"


def test_no_row_is_left_out() -> None:
    tried = {
        (Phase(row.split()[0]), BY_LETTER[row.split()[2]]) for row in ROWS.strip().splitlines()
    }

    assert tried == {(phase, issued) for phase in Phase for issued in TRUTH[phase].issued}


@pytest.mark.parametrize(
    ("phase", "issued"),
    [
        (phase, issued)
        for phase, issued in product(Phase, ConditionStatus)
        if issued not in TRUTH[phase].issued
    ],
)
def test_what_cannot_be_is_a_mistake_of_the_caller(phase: Phase, issued: ConditionStatus) -> None:
    with pytest.raises(ValueError, match="Issued cannot be"):
        made(phase, issued)


def test_conditions_are_sorted_and_say_of_which_generation_they_are() -> None:
    result = made(Phase.RUNNING, ConditionStatus.TRUE, generation=7)

    assert [condition.type for condition in result] == sorted(TYPES)
    assert {condition.observed_generation for condition in result} == {7}
    assert {condition.reason for condition in result} == {"Progressing"}


def test_the_message_stands_where_people_and_tools_look_for_it() -> None:
    running = made(Phase.RUNNING, ConditionStatus.TRUE)
    failed = made(Phase.FAILED, ConditionStatus.TRUE)

    assert {c.type for c in running if c.message == "why"} == {"Ready", "Succeeded", "Reconciling"}
    assert {c.type for c in failed if c.message == "why"} == {"Ready", "Succeeded", "Stalled"}


def test_the_transition_time_moves_only_when_the_status_of_a_condition_changes() -> None:
    issuing = made(Phase.ISSUING, ConditionStatus.UNKNOWN)
    later = NOW + timedelta(minutes=5)

    running = made(Phase.RUNNING, ConditionStatus.TRUE, message="news", previous=issuing, now=later)

    moved = {c.type for c in running if c.last_transition_time == later.replace(microsecond=0)}
    assert moved == {"Issued"}
    assert {c.last_transition_time for c in running if c.type != "Issued"} == {STORED_NOW}


def test_the_first_look_at_an_object_replaces_the_time_of_the_default() -> None:
    pending = made(Phase.PENDING, ConditionStatus.FALSE, previous=PRISTINE.conditions)

    assert {condition.last_transition_time for condition in pending} == {STORED_NOW}


def test_a_message_of_any_length_becomes_one_that_the_schema_takes() -> None:
    result = made(Phase.FAILED, ConditionStatus.TRUE, message="x" * 10_000)

    assert max(len(condition.message) for condition in result) == CONDITION_MESSAGE


def test_a_pristine_status_is_a_pending_one_that_no_operator_has_seen() -> None:
    wire = PRISTINE.model_dump(mode="json", by_alias=True, exclude_unset=True)

    assert wire.keys() == {"phase", "observedGeneration", "conditions", "message"}
    assert PRISTINE.reason == Reason.WAITING_FOR_OPERATOR
    assert {c["lastTransitionTime"] for c in wire["conditions"]} == {"1970-01-01T00:00:00Z"}
    assert kstatus(1, wire) == "InProgress"
    assert kstatus(0, wire) == "InProgress"
    assert kstatus(1, {}) == "Current", "the trap that the default in the schema closes"
