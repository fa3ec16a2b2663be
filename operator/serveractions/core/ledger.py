"""Which of Nova's requests belong to which object, as far as this process has seen.

Requests are told apart by elimination: what another object owns is never taken for one's own. The
objects themselves say what they own, finished ones included; this table adds those that were
deleted since, and spares a list of them in the ordinary case.
"""

from collections import OrderedDict
from collections.abc import Iterable

from serveractions.actions.observation import InstanceAction
from serveractions.api.resource import Resource

KEPT = 10_000
"""Requests to remember; about one megabyte. An older one is looked up in its object."""


class Ledger:
    """The owners of requests, by request id."""

    def __init__(self, *, kept: int = KEPT) -> None:
        self._kept = kept
        self._owners: OrderedDict[str, str] = OrderedDict()

    def note(self, resource: Resource) -> None:
        """Take in what an object says it owns: its request, and those that Nova refused."""
        status = resource.status
        for request_id in (status.request_id, *status.refused_request_ids):
            if request_id is not None:
                self._owners[request_id] = resource.uid
                self._owners.move_to_end(request_id)
        while len(self._owners) > self._kept:
            self._owners.popitem(last=False)

    def unowned(self, records: Iterable[InstanceAction], *, but_by: str) -> list[InstanceAction]:
        """Return the records that no object is known to own.

        Args:
            records: Of Nova.
            but_by: The uid of an object whose own requests are kept.
        """
        return [each for each in records if self._owners.get(each.request_id, but_by) == but_by]
