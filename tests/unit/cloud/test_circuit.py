"""A cloud that does not answer is asked now and then, by one, until it does."""

import pytest

from serveractions.cloud.circuit import IN_A_ROW, Circuit
from serveractions.core.errors import CloudUnavailable

SECONDS = 20.0
FIRST_PAUSE, LONGEST_PAUSE = 5.0, 30.0


class Time:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def circuit(time: Time) -> Circuit:
    return Circuit(time, seconds=SECONDS)


def miss(circuit: Circuit) -> None:
    found_out = circuit.begin()
    circuit.missed("silence")
    circuit.end(found_out=found_out)


def fall_silent(circuit: Circuit) -> None:
    for _ in range(IN_A_ROW):
        miss(circuit)


def test_nobody_is_held_back_while_it_answers(circuit: Circuit) -> None:
    for _ in range(3):
        assert not circuit.begin()
        circuit.answered()
        circuit.end(found_out=False)
    assert not circuit.silent


def test_a_server_that_does_not_answer_holds_up_no_other_server(circuit: Circuit) -> None:
    for _ in range(5):
        miss(circuit)
        circuit.begin()
        circuit.answered()
        circuit.end(found_out=False)
    assert not circuit.silent


def test_after_a_silence_everybody_is_told_so_at_once(circuit: Circuit) -> None:
    fall_silent(circuit)
    for _ in range(3):
        with pytest.raises(CloudUnavailable, match="silence") as caught:
            circuit.begin()
        assert caught.value.retry_after == FIRST_PAUSE


def test_after_a_pause_one_finds_out_and_the_others_do_not_wait_for_it(
    circuit: Circuit, time: Time
) -> None:
    fall_silent(circuit)
    time.now += FIRST_PAUSE
    assert circuit.begin()
    with pytest.raises(CloudUnavailable):
        circuit.begin()
    circuit.answered()
    circuit.end(found_out=True)
    assert not circuit.begin()


def test_pauses_grow_up_to_the_longest(circuit: Circuit, time: Time) -> None:
    pauses = []
    fall_silent(circuit)
    for number in range(6):
        if number:
            circuit.missed("silence")
        begun = time.now
        while True:
            time.now += 0.5
            try:
                found_out = circuit.begin()
            except CloudUnavailable:
                continue
            circuit.end(found_out=found_out)
            break
        pauses.append(time.now - begun)
    assert pauses == [5, 10, 20, LONGEST_PAUSE, LONGEST_PAUSE, LONGEST_PAUSE]


def test_requests_that_were_under_way_together_count_once(circuit: Circuit, time: Time) -> None:
    for _ in range(5):
        circuit.begin()
    for _ in range(5):
        circuit.missed("silence")
    time.now += FIRST_PAUSE
    assert circuit.begin()


def test_one_that_was_cancelled_lets_another_find_out(circuit: Circuit, time: Time) -> None:
    fall_silent(circuit)
    time.now += FIRST_PAUSE
    circuit.end(found_out=circuit.begin())
    assert circuit.begin()


def test_an_answer_to_a_late_request_ends_the_silence(circuit: Circuit) -> None:
    fall_silent(circuit)
    circuit.answered()
    assert not circuit.begin()
