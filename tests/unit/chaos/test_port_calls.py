"""No port of the core can be forgotten: what a process does to the world passes the stand-ins."""

from typing import Any, get_type_hints

import pytest

from fakes import port_calls
from serveractions import app
from serveractions.core import ports

INSIDE = {ports.Telemetry}
"""What reaches nothing outside of the process: dying there is dying between two calls."""


class Notes:
    """A witness that keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def begin(self, call: str, *, about: str | None, within: int | None) -> int:
        self.told.append(f"{call} of {about}" + ("" if within is None else f" in {within}"))
        return len(self.told) - 1

    def end(self, number: int) -> None:
        self.told.append(f"end of {number}")


def protocols() -> set[type]:
    return {
        found
        for name in ports.__all__
        if getattr(found := getattr(ports, name), "_is_protocol", False)
    }


def given_by(protocol: type) -> set[Any]:
    """Return what the methods of a protocol return."""
    methods = [each for each in vars(protocol).values() if callable(each)]
    return {get_type_hints(each).get("return") for each in methods if hasattr(each, "__module__")}


def test_every_port_has_a_stand_in() -> None:
    made = set(port_calls.BEHIND.values())
    given = {protocol for each in made for protocol in given_by(each) if protocol in protocols()}
    assert made | given == protocols() - INSIDE


def test_what_is_replaced_is_what_the_operator_is_made_of() -> None:
    assert all(isinstance(getattr(app, name), type) for name in port_calls.BEHIND)


class Place:
    """A cloud with the one call that matters here."""

    async def send(self, request: Any, *, uid: str, deadline: float, may_send: Any) -> str:
        return "sent" if may_send() else "not sent"


class Holder:
    identity = "first"

    def remaining(self, server_id: str) -> float:
        return 0.0


async def test_a_call_is_told_of_before_and_after_and_what_is_asked_in_it_too() -> None:
    notes = Notes()
    cloud = port_calls.stand_in(Place(), ports.Cloud, notes)
    leases = port_calls.stand_in(Holder(), ports.Leases, notes)

    sent = await cloud.send(
        None, uid="u", deadline=1.0, may_send=lambda: leases.remaining("the server") > 0
    )

    assert sent == "not sent"
    assert notes.told == [
        "cloud.send of u",
        "leases.remaining of the server in 0",
        "end of 1",
        "end of 0",
    ]


async def test_what_only_reads_memory_is_not_told_of_by_itself() -> None:
    notes = Notes()
    leases = port_calls.stand_in(Holder(), ports.Leases, notes)
    assert leases.remaining("the server") == 0.0
    assert notes.told == []


async def test_what_is_no_part_of_the_port_is_passed_through() -> None:
    leases = port_calls.stand_in(Holder(), ports.Leases, Notes())
    assert leases.identity == "first"


async def test_a_call_that_fails_has_had_its_effect_perhaps_and_is_told_of_all_the_same() -> None:
    class Broken:
        async def delete_image(self, image_id: str) -> None:
            raise TimeoutError

    notes = Notes()
    cloud = port_calls.stand_in(Broken(), ports.Cloud, notes)
    with pytest.raises(TimeoutError):
        await cloud.delete_image("an image")
    assert notes.told == ["cloud.delete_image of an image", "end of 0"]


async def test_what_a_port_gives_is_a_port_with_a_stand_in() -> None:
    class Door:
        async def open(self, namespace: str, ref: Any) -> Any:
            return Place()

    notes = Notes()
    clouds = port_calls.stand_in(Door(), ports.Clouds, notes)
    cloud = await clouds.open("team-a", None)
    await cloud.send(None, uid="u", deadline=1.0, may_send=lambda: True)
    assert notes.told[2:] == ["cloud.send of u", "end of 2"]
