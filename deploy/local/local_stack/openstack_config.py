"""The configuration files of Keystone, Glance, Placement and Nova, as text.

Pure: addresses and paths go in, the contents of the files come out.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from local_stack.openstack_accounts import DOMAIN, SERVICE_PROJECT, SERVICE_USER

LOOPBACK = "http://127.0.0.1"

Sections = Mapping[str, Mapping[str, object]]


@dataclass(frozen=True, kw_only=True)
class Ports:
    """Where the services listen, on 127.0.0.1."""

    keystone: int
    glance: int
    nova: int
    placement: int
    control: int

    @property
    def identity_url(self) -> str:
        """Keystone's address, as clients need it."""
        return f"{LOOPBACK}:{self.keystone}/v3"

    @property
    def catalog(self) -> dict[str, str]:
        """Service type and address, as they stand in Keystone's catalog."""
        return {
            "identity": self.identity_url,
            "image": f"{LOOPBACK}:{self.glance}",
            "compute": f"{LOOPBACK}:{self.nova}/v2.1",
            "placement": f"{LOOPBACK}:{self.placement}",
        }


@dataclass(frozen=True, kw_only=True)
class Paths:
    """Where the services keep things; `databases` and `keys` are copied from the template."""

    state: Path
    venv: Path

    @property
    def keystone_conf(self) -> Path:
        """Keystone looks for this name in a directory it is given."""
        return self.state / "keystone" / "keystone.conf"

    @property
    def glance_conf(self) -> Path:
        """Glance looks for this name in a directory it is given."""
        return self.state / "glance" / "glance-api.conf"

    @property
    def nova_conf(self) -> Path:
        """Nova's configuration."""
        return self.state / "nova" / "nova.conf"

    @property
    def placement_conf(self) -> Path:
        """Placement's configuration."""
        return self.state / "placement" / "placement.conf"

    @property
    def databases(self) -> Path:
        """The directory of the SQLite files."""
        return self.state / "databases"

    @property
    def keys(self) -> Path:
        """The directory of Keystone's key repositories."""
        return self.state / "keys"

    def database_url(self, name: str) -> str:
        """Return the SQLAlchemy address of a database."""
        return f"sqlite:///{self.databases / name}.db"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What a caller may want different in the local cloud."""

    resize_confirm_window: int = 0
    """Seconds after which Nova confirms a migration by itself; 0: never, as in a default Nova."""
    concurrent_live_migrations: int = 8
    """Per source host; the others wait as `queued`. Nova's own default is 1."""


DATABASE: Mapping[str, object] = {
    # Nothing here has to survive a power failure, and waiting for the disk is a third of a request.
    "sqlite_synchronous": False,
}

LOGGING: Mapping[str, object] = {
    "use_stderr": True,  # the supervisor sends it to the one log file of the process
    "debug": False,
}


def keystone(paths: Paths) -> str:
    """Return keystone.conf."""
    return ini(
        {
            "DEFAULT": LOGGING,
            "database": {"connection": paths.database_url("keystone"), **DATABASE},
            "token": {"provider": "fernet"},
            "fernet_tokens": {"key_repository": paths.keys / "fernet"},
            "fernet_receipts": {"key_repository": paths.keys / "fernet"},
            "credential": {"key_repository": paths.keys / "credential"},
            # Random passwords on loopback need no slow hash; every log-in would take 0.3 s.
            "identity": {"password_hash_rounds": 4},
        }
    )


def glance(paths: Paths, ports: Ports, passwords: Mapping[str, str]) -> str:
    """Return glance-api.conf."""
    return ini(
        {
            "DEFAULT": {
                **LOGGING,
                "enabled_backends": "file:file",
                "worker_self_reference_url": ports.catalog["image"],
                "enabled_import_methods": "[]",
            },
            "glance_store": {"default_backend": "file"},
            "file": {"filesystem_store_datadir": paths.state / "glance" / "images"},
            "os_glance_staging_store": {
                "filesystem_store_datadir": paths.state / "glance" / "staging"
            },
            "os_glance_tasks_store": {"filesystem_store_datadir": paths.state / "glance" / "tasks"},
            "database": {"connection": paths.database_url("glance"), **DATABASE},
            "paste_deploy": {
                "flavor": "keystone",
                "config_file": paths.venv / "etc" / "glance" / "glance-api-paste.ini",
            },
            "keystone_authtoken": _token_validation(ports, passwords),
        }
    )


