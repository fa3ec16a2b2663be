"""Where the OpenStack environment is cached, and what makes it a new one."""

import re
from pathlib import Path

import pytest

from local_stack import openstack_environment


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    lock = tmp_path / "requirements.txt"
    lock.write_text("nova==1\n")
    return lock


def test_the_cache_follows_the_xdg_convention(tmp_path: Path, lock: Path) -> None:
    environ = {"XDG_CACHE_HOME": str(tmp_path)}
    cache = openstack_environment.cache_directory(environ, lock)
    assert cache.parent == tmp_path / "serveractions"
    assert cache.name.startswith("openstack-")


def test_without_the_variable_the_cache_is_in_the_home_directory(lock: Path) -> None:
    cache = openstack_environment.cache_directory({}, lock)
    assert cache.is_relative_to(Path.home() / ".cache")


def test_a_changed_lock_is_a_new_environment(lock: Path) -> None:
    before = openstack_environment.cache_directory({}, lock)
    assert openstack_environment.cache_directory({}, lock) == before
    lock.write_text("nova==2\n")
    assert openstack_environment.cache_directory({}, lock) != before


def test_changed_accounts_are_a_new_template(monkeypatch: pytest.MonkeyPatch) -> None:
    before = openstack_environment.template_key()
    assert openstack_environment.template_key() == before
    users = (*openstack_environment.openstack_accounts.USERS, "somebody")
    monkeypatch.setattr(openstack_environment.openstack_accounts, "USERS", users)
    assert openstack_environment.template_key() != before


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-build.txt"])
def test_the_locks_name_versions_and_hashes_and_nothing_else(name: str) -> None:
    text = (openstack_environment.SOURCE / name).read_text()
    code = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    packages = re.split(r"\n(?=\S)", code)
    assert all(
        re.fullmatch(r"[\w.-]+==\S+( ; [^\n]+)?( \\\n    --hash=sha256:[0-9a-f]{64})+", package)
        for package in packages
    )


def test_both_locks_build_with_the_same_setuptools() -> None:
    pins = {
        re.findall(r"^setuptools==\S+", lock.read_text(), re.MULTILINE)[0]
        for lock in (openstack_environment.LOCK, openstack_environment.BUILD_LOCK)
    }
    assert len(pins) == 1


def test_the_directory_never_becomes_a_package_that_hides_the_sdk() -> None:
    assert not (openstack_environment.SOURCE / "__init__.py").exists()
