"""Keep SQLite connections open between transactions.

oslo.db opens a connection for every transaction and closes it after. SQLite reads the whole schema
for each, and when the last one closes, it writes the write-ahead log back and deletes it: together
a third of the time that Nova takes to create a server.
"""

from typing import Any

from oslo_db.sqlalchemy import engines
from sqlalchemy import event, pool

KEPT_OPEN = 16


class KeptConnections(pool.QueuePool):
    """A pool without an upper limit: a request must never wait for another's connection."""

    def __init__(self, creator: Any, **options: Any) -> None:
        unlimited = {"pool_size": KEPT_OPEN, "max_overflow": -1, "use_lifo": True}
        super().__init__(creator, **(options | unlimited))


def keep_connections_open() -> None:
    """Change the pool of all engines that are created from now on."""
    engines.pool.NullPool = KeptConnections
    event.listen(KeptConnections, "checkin", _forget_transaction)


def _forget_transaction(_: Any, record: Any) -> None:
    """Drop oslo.db's mark of an open transaction, which the pool has rolled back by now.

    oslo.db itself drops it on commit and on rollback, and relies on the connection being closed
    otherwise. With the mark, the next user of the connection would get no transaction at all.
    """
    record.info.pop("in_transaction", None)
