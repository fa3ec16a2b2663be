"""Whatever may be seen of an action: a verdict comes of it, and a status that says the same."""

from dataclasses import replace
from typing import Any

from hypothesis import event, given
from hypothesis import strategies as st

from integration.hostile import generated, observed
from serveractions.actions import facts, migrations, replies
from serveractions.actions.action import (
    Cancelled,
    Decide,
    Failed,
    Go,
    Refuse,
    Running,
    Succeeded,
    Verdict,
    Wait,
)
from serveractions.actions.observation import Observation
from serveractions.actions.registry import action_for
from serveractions.actions.traces import Absent, Found, Records, Several, Unseen
from serveractions.api.conditions import TRUTH, ConditionType
from serveractions.api.limits import MESSAGE
from serveractions.api.resource import Resource
from serveractions.api.status import Phase, Reason, Status
from serveractions.core import orders, transitions
from sightings import NOW, UID

ENDS = {Succeeded: Phase.SUCCEEDED, Failed: Phase.FAILED, Cancelled: Phase.CANCELLED}
RECONCILING = {phase: row.reconciling for phase, row in TRUTH.items()}


def judged(resource: Resource, seen: Observation) -> tuple[Status, Verdict]:
    """Look as the lifecycle does: the facts first, the verdict then."""
    known = resource.status
    status = facts.update(known, seen, migration=migrations.ours(known, seen))
    return status, action_for(resource.kind.name).judge(resource.spec, status, seen)


def moved(resource: Resource, status: Status, verdict: Verdict) -> Status:
    """Write the verdict down as the lifecycle does."""
    phase, reason = ENDS.get(type(verdict)), Reason.PROGRESSING
    if isinstance(verdict, Failed):
        reason = verdict.reason
    elif isinstance(verdict, Succeeded):
        reason, status = Reason.SUCCEEDED, facts.completed(status)
    elif isinstance(verdict, Cancelled):
        reason = Reason.CANCELLED
    elif isinstance(verdict, Decide):
        phase, reason = Phase.AWAITING_DECISION, Reason.AWAITING_DECISION
    return transitions.move(
        resource,
        status,
        phase=phase or Phase.RUNNING,
        reason=reason,
        message=verdict.message,
        now=NOW,
    )


@given(observed.cases())
def test_every_sight_gives_a_verdict_and_a_status_that_can_be_stored(
    case: tuple[Resource, Observation],
) -> None:
    resource, seen = case
    status, verdict = judged(resource, seen)
    event(f"{resource.kind}: {type(verdict).__name__}")
    after = moved(resource, status, verdict)

    assert Status.model_validate(after.to_wire()).to_wire() == after.to_wire()
    said = {one.type: one.status for one in after.conditions}
    assert set(said) == set(ConditionType)
    assert said[ConditionType.RECONCILING] == RECONCILING[after.phase]
    assert (said[ConditionType.FINISHED] == "True") == after.phase.finished
    assert not (after.phase.finished and said[ConditionType.RECONCILING] != "False")
    assert verdict.message
    assert len(after.message or "") <= MESSAGE
    assert verdict.message.isprintable()
    assert "Traceback" not in verdict.message


@given(observed.cases(), st.sampled_from([600.0, 1e6, 1e12]))
def test_nothing_runs_for_ever_once_nova_is_idle_and_nothing_changes(
    case: tuple[Resource, Observation], quiet: float
) -> None:
    resource, seen = case
    server = seen.server
    if server is not None:
        server = replace(server, task_state=None, partial=False)
    still = replace(seen, server=server, quiet_seconds=quiet)
    # The second look is what it would be judged by: the first one may have found the migration.
    status, _ = judged(resource, still)
    _, verdict = judged(resource.with_status(status), still)
    event(f"{resource.kind}: {type(verdict).__name__}")
    assert not isinstance(verdict, Running), still


@given(observed.cases())
def test_what_follows_an_action_is_sent_only_in_words_that_are_known(
    case: tuple[Resource, Observation],
) -> None:
    resource, seen = case
    status, verdict = judged(resource, seen)
    if not isinstance(verdict, Running | Decide):
        return
    order = orders.due(resource.spec, status, verdict)
    if order is None:
        return
    check = order.check(status, seen)
    event(f"{order}: {type(check).__name__}")
    assert isinstance(check, Go | Wait | Refuse)
    if isinstance(check, Go):
        assert seen.migrations is not None
        assert status.migration is not None
        assert seen.migrations[0].uuid == status.migration.uuid


