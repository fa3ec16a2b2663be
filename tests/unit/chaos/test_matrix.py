"""What the matrix finds in a run beyond the audit: wishes that nobody carried out, and processes
that did not end as they should. And what stands in its table.
"""

import signal
from collections.abc import Mapping, Sequence

import pytest

from chaos.audit import Breach, Told
from chaos.lives import LIVES, Life
from chaos.matrix import Cell, Judged, Way, judge, report
from chaos.stage import Hurt
from chaos.truth import NOTHING, Account, Outcome, Sent
from chaos.victim import Run
from fakes.mortal import Point

BACKUP = next(life for life in LIVES if life.name == "backup")
ABORTED = next(life for life in LIVES if life.name == "live migration, aborted")
KILLED = Hurt(Point("cloud.send", 1, "after"), signal.SIGKILL)
TERMINATED = Hurt(Point("cloud.send", 1, "after"), signal.SIGTERM)


def told(life: Life, phase: str, *, issued: str = "True", follow_up: str | None = None) -> Told:
    records = [{"action": life.follow_up, "state": follow_up}] if follow_up else []
    return Told(
        name="victim",
        kind=life.kind,
        uid="uid",
        status={
            "phase": phase,
            "completionTime": "2026-11-24T12:00:00Z",
            "conditions": [{"type": "Issued", "status": issued, "reason": "Any"}],
            "followUps": records,
        },
    )


def done(life: Life) -> Account:
    sent = Sent(action=life.action, accepted=1, ambiguous=False, at=0.0)
    return Account(sent=(sent,), outcome=Outcome.DONE)


def run(
    life: Life = BACKUP,
    *,
    says: Told | None = None,
    account: Account | None = None,
    hurt: Hurt = KILLED,
    exits: Mapping[str, int | None] | None = None,
    complaints: Sequence[str] = (),
    held: Sequence[str] = (),
) -> Run:
    killed = {"first": -signal.SIGKILL, "second": 0}
    return Run(
        life=life,
        hurt=hurt,
        reached=True,
        calls=(),
        told=says or told(life, life.end),
        account=account or done(life),
        exits=killed if exits is None else exits,
        complaints=tuple(complaints),
        held=tuple(held),
        seconds=1.0,
    )


def breaches(judged: Judged) -> list[Breach]:
    return [finding.breach for finding in judged.findings]


def test_a_run_with_the_wanted_end_is_fine() -> None:
    assert judge(run()).fine


def test_an_action_that_was_given_up_without_need_is_lost() -> None:
    unsent = told(BACKUP, "Failed", issued="False")
    assert breaches(judge(run(says=unsent, account=NOTHING))) == [Breach.LOST]


def test_an_abort_that_was_lost_and_not_told_of_is_lost() -> None:
    silent = told(ABORTED, "Succeeded")
    assert breaches(judge(run(ABORTED, says=silent))) == [Breach.LOST]


def test_an_abort_that_came_too_late_and_is_told_of_is_not_lost() -> None:
    open_ = told(ABORTED, "Succeeded", follow_up="NotSent")
    assert judge(run(ABORTED, says=open_)).fine


@pytest.mark.parametrize(
    ("hurt", "exits"),
    [
        (KILLED, {"first": -signal.SIGKILL, "second": 1}),
        (KILLED, {"first": 0, "second": 0}),
        (TERMINATED, {"first": -signal.SIGTERM, "second": 0}),
    ],
)
def test_a_process_that_ends_otherwise_than_it_should_is_a_disorder(
    hurt: Hurt, exits: Mapping[str, int]
) -> None:
    (disorder,) = judge(run(hurt=hurt, exits=exits)).disorders
    assert "process ended with" in disorder


def test_what_is_left_behind_or_logged_is_a_disorder() -> None:
    judged = judge(run(complaints=["first: Traceback"], held=["second"]))
    assert len(judged.disorders) == 2
    assert not judged.fine


def test_the_table_counts_every_point_and_every_breach() -> None:
    lost = judge(run(says=told(BACKUP, "Failed", issued="False"), account=NOTHING))
    missed = Judged(life=BACKUP, hurt=KILLED, reached=False)
    unknown = Judged(life=BACKUP, hurt=KILLED, reached=True, unknown=True)
    text = report({Cell(BACKUP, Way.KILL): [judge(run()), lost, missed, unknown]})
    head, _, row, _, foot = text.splitlines()
    columns = head.split()[3:]
    figures = dict(zip(columns, map(int, row.split()[2:]), strict=False))
    assert row.split()[:2] == ["backup", "SIGKILL"]
    assert (figures["missed"], figures["double"], figures["lost"]) == (1, 0, 1)
    assert figures["points"] == int(foot.split()[1]) == 4
