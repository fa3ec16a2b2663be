"""The queue: each key once, at its earliest time, with one worker at a time."""

import asyncio

import pytest

from serveractions.core.queue import KeyedQueue


async def drained(queue: KeyedQueue[str], count: int) -> list[str]:
    keys = []
    for _ in range(count):
        key = await queue.get()
        queue.done(key)
        keys.append(key)
    return keys


async def nothing_comes(queue: KeyedQueue[str], seconds: float = 1000.0) -> bool:
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(queue.get(), seconds)
    return True


async def test_keys_come_when_they_are_due() -> None:
    queue = KeyedQueue[str]()
    for key, delay in (("late", 30), ("now", 0), ("soon", 5)):
        queue.add(key, delay)
    begin = asyncio.get_running_loop().time()

    assert await drained(queue, 3) == ["now", "soon", "late"]
    assert asyncio.get_running_loop().time() - begin == pytest.approx(30)


async def test_keys_of_one_moment_come_in_the_order_in_which_they_were_added() -> None:
    queue = KeyedQueue[str]()
    for key in "cab":
        queue.add(key)

    assert await drained(queue, 3) == ["c", "a", "b"]


async def test_news_go_before_what_stood_in_the_line_already() -> None:
    queue = KeyedQueue[str]()
    for key in "abc":
        queue.add(key)
    queue.add("c", news=True)
    queue.add("d", news=True)

    assert await drained(queue, 4) == ["c", "d", "a", "b"]
    assert await nothing_comes(queue)


def test_news_in_the_very_moment_in_which_a_key_becomes_due_leave_no_timer_behind() -> None:
    complaints: list[dict[str, object]] = []

    async def played() -> list[str]:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: complaints.append(context))
        queue, due = KeyedQueue[str](), loop.time() + 0.01
        queue.add("a", 0.01)
        while loop.time() <= due:
            pass  # the event loop has no turn, so that the timer cannot fire
        queue.add("a", news=True)
        keys = await drained(queue, 1)
        await asyncio.wait({asyncio.ensure_future(queue.get())}, timeout=0.02)
        return keys

    assert asyncio.run(played()) == ["a"]
    assert complaints == []


async def test_news_of_a_key_at_work_go_first_when_the_work_is_done_and_only_once() -> None:
    queue = KeyedQueue[str]()
    queue.add("a")
    assert await queue.get() == "a"
    queue.add("b")
    queue.add("a", news=True)
    queue.add("a", news=True)
    queue.done("a")

    assert await drained(queue, 2) == ["a", "b"]
    queue.add("c")
    queue.add("a")
    assert await drained(queue, 2) == ["c", "a"], "it is none any more"


async def test_news_of_a_key_that_was_put_off_do_not_wait_for_its_time() -> None:
    queue = KeyedQueue[str]()
    queue.add("a", 30)
    queue.add("b")
    queue.add("a", news=True)

    assert await drained(queue, 2) == ["a", "b"]
    assert await nothing_comes(queue)


async def test_a_key_is_in_it_once_with_its_earliest_time() -> None:
    queue = KeyedQueue[str]()
    for delay in (30, 5, 60):
        queue.add("key", delay)
    assert len(queue) == 1
    begin = asyncio.get_running_loop().time()

    assert await drained(queue, 1) == ["key"]
    assert asyncio.get_running_loop().time() - begin == pytest.approx(5)
    assert await nothing_comes(queue)


async def test_a_key_that_is_being_worked_on_is_handed_to_nobody_else() -> None:
    queue = KeyedQueue[str]()
    queue.add("key")
    assert await queue.get() == "key"
    queue.add("key")
    assert await nothing_comes(queue)

    queue.done("key")

    assert await drained(queue, 1) == ["key"]


async def test_other_keys_pass_one_that_is_being_worked_on() -> None:
    queue = KeyedQueue[str]()
    queue.add("busy")
    await queue.get()
    queue.add("busy")
    queue.add("other", 1)

    assert await queue.get() == "other"


async def test_a_delay_that_was_asked_for_during_the_work_counts_from_then() -> None:
    queue = KeyedQueue[str]()
    queue.add("key")
    await queue.get()
    queue.add("key", 10)
    await asyncio.sleep(4)
    queue.done("key")
    begin = asyncio.get_running_loop().time()

    await queue.get()

    assert asyncio.get_running_loop().time() - begin == pytest.approx(6)


