"""Which slots a process strives to hold first, where several processes share the work.

A shard is no right: the Lease alone says who acts. So processes that are told different numbers of
shards, as in the middle of a rescaling, take nothing from each other that is not given up.
"""

import re
from dataclasses import dataclass

OWN_NUMBER = "auto"
"""In place of a number: the ordinal at the end of the pod's name, as a StatefulSet gives it."""


class ShardError(ValueError):
    """What was given is no shard."""


@dataclass(frozen=True, slots=True)
class Shard:
    """One of `count` shards.

    Attributes:
        index: From 0; from `count` on it is a standby's, which has no slots of its own.
        count: Into how many parts the slots are divided.
    """

    index: int = 0
    count: int = 1

    def owns(self, slot: int) -> bool:
        """Say whether the slot is this shard's; every slot is exactly one shard's."""
        return slot % self.count == self.index


def parse_shard(text: str, *, identity: str) -> Shard:
    """Read `i/n` or `auto/n`; empty is the only shard of one.

    Args:
        text: As configured.
        identity: The pod's name, whose last number `auto` stands for.

    Raises:
        ShardError: The message says what was expected.
    """
    if not text:
        return Shard()
    found = re.fullmatch(rf"(\d{{1,6}}|{OWN_NUMBER})/(\d{{1,6}})", text, re.ASCII)
    if found is None or int(found[2]) < 1:
        raise ShardError(f"{text!r} is not `i/n` or `{OWN_NUMBER}/n`, with n at least 1")
    count = int(found[2])
    if found[1] != OWN_NUMBER:
        if int(found[1]) >= count:
            raise ShardError(f"{text!r}: of {count} shards the last one is {count - 1}/{count}")
        return Shard(int(found[1]), count)
    ordinal = re.search(r"-(\d{1,6})$", identity, re.ASCII)
    if ordinal is None:
        raise ShardError(
            f"{text!r}: the name {identity!r} does not end in a number as a StatefulSet's pods do;"
            " give the number itself, or set the identity to the pod's name"
        )
    return Shard(int(ordinal[1]), count)
