"""A service of the cloud is away, its clock is wrong, or its tokens end: with actions in flight.

What is away is away for several of the operator's tries, not for minutes: that nothing ends because
of it does not depend on the clock. Each play has a cloud of its own.
"""

from typing import Any

import pytest

from integration.cloud.scene import (
    BACKUP,
    COLD,
    LIVE,
    RESET,
    Followed,
    Play,
    Playbill,
    Plays,
    Scene,
)

BILL = Playbill()
TRIES = 3


def _flying(scene: Scene, **spec: Any) -> Followed:
    """Return a live migration that runs until it is let go."""
    server = scene.boot("flying")
    scene.hold("live_migration", server)
    followed = scene.begin(LIVE, server, **spec)
    followed.reaches("Running")
    return followed


class _Away:
    """Something that is away, and how often it was asked for in vain."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self._fault: int | None = None
        self._service = ""

    def shut(self, service: str, how: str) -> None:
        """Take a service away: its door, or with 503 its sense."""
        self._service = service
        if how == "503":
            match = {"service": service}
            self._fault = self.scene.cloud.fault("status", match, status=503, times=None)
        else:
            self.scene.cloud.door(service, how)

    def open(self) -> None:
        """Let it be there again."""
        if self._fault is not None:
            self.scene.cloud.take_back(self._fault)
        else:
            self.scene.cloud.door(self._service, "open")

    def asked_for_in_vain(self) -> None:
        """Wait until the operator has tried a few times more."""
        before = self._tries()
        self.scene.until(lambda: self._tries() >= before + TRIES, f"{TRIES} tries in vain")

    def _tries(self) -> int:
        if self._fault is not None:
            return len(self.scene.met(self._fault))
        return int(self.scene.cloud.doors()[self._service]["refused"])


def _keystone_is_away(scene: Scene, how: str) -> None:
    here = scene.elsewhere(f"keystone-{how}")
    away = _Away(here)
    flying = _flying(here)
    away.shut("identity", how)
    here.cloud.happen("tokens-expired")
    waiting = here.begin(RESET, here.boot("waiting"), state="Active")
    away.asked_for_in_vain()
    assert flying.status["phase"] == "Running"
    assert waiting.status["phase"] == "Pending"
    away.open()
    here.let_go("live_migration", flying.server)
    flying.ends("Succeeded", "Succeeded")
    waiting.ends("Succeeded", "Succeeded")
    assert here.accepted(flying.server) == [("os-migrateLive", "admin")]
    assert here.accepted(waiting.server) == [("os-resetState", "admin")]


@BILL.play
def a_keystone_that_drops_connections_ends_nothing(scene: Scene) -> None:
    _keystone_is_away(scene, "resetting")


@BILL.play
def a_keystone_that_answers_503_ends_nothing(scene: Scene) -> None:
    _keystone_is_away(scene, "503")


def _nova_is_away(scene: Scene, how: str) -> None:
    here = scene.elsewhere(f"nova-{how}")
    away = _Away(here)
    flying = _flying(here)
    away.shut("compute", how)
    waiting = here.begin(RESET, here.boot("waiting"), state="Active")
    here.let_go("live_migration", flying.server)
    away.asked_for_in_vain()
    assert flying.status["phase"] == "Running"
    assert waiting.status["phase"] == "Pending"
    away.open()
    flying.ends("Succeeded", "Succeeded")
    waiting.ends("Succeeded", "Succeeded")
    assert here.accepted(waiting.server) == [("os-resetState", "admin")]


@BILL.play
def a_nova_that_drops_connections_ends_nothing(scene: Scene) -> None:
    _nova_is_away(scene, "resetting")


@BILL.play
def a_nova_that_never_answers_ends_nothing(scene: Scene) -> None:
    _nova_is_away(scene, "silent")


@BILL.play
def a_request_to_a_nova_that_is_not_there_was_never_sent(scene: Scene) -> None:
    """Between the last look and the request the door is shut: there is nothing to search for."""
    here = scene.elsewhere("nova-shut")
    server = here.boot("unsent")
    match = {"family": "os-migrations", "server_id": server}
    looking = here.cloud.fault("late-reply", match, seconds=None)
    followed = here.begin(LIVE, server)
    here.until(lambda: bool(here.met(looking)), "the last look before the request")
    here.cloud.door("compute", "shut", leave=True)
    here.cloud.release(looking)

    def refused() -> bool:
        seen = followed.status
        return seen.get("phase") == "Pending" and "Not sent" in seen.get("message", "")

    here.until(refused, "the refusal")
    here.cloud.door("compute", "open")
    followed.ends("Succeeded", "Succeeded")
    assert here.accepted(server) == [("os-migrateLive", "admin")]
    assert here.sent(server, "os-migrateLive") == 1


@BILL.play
def a_glance_that_is_away_does_not_end_a_backup(scene: Scene) -> None:
    here = scene.elsewhere("glance")
    away = _Away(here)
    server = here.boot("backup")
    here.hold("snapshot_upload", server)
    followed = here.begin(BACKUP, server, backupType="daily", rotation=1)
    followed.reaches("Running")
    away.shut("image", "resetting")
    here.let_go("snapshot_upload", server)
    away.asked_for_in_vain()
    assert followed.status["phase"] == "Running"
    away.open()
    followed.ends("Succeeded", "Succeeded")
    assert here.accepted(server) == [("createBackup", "admin")]


@BILL.play
def tokens_that_end_in_flight_cost_attempts_and_nothing_else(scene: Scene) -> None:
    here = scene.elsewhere("tokens")
    flying = _flying(here)
    server = here.boot("sent")
    here.cloud.happen("tokens-expired")
    here.cloud.fault("token-expired", {"action": "os-migrateLive", "server_id": server})
    here.begin(LIVE, server).ends("Succeeded", "Succeeded")
    assert here.sent(server, "os-migrateLive") == 2
    here.let_go("live_migration", flying.server)
    flying.ends("Succeeded", "Succeeded")
    for each in (flying.server, server):
        assert here.accepted(each) == [("os-migrateLive", "admin")]


@BILL.play
def nova_may_confirm_before_anybody_has_decided(scene: Scene) -> None:
    here = scene.elsewhere("window")
    server = here.boot("window")
    followed = here.begin(COLD, server, confirmation="Manual")
    followed.reaches("AwaitingDecision")
    here.cloud.happen("confirm-window", seconds=0.1)
    status = followed.ends("Succeeded", "Succeeded")
    assert "resize_confirm_window" in status["message"]
    assert here.accepted(server) == [("migrate", "admin")]


def _clocks_differ(scene: Scene, name: str, seconds: int) -> None:
    """Let a request be found by its record, proven by its absence, and followed on Nova's clock."""
    here = scene.elsewhere(name)
    found, absent = here.boot("found"), here.boot("absent")
    flying = _flying(here, activeDeadlineSeconds=300)
    here.cloud.happen("clock-skew", seconds=seconds)
    here.cloud.fault("reply-lost", {"action": "os-migrateLive", "server_id": found})
    here.cloud.fault("request-lost", {"action": "os-migrateLive", "server_id": absent})
    for each in [here.begin(LIVE, server) for server in (found, absent)]:
        each.ends("Succeeded", "Succeeded")
    assert flying.status["phase"] == "Running", "its deadline is on the operator's own clock"
    here.let_go("live_migration", flying.server)
    flying.ends("Succeeded", "Succeeded")
    servers = (found, absent, flying.server)
    assert [here.sent(server, "os-migrateLive") for server in servers] == [1, 2, 1]
    for server in servers:
        assert here.accepted(server) == [("os-migrateLive", "admin")]


@BILL.play
def a_nova_whose_clock_is_ahead_is_understood(scene: Scene) -> None:
    _clocks_differ(scene, "ahead", 600)


@BILL.play
def a_nova_whose_clock_is_behind_is_understood(scene: Scene) -> None:
    _clocks_differ(scene, "behind", -600)


@pytest.mark.parametrize("play", BILL, ids=lambda play: play.__name__)
def test_play(plays: Plays, play: Play) -> None:
    plays.see(play)
