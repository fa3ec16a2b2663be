"""How much may be in flight at once, and in which order what waits for a place will go.

What is in flight is told by the objects alone, those of other processes included. In memory is only
who has been given a place and has not claimed yet, and the line of those that wait.

A place that becomes free is given to the oldest that can use it, and only that one is woken. Those
that stay in the line ask nothing of Nova.
"""

import asyncio
import heapq
from bisect import bisect_left, insort
from collections.abc import Callable, Hashable, Iterator
from typing import TypeVar

from serveractions.api.resource import Key, Resource
from serveractions.api.status import Phase
from serveractions.core.order import Place, place_of
from serveractions.core.rooms import Blocked, Limits, Room, Rooms, Scope, describe, flight

H = TypeVar("H", bound=Hashable)


class Line:
    """Who is in flight, who has a place, and who waits for one.

    Args:
        limits: How much there may be.
        wake: Has an object looked at again that was given a place.
    """

    def __init__(self, limits: Limits, *, wake: Callable[[Key], None]) -> None:
        self._limits = limits
        self._wake = wake
        self._flights: dict[Key, Rooms] = {}
        self._places: dict[Key, Rooms] = {}
        self._flying: dict[Room, set[Key]] = {}
        self._given: dict[Room, set[Key]] = {}
        self._standing: dict[Key, tuple[Place, Rooms]] = {}
        self._lines: dict[Room, list[Place]] = {}
        self._lanes: dict[Room, dict[Rooms, list[Place]]] = {}
        self._next: dict[Room, float] = {}
        self._timers: dict[Room, asyncio.TimerHandle] = {}

    def note(self, resource: Resource) -> None:
        """Take in whether an object, as it is now, is in flight; whoever sent it."""
        if not self._limits.any:
            return
        key, rooms = resource.key, flight(resource)
        before = self._flights.get(key)
        if rooms:
            self._leave_line(key)
            given = self._take_back(key)
            if given is None and before is None and resource.status.phase is not Phase.RUNNING:
                self._started(rooms[0])  # another process has just claimed it
        if rooms != before:
            self._move(key, before, rooms)

    def take(self, resource: Resource, rooms: Rooms) -> Blocked | None:
        """Give the object a place, or have it stand in the line and say why.

        Whoever gets a place gives it back with `settle`; what is claimed meanwhile is in flight.
        """
        if not rooms or not self._limits.any:
            return None
        key = resource.key
        given = self._places.get(key)
        if given == rooms:
            return None
        self._leave_line(key)
        freed = self._take_back(key)
        self._stand(key, place_of(resource), rooms)
        for cloud in {rooms[0], *(freed or ())[:1]}:
            self._call(cloud, present=key)
        return self.blocked(key)

    def blocked(self, key: Key) -> Blocked | None:
        """Return why an object has no place; None where it does not stand in the line."""
        if key not in self._standing:
            return None
        place, rooms = self._standing[key]
        full = next((room for room in rooms if not self._has_room(room)), rooms[0])
        before = bisect_left(self._lines[full], place)
        return Blocked(describe(self._limits, full, full=not self._has_room(full)), before)

    def __len__(self) -> int:
        """Return how many stand in it."""
        return len(self._standing)

    def has_place(self, key: Key) -> bool:
        """Say whether an object was given a place and has not claimed yet."""
        return key in self._places

    def step_out(self, key: Key) -> None:
        """Take a waiting object out of the line: another process acts for its server."""
        self._leave_line(key)
        self.settle(key)

    def settle(self, key: Key) -> None:
        """Take back what was given to an object and not claimed: its step is over."""
        rooms = self._take_back(key)
        if rooms:
            self._call(rooms[0])

    def leave(self, key: Key) -> None:
        """Forget an object: it is over or gone, or something else holds it up."""
        self.step_out(key)
        self._move(key, self._flights.get(key), ())

    def _move(self, key: Key, before: Rooms | None, after: Rooms) -> None:
        """Note where an action is in flight now: a destination may become known late."""
        for room in before or ():
            _take_out(self._flying, room, key)
        for room in after:
            self._flying.setdefault(room, set()).add(key)
        if after:
            self._flights[key] = after
        else:
            self._flights.pop(key, None)
        for cloud in {*(before or ())[:1], *after[:1]}:
            self._call(cloud)

    def _stand(self, key: Key, place: Place, rooms: Rooms) -> None:
        self._standing[key] = (place, rooms)
        for room in rooms:
            insort(self._lines.setdefault(room, []), place)
        insort(self._lanes.setdefault(rooms[0], {}).setdefault(rooms, []), place)

    def _leave_line(self, key: Key) -> None:
        stood = self._standing.pop(key, None)
        if stood is None:
            return
        place, rooms = stood
        for room in rooms:
            _remove(self._lines, room, place)
        lanes = self._lanes[rooms[0]]
        _remove(lanes, rooms, place)
        if not lanes:
            del self._lanes[rooms[0]]

    def _take_back(self, key: Key) -> Rooms | None:
        rooms = self._places.pop(key, None)
        for room in rooms or ():
            _take_out(self._given, room, key)
        return rooms

    def _call(self, cloud: Room, present: Key | None = None) -> None:
        """Give the free places of a cloud to the oldest that can use them, and wake these.

        Args:
            cloud: Where.
            present: Who is being worked on at this moment and need not be woken.
        """
        if cloud not in self._lanes or not self._has_room(cloud):
            return
        called = []
        for place, rooms in self._oldest_first(cloud):
            if not self._has_room(cloud):
                break
            if all(map(self._has_room, rooms)):
                if not self._in_time(cloud):
                    break
                self._leave_line(place.key)
                self._places[place.key] = rooms
                for room in rooms:
                    self._given.setdefault(room, set()).add(place.key)
                self._started(cloud)
                called.append(place.key)
        for key in called:
            if key != present:
                self._wake(key)

    def _oldest_first(self, cloud: Room) -> Iterator[tuple[Place, Rooms]]:
        """Yield who waits, of each lane no more than the one behind whom nobody can go either.

        All of a lane need the same rooms: when its first cannot go, none of it can.
        """
        lanes = self._lanes.get(cloud, {})
        heads = [(lane[0], rooms) for rooms, lane in lanes.items()]
        heapq.heapify(heads)
        while heads:
            place, rooms = heapq.heappop(heads)
            yield place, rooms
            lane = lanes.get(rooms)
            if lane and lane[0] != place:
                heapq.heappush(heads, (lane[0], rooms))

    def _has_room(self, room: Room) -> bool:
        limit = self._limit(room.scope)
        if not limit:
            return True
        free = limit - len(self._flying.get(room, ()))
        share = max(1, free // self._limits.processes)
        return free > 0 and len(self._given.get(room, ())) < share

    def _limit(self, scope: Scope) -> int:
        match scope:
            case Scope.CLOUD:
                return self._limits.in_flight
            case Scope.SOURCE:
                return self._limits.per_source
            case Scope.DESTINATION:
                return self._limits.per_destination

    def _in_time(self, cloud: Room) -> bool:
        """Whether one may start now; where not, have the line looked at when one may."""
        if not self._limits.per_second:
            return True
        loop = asyncio.get_running_loop()
        due = self._next.get(cloud, 0.0)
        if due <= loop.time():
            return True
        if cloud not in self._timers:
            self._timers[cloud] = loop.call_at(due, self._ripen, cloud)
        return False

    def _ripen(self, cloud: Room) -> None:
        del self._timers[cloud]
        self._call(cloud)

    def _started(self, cloud: Room) -> None:
        if self._limits.per_second:
            now = asyncio.get_running_loop().time()
            self._next[cloud] = max(now, self._next.get(cloud, 0.0)) + 1 / self._limits.per_second


def _take_out(table: dict[Room, set[Key]], room: Room, key: Key) -> None:
    keys = table.get(room, set())
    keys.discard(key)
    if not keys:
        table.pop(room, None)


def _remove(table: dict[H, list[Place]], at: H, place: Place) -> None:
    line = table[at]
    del line[bisect_left(line, place)]
    if not line:
        del table[at]