@given(st.data())
def test_every_server_may_be_acted_on_must_wait_or_never_will(data: st.DataObject) -> None:
    kind = data.draw(observed.kinds)
    action, spec = action_for(kind), data.draw(observed.specs(kind))
    server = data.draw(observed.servers)
    check = action.precheck(spec, server)
    event(f"{kind}: {type(check).__name__}")
    match check:
        case Go(None):
            pass
        case Go(words) | Wait(_, words) | Refuse(_, words):
            assert words.isprintable()


@given(st.data())
def test_every_record_is_a_requests_or_not_and_a_trace_is_one_of_four(data: st.DataObject) -> None:
    kind = data.draw(observed.kinds)
    action = action_for(kind)
    intent = data.draw(observed.statuses(action.name)).intent
    assert intent is not None
    records = data.draw(st.lists(observed.actions, max_size=4))
    matching = [one for one in records if action.matches(one, intent)]
    assert all(one.action == action.record for one in matching)
    assert all(one.request_id not in intent.known_request_ids for one in matching)
    strangers = data.draw(st.frozensets(generated.request_ids, max_size=1))
    found = action.trace(
        intent,
        UID,
        Records(
            server=data.draw(st.none() | observed.servers),
            actions=tuple(records),
            strangers=strangers,
            images=data.draw(st.none() | st.lists(observed.images, max_size=3).map(tuple)),
        ),
    )
    event(f"{kind}: {type(found).__name__}")
    assert isinstance(found, Found | Several | Absent | Unseen)
    if isinstance(found, Found):
        assert found.request_id in {one.request_id for one in matching} - strangers


KNOWN = {
    *(202, 300, 301, 302, 303, 304, 305, 307, 308, 399),
    *(400, 401, 403, 404, 405, 406, 409, 410, 413, 429, 501),
}
"""What the table of outcomes speaks of; see ARCHITECTURE.md and NOVA_ACTIONS.md, section 4."""
any_words: st.SearchStrategy[Any] = st.one_of(
    generated.any_text,
    st.sampled_from(
        [
            "Cannot 'migrate' instance x while it is in task_state migrating",
            "Instance x is locked",
            "Cannot 'x' instance y while it is in vm_state error",
            "There is no such action: x",
            "No valid host was found.",
            "Policy doesn't allow os_compute_api:x to be performed.",
            "Quota exceeded",
            "Backup is not supported for volume-backed instances.",
        ]
    ),
)


@given(
    st.integers(100, 999) | st.sampled_from(sorted(KNOWN)),
    any_words,
    st.sampled_from(["migrate", "createBackup", "changePassword", "confirmResize", "abort"]),
    st.booleans(),
    st.none() | st.floats(0, 3600),
)
def test_what_is_not_in_the_one_table_is_unclear(
    status: int, words: str, action: str, locked: bool, retry_after: float | None
) -> None:
    meaning = replies.classify(
        status, words, action_name=action, locked=locked, retry_after=retry_after
    )
    event(f"{status // 100}xx: {type(meaning).__name__}")
    if status == 202 or (status == 204 and action == "confirmResize"):
        assert isinstance(meaning, replies.Accepted)
    elif not (300 <= status < 400 or status in KNOWN):
        assert isinstance(meaning, replies.Unclear)
    else:
        assert isinstance(meaning, replies.NotAccepted | replies.StepDown | replies.Rejected)
    if isinstance(meaning, replies.NotAccepted):
        # Sent again is only what Nova has certainly not taken.
        assert status in (401, 413, 429) or (status == 409 and "task_state" in words)


def test_the_generated_sights_show_every_kind_of_end() -> None:
    """Were they all refused or all running, the promises above would promise nothing."""
    ends: set[type[Any]] = set()

    @given(observed.cases())
    def look(case: tuple[Resource, Observation]) -> None:
        ends.add(type(judged(*case)[1]))

    look()
    assert {Running, Succeeded, Failed} <= ends
