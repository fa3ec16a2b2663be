"""The copies of the database templates."""

import contextlib
import sqlite3
from pathlib import Path

import pytest

from local_stack import openstack_databases
from local_stack.commands import StackError
from local_stack.openstack_config import Paths


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    paths = Paths(state=tmp_path, venv=Path("/venv"))
    paths.databases.mkdir()
    with contextlib.closing(sqlite3.connect(paths.databases / "keystone.db")) as connection:
        connection.executescript(
            """
            CREATE TABLE service (id TEXT, type TEXT);
            CREATE TABLE endpoint (service_id TEXT, interface TEXT, url TEXT);
            INSERT INTO service VALUES ('1', 'compute'), ('2', 'image');
            INSERT INTO endpoint VALUES
                ('1', 'public', 'x'), ('1', 'admin', 'x'), ('2', 'public', 'x');
            """
        )
    return paths


def endpoints(paths: Paths) -> list[tuple[str, str]]:
    with contextlib.closing(sqlite3.connect(paths.databases / "keystone.db")) as connection:
        return list(connection.execute("SELECT service_id, url FROM endpoint ORDER BY 1, 2"))


def test_all_interfaces_of_a_service_get_its_address(paths: Paths) -> None:
    openstack_databases.write_catalog(paths, {"compute": "http://nova", "image": "http://glance"})
    assert endpoints(paths) == [("1", "http://nova"), ("1", "http://nova"), ("2", "http://glance")]


def test_a_service_that_the_template_lacks_is_an_error(paths: Paths) -> None:
    with pytest.raises(StackError, match="no service of type network"):
        openstack_databases.write_catalog(paths, {"network": "http://neutron"})


def test_databases_remember_write_ahead_logging(paths: Paths) -> None:
    openstack_databases.write_ahead_logging(paths)
    with contextlib.closing(sqlite3.connect(paths.databases / "keystone.db")) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_copy_keeps_keys_private(paths: Paths, tmp_path: Path) -> None:
    paths.keys.mkdir()
    key = paths.keys / "0"
    key.touch(mode=0o600)
    copy = Paths(state=tmp_path / "copy", venv=Path("/venv"))
    copy.state.mkdir()
    openstack_databases.copy(paths, copy)
    assert (copy.keys / "0").stat().st_mode & 0o777 == 0o600
    assert (copy.databases / "keystone.db").exists()
