"""What people and other tools do to objects while their actions are in flight: nothing of it has an
action sent twice, or lost.
"""

from assembled import Assembled
from phases import COLD, PHASES, Held, held
from serveractions.core.marks import ANNOTATION
from side_by_side import SideBySide

TOGETHER = SideBySide()


def wipe(world: Assembled, one: Held) -> None:
    """Take an object's status away, as whoever writes a whole object with its status does."""

    def written() -> bool:
        body = world.read(one.kind, one.name)
        body.pop("status")
        path = f"{world.path(one.kind, one.name)}/status"
        answer = world.session.put(path, json=body, timeout=30)
        if answer.status_code == 409:  # the operator has just written
            return False
        assert answer.ok, answer.text
        assert answer.json()["status"]["phase"] == "Pending"
        return True

    world.until(written, seconds=30, what="the status is wiped")


@TOGETHER.each("phase", [*PHASES])
def test_a_status_that_is_wiped_is_found_again_with_the_mark(world: Assembled, phase: str) -> None:
    with held(world, phase) as one:
        wipe(world, one)
    world.until_phase(one.kind, one.name, "Succeeded")
    assert world.cloud.accepted(one.server) == PHASES[phase].posts


@TOGETHER.each("phase", [*PHASES])
def test_without_status_and_mark_an_action_that_was_sent_is_not_sent_again(
    world: Assembled, phase: str
) -> None:
    with held(world, phase) as one:
        world.patch(one.kind, one.name, {"metadata": {"annotations": {ANNOTATION: None}}})
        wipe(world, one)
    world.until_phase(one.kind, one.name, "Succeeded", "Failed")
    # Nothing was sent, or the process that sent it still waits for the answer: it knows.
    known = phase in ("Suspended", "Issuing")
    assert world.phase(one.kind, one.name) == ("Succeeded" if known else "Failed")
    if not known:
        assert world.reason(one.kind, one.name) == "OutcomeUnknown"
    assert world.cloud.accepted(one.server) == PHASES[phase].posts[:1]


@TOGETHER.each("phase", ["Issuing", "Running", "AwaitingDecision"])
def test_a_suspend_that_comes_too_late_changes_nothing(world: Assembled, phase: str) -> None:
    with held(world, phase) as one:
        world.edit(one.kind, one.name, suspend=True)
    world.until_phase(one.kind, one.name, "Succeeded")
    assert world.cloud.accepted(one.server) == PHASES[phase].posts


@TOGETHER.each("phase", [*PHASES])
def test_a_cancel_stops_what_can_be_stopped(world: Assembled, phase: str) -> None:
    end, posts = {
        "Suspended": ("Cancelled", []),
        "Issuing": ("Succeeded", ["changePassword"]),
        "Running": ("Cancelled", ["os-migrateLive", "abort"]),
        "AwaitingDecision": ("Cancelled", ["migrate", "revertResize"]),
        "Succeeded": ("Succeeded", ["os-resetState"]),
    }[phase]
    with held(world, phase, go_on=False) as one:
        world.edit(one.kind, one.name, cancel=True)
        if phase == "Running":
            world.until_phase(one.kind, one.name, end)
    world.until(
        lambda: world.status(one.kind, one.name)["observedGeneration"] == 2,
        seconds=60,
        what="the edit is taken note of",
    )
    world.until_phase(one.kind, one.name, end)
    assert world.cloud.accepted(one.server) == posts


@TOGETHER.each("phase", [*PHASES])
def test_a_ttl_may_be_set_at_any_time(world: Assembled, phase: str) -> None:
    with held(world, phase) as one:
        world.edit(one.kind, one.name, ttlSecondsAfterFinished=1)
    world.until(lambda: not world.read(one.kind, one.name), seconds=120, what="the object goes")
    assert world.cloud.accepted(one.server) == PHASES[phase].posts


@TOGETHER.test
def test_a_decision_may_come_before_it_is_asked_for(world: Assembled) -> None:
    name, server = world.act(COLD, confirmation="Manual")
    world.edit(COLD, name, decision="Revert")
    world.until_phase(COLD, name, "Cancelled")
    assert world.cloud.accepted(server) == ["migrate", "revertResize"]


@TOGETHER.test
def test_a_decision_that_was_carried_out_is_not_taken_back(world: Assembled) -> None:
    with held(world, "AwaitingDecision") as one:
        pass
    world.until(
        lambda: bool(world.status(COLD, one.name).get("decision")),
        seconds=60,
        what="it is taken up",
    )
    world.edit(COLD, one.name, decision="Revert")
    world.until_phase(COLD, one.name, "Succeeded")
    assert world.cloud.accepted(one.server) == ["migrate", "confirmResize"]


@TOGETHER.test
def test_ten_thousand_characters_of_novas_words_are_told_as_far_as_they_fit(
    world: Assembled,
) -> None:
    words = "Compute host host3 ä could not be found. " * 250
    (server,) = world.cloud.boot("many-words")
    world.cloud.fault("status", {"server_id": server, "method": "POST"}, status=400, message=words)
    world.create(world.body(COLD, "many-words", server))
    world.until_phase(COLD, "many-words", "Failed")
    status = world.status(COLD, "many-words")
    assert words[:200] in status["message"]
    assert len(status["message"]) < 5000
    world.until(
        lambda: any("could not be found" in message for _, message in world.events("many-words")),
        seconds=90,
        what="an Event says so, too",
    )
    assert world.cloud.accepted(server) == []