def placement(paths: Paths) -> str:
    """Return placement.conf."""
    return ini(
        {
            "placement_database": {"connection": paths.database_url("placement"), **DATABASE},
            # Only Nova, in the same process, talks to it: no round trip to Keystone for each call.
            "api": {"auth_strategy": "noauth2"},
        }
    )


def nova(paths: Paths, ports: Ports, passwords: Mapping[str, str], settings: Settings) -> str:
    """Return nova.conf."""
    service_user = _service_user(ports, passwords)
    return ini(
        {
            "DEFAULT": {
                **LOGGING,
                "my_ip": "127.0.0.1",
                "state_path": paths.state / "nova",
                "instances_path": paths.state / "nova" / "instances",
                "transport_url": "fake://",  # in memory: all services are in one process
                "compute_driver": "loopback.LoopbackDriver",
                "periodic_enable": False,  # tests run the task they need, see the control endpoint
                "report_interval": 10,
                "service_down_time": 60,
                "resize_confirm_window": settings.resize_confirm_window,
                "max_concurrent_live_migrations": settings.concurrent_live_migrations,
                "vif_plugging_timeout": 0,  # nobody would report a port as plugged
            },
            "api_database": {"connection": paths.database_url("nova_api"), **DATABASE},
            "database": {"connection": paths.database_url("nova_cell1"), **DATABASE},
            "oslo_concurrency": {"lock_path": paths.state / "nova" / "locks"},
            "oslo_messaging_notifications": {"driver": "noop"},
            "wsgi": {"api_paste_config": paths.venv / "etc" / "nova" / "api-paste.ini"},
            "glance": {"endpoint_override": ports.catalog["image"], "num_retries": 1},
            "placement": {
                "auth_type": "admin_token",
                "endpoint": ports.catalog["placement"],
                "endpoint_override": ports.catalog["placement"],
                "token": "admin",
            },
            "keystone": {"endpoint_override": ports.identity_url, **service_user},
            "keystone_authtoken": _token_validation(ports, passwords),
            "quota": {"driver": "nova.quota.NoopQuotaDriver"},  # the default ends at 10 servers
            "filter_scheduler": {
                # a host where a test made a build fail would be avoided by the next test
                "build_failure_weight_multiplier": 0,
            },
            "key_manager": {"backend": "nova.keymgr.conf_key_mgr.ConfKeyManager"},
            "vnc": {"enabled": False},
        }
    )


def ini(sections: Sections) -> str:
    """Return sections in the format of oslo.config."""
    return "\n".join(
        f"[{name}]\n" + "".join(f"{key} = {_text(value)}\n" for key, value in options.items())
        for name, options in sections.items()
    )


def _text(value: object) -> str:
    """Return a value as text; oslo.config would replace what follows a dollar sign."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value).replace("$", "$$")


def _service_user(ports: Ports, passwords: Mapping[str, str]) -> dict[str, object]:
    return {
        "auth_type": "password",
        "auth_url": ports.identity_url,
        "username": SERVICE_USER,
        "password": passwords[SERVICE_USER],
        "user_domain_id": DOMAIN,
        "project_domain_id": DOMAIN,
        "project_name": SERVICE_PROJECT,
    }


def _token_validation(ports: Ports, passwords: Mapping[str, str]) -> dict[str, object]:
    return {
        "www_authenticate_uri": ports.identity_url,
        "service_token_roles_required": True,
        **_service_user(ports, passwords),
    }
