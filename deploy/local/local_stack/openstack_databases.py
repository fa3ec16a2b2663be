"""Databases that are migrated and filled once, and copied for each stack.

The migrations of four services and the bootstrap of Keystone take a quarter of a minute; copying
the resulting SQLite files takes milliseconds. Only the addresses in Keystone's catalog differ
between two stacks, and they are written into the copy.
"""

import contextlib
import shutil
import sqlite3
from collections.abc import Mapping

from local_stack.commands import StackError
from local_stack.openstack_config import Paths


def copy(template: Paths, target: Paths) -> None:
    """Copy databases and keys; the keys are readable by their owner only, and stay so."""
    shutil.copytree(template.databases, target.databases)
    shutil.copytree(template.keys, target.keys)


def write_ahead_logging(paths: Paths) -> None:
    """Let readers and a writer use a database at once; the file itself remembers the mode."""
    for file in sorted(paths.databases.iterdir()):
        with contextlib.closing(sqlite3.connect(file)) as connection:
            connection.execute("PRAGMA journal_mode=WAL")


def write_catalog(paths: Paths, catalog: Mapping[str, str]) -> None:
    """Enter the addresses of this stack's services, by service type.

    Raises:
        StackError: The template lacks one of the services.
    """
    file = paths.databases / "keystone.db"
    with contextlib.closing(sqlite3.connect(file)) as connection, connection:
        for kind, url in catalog.items():
            changed = connection.execute(
                "UPDATE endpoint SET url = ? "
                "WHERE service_id IN (SELECT id FROM service WHERE type = ?)",
                (url, kind),
            )
            if not changed.rowcount:
                raise StackError(
                    f"Keystone's template has no service of type {kind}: "
                    f"delete {file.parent.parent} and start again"
                )
