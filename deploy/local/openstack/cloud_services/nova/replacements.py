"""Neutron, Cinder and a lock for SQLite, from the fixtures that Nova ships with its own tests.

They replace what Nova would send to services that this stack does not run. Keystone and Glance are
real, so their fixtures are not used.
"""

import threading
from typing import Any

import fixtures
from nova.tests import fixtures as nova_fixtures
from typing_extensions import override

from cloud_services.nova.configuration import CONF


class Networks(nova_fixtures.NeutronFixture):
    """Nova's fake Neutron, opened to all projects and to several threads."""

    def __init__(self, test: "Replacements") -> None:
        super().__init__(test)
        self._listing = threading.RLock()

    @override
    def _list_resource(
        self,
        resources: dict[str, Any],
        retrieve_all: bool,
        **filters: Any,
    ) -> list[Any]:
        """List whatever belongs to any project: the stock networks belong to one fixed project."""
        for key in ("tenant_id", "project_id"):
            filters.pop(key, None)
        with self._listing:
            return super()._list_resource(dict(resources), retrieve_all, **filters)


class Volumes(nova_fixtures.CinderFixture):
    """Nova's fake Cinder, in which any id is that of a bootable volume of 1 GB.

    The stock fixture knows one bootable volume, which one server at a time can be booted from.
    """

    @override
    def fake_get(self, context: Any, volume_id: str, microversion: str | None = None) -> Any:
        """Return a volume."""
        volume = super().fake_get(context, volume_id, microversion)
        return {"bootable": True, "volume_image_metadata": {}, **volume}


class Replacements(fixtures.Fixture):
    """All of them; stands in for the test case that Nova's fixtures expect to be part of."""

    def stub_out(self, old: str, new: Any) -> None:
        """Replace an attribute, as Nova's test case does."""
        self.useFixture(fixtures.MonkeyPatch(old, new))

    def flags(self, group: str | None = None, **options: Any) -> None:
        """Override options, as Nova's test case does."""
        for name, value in options.items():
            CONF.set_override(name, value, group)

    def _setUp(self) -> None:  # noqa: N802 (the hook of fixtures.Fixture)
        # SQLite has one writer per file; without the lock, threads see "database is locked".
        self.useFixture(nova_fixtures.DatabaseWriteLock())
        # Nova writes the identity of *the* compute node of this machine to a file. We have several.
        self.useFixture(nova_fixtures.ComputeNodeIdFixture())
        self.useFixture(Networks(self))
        self.useFixture(Volumes(self))


def replace_missing_services() -> None:
    """Put the replacements in place for the life of the process."""
    Replacements().setUp()
