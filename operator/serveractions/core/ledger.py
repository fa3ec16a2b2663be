"""Which of Nova's requests belong to which object, as far as this process has seen.

Requests are told apart by elimination: what another object owns is never taken for one's own. The
objects themselves say what they own, finished ones included; this table adds those that were
deleted since, and spares a list of them in the ordinary case.
"""

from collections import OrderedDict
from collections.abc import Iterable

from serveractions.actions.observation import InstanceAction
from serveractions.api.resource import Resource

NOBODY = ""
"""Owns what Nova refused: it is not even of the object that asked for it."""
KEPT = 10_000
"""Requests to remember; about one megabyte. An older one is looked up in its object."""


class Ledger:
    """The owners of requests, by request id."""

    def __init__(self, *, kept: int = KEPT) -> None:
        self._kept = kept
        self._owners: OrderedDict[str, str] = OrderedDict()
        self._doubtful: OrderedDict[str, str] = OrderedDict()

    def note(self, resource: Resource) -> None:
        """Take in what an object says it owns, and what it says may be its own."""
        status = resource.status
        self._put(self._owners, filter(None, (status.request_id,)), resource.uid)
        self._put(self._owners, status.refused_request_ids, NOBODY)
        self._put(self._doubtful, status.candidate_request_ids, resource.uid)

    def sent(self, resource: Resource, request_id: str | None) -> None:
        """Take in what Nova has just answered to an object, which may be deleted by now."""
        self._put(self._owners, filter(None, (request_id,)), resource.uid)

    def unowned(self, records: Iterable[InstanceAction], *, but_by: str) -> list[InstanceAction]:
        """Return the records that no object is known to own.

        Args:
            records: Of Nova.
            but_by: The uid of an object whose own requests are kept.
        """
        return [each for each in records if self._owners.get(each.request_id, but_by) == but_by]

    def owned(self, records: Iterable[InstanceAction], *, by: str) -> list[InstanceAction]:
        """Return the records that were the requests of one object, as this process has seen."""
        return [each for each in records if self._owners.get(each.request_id) == by]

    def doubtful(self, request_id: str, *, but_by: str) -> bool:
        """Say whether a request may be another object's, whose outcome nobody knows."""
        return self._doubtful.get(request_id, but_by) != but_by

    def _put(self, table: OrderedDict[str, str], request_ids: Iterable[str], uid: str) -> None:
        for request_id in request_ids:
            table[request_id] = uid
            table.move_to_end(request_id)
        while len(table) > self._kept:
            table.popitem(last=False)
