"""The table of kinds: one row for each Nova action.

What is made per kind, from CRD to watch, is made from this table. A row says what the action is
called on both sides and what its users write. What the action does is no part of it: `actions`
knows that, one layer above.
"""

from dataclasses import dataclass

from serveractions.api.spec import (
    ActionSpec,
    ServerBackupSpec,
    ServerLiveMigrationSpec,
    ServerMigrationSpec,
    ServerNetworkInjectionSpec,
    ServerNetworkResetSpec,
    ServerPasswordChangeSpec,
    ServerStateResetSpec,
)

GROUP = "serveractions.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"
CATEGORIES = ("serveractions", "openstack")
"""`kubectl get <category>` lists every kind in it."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of `kubectl get`; a wide one shows with `-o wide` only."""

    name: str
    path: str
    type: str = "string"
    wide: bool = False


_PROGRESS = Column("Progress", ".status.progress.percent", type="integer")
_SOURCE = Column("Source", ".status.server.sourceHost", wide=True)
_DESTINATION = Column("Destination", ".status.migration.destHost", wide=True)
_IMAGE = Column("Image", ".status.image.name", wide=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of custom resource.

    Attributes:
        name: In manifests, e.g. `ServerBackup`.
        plural: In URLs and RBAC rules.
        singular: For kubectl and for file names.
        short: For hurried people.
        action: Nova's name of the action in the request body.
        spec: What users write.
        columns: Of `kubectl get`, beside those that every kind has.
    """

    name: str
    plural: str
    singular: str
    short: str
    action: str
    spec: type[ActionSpec]
    columns: tuple[Column, ...] = ()

    @property
    def crd_name(self) -> str:
        """The name of its CustomResourceDefinition."""
        return f"{self.plural}.{GROUP}"

    def __str__(self) -> str:
        return self.name


KINDS: tuple[Kind, ...] = (
    Kind(
        name="ServerBackup",
        plural="serverbackups",
        singular="serverbackup",
        short="sbk",
        action="createBackup",
        spec=ServerBackupSpec,
        columns=(_PROGRESS, _IMAGE),
    ),
    Kind(
        name="ServerMigration",
        plural="servermigrations",
        singular="servermigration",
        short="smig",
        action="migrate",
        spec=ServerMigrationSpec,
        columns=(_PROGRESS, _SOURCE, _DESTINATION),
    ),
    Kind(
        name="ServerLiveMigration",
        plural="serverlivemigrations",
        singular="serverlivemigration",
        short="slm",
        action="os-migrateLive",
        spec=ServerLiveMigrationSpec,
        columns=(_PROGRESS, _SOURCE, _DESTINATION),
    ),
    Kind(
        name="ServerStateReset",
        plural="serverstateresets",
        singular="serverstatereset",
        short="ssr",
        action="os-resetState",
        spec=ServerStateResetSpec,
    ),
    Kind(
        name="ServerPasswordChange",
        plural="serverpasswordchanges",
        singular="serverpasswordchange",
        short="spw",
        action="changePassword",
        spec=ServerPasswordChangeSpec,
    ),
    Kind(
        name="ServerNetworkReset",
        plural="servernetworkresets",
        singular="servernetworkreset",
        short="snr",
        action="resetNetwork",
        spec=ServerNetworkResetSpec,
    ),
    Kind(
        name="ServerNetworkInjection",
        plural="servernetworkinjections",
        singular="servernetworkinjection",
        short="sni",
        action="injectNetworkInfo",
        spec=ServerNetworkInjectionSpec,
    ),
)

BY_NAME: dict[str, Kind] = {kind.name: kind for kind in KINDS}