async def test_a_discarded_key_does_not_come_but_may_be_added_again() -> None:
    queue = KeyedQueue[str]()
    queue.add("key", 5)
    queue.discard("key")
    assert await nothing_comes(queue)

    queue.add("key", 5)

    assert await drained(queue, 1) == ["key"]


async def test_a_waiting_worker_is_woken_by_an_earlier_key() -> None:
    queue = KeyedQueue[str]()
    queue.add("late", 100)
    worker = asyncio.create_task(queue.get())
    await asyncio.sleep(1)
    queue.add("early")
    begin = asyncio.get_running_loop().time()

    assert await worker == "early"
    assert asyncio.get_running_loop().time() == begin


async def test_many_workers_share_the_keys_and_none_comes_twice_at_once() -> None:
    queue = KeyedQueue[int]()
    busy: set[int] = set()
    worked: list[int] = []

    async def work() -> None:
        while True:
            key = await queue.get()
            assert key not in busy
            busy.add(key)
            await asyncio.sleep(0.1)
            busy.discard(key)
            worked.append(key)
            queue.done(key)

    workers = [asyncio.create_task(work()) for _ in range(5)]
    for _ in range(3):
        for key in range(20):
            queue.add(key)
        await asyncio.sleep(0.15)
    await asyncio.sleep(10)
    for worker in workers:
        worker.cancel()
    ends = await asyncio.gather(*workers, return_exceptions=True)

    assert all(isinstance(end, asyncio.CancelledError) for end in ends)
    assert set(worked) == set(range(20))
    assert len(queue) == 0


async def test_a_closed_queue_hands_out_nothing_more() -> None:
    queue = KeyedQueue[str]()
    queue.add("key")
    queue.close()

    assert await nothing_comes(queue)


async def test_idle_waits_for_the_work_under_way() -> None:
    queue = KeyedQueue[str]()
    for key in ("one", "two"):
        queue.add(key)
        await queue.get()
    idle = asyncio.create_task(queue.idle())
    queue.done("one")
    await asyncio.sleep(1)
    assert not idle.done()
    assert queue.working == 1

    queue.done("two")
    await idle

    await queue.idle()


async def test_a_worker_that_is_cancelled_as_a_key_comes_does_not_go_on_waiting() -> None:
    queue = KeyedQueue[str]()
    queue.add("later", 100)
    worker = asyncio.create_task(queue.get())
    await asyncio.sleep(1)
    queue.add("key")
    queue.close()
    worker.cancel()

    async with asyncio.timeout(10):
        await asyncio.wait([worker])
    assert worker.cancelled()


def in_lanes(width: int) -> KeyedQueue[str]:
    """Return a queue in which the first letter of a key is its lane."""
    return KeyedQueue[str](lane=lambda key: key[0], width=width)


async def test_a_full_lane_lets_the_others_pass() -> None:
    queue = in_lanes(2)
    for key in ("a1", "a2", "a3", "a4", "b1"):
        queue.add(key)

    assert [await queue.get() for _ in range(3)] == ["a1", "a2", "b1"]
    assert await nothing_comes(queue)


async def test_whoever_was_held_back_goes_in_its_order_as_places_become_free() -> None:
    queue = in_lanes(1)
    for key in ("a1", "a2", "a3"):
        queue.add(key)
    assert await queue.get() == "a1"
    assert await nothing_comes(queue)
    queue.add("a4", news=True)
    queue.done("a1")

    assert await drained(queue, 3) == ["a4", "a2", "a3"]


async def test_what_was_forgotten_while_it_was_held_back_keeps_nobody_waiting() -> None:
    known = {"a1": "a", "a2": "a", "a3": "a"}
    queue = KeyedQueue[str](lane=known.get, width=1)
    for key in known:
        queue.add(key)
    assert await queue.get() == "a1"
    assert await nothing_comes(queue)
    queue.discard("a2")
    del known["a2"]
    queue.done("a1")

    assert await queue.get() == "a3"


async def test_a_key_that_comes_again_while_its_lane_is_full_is_worked_on_once() -> None:
    queue = in_lanes(1)
    for key in ("a1", "a2"):
        queue.add(key)
    assert await queue.get() == "a1"
    assert await nothing_comes(queue)
    queue.add("a2", news=True)
    queue.done("a1")

    assert await drained(queue, 1) == ["a2"]
    assert await nothing_comes(queue)
