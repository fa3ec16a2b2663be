"""Fill an empty Keystone database: `python -m cloud_services.keystone_template`.

Besides the tables it holds the roles, projects, users and the catalog. Made through the API at each
start, that would be the slowest part of it. The catalog's addresses are placeholders: which ports a
stack gets is known when it starts, and `local_stack.openstack_databases` writes them into its copy.
"""

import argparse
import json
import uuid
from pathlib import Path
from typing import Any

import keystone.conf
from keystone.cmd.bootstrap import Bootstrapper
from keystone.common import fernet_utils, provider_api, sql
from keystone.common.sql import upgrades

PROVIDERS = provider_api.ProviderAPIs
DOMAIN = "default"
REGION = "RegionOne"
PLACEHOLDER = "http://127.0.0.1:1"
INTERFACES = ("public", "internal", "admin")


def main() -> None:
    """Create everything that the accounts file describes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keystone-conf", type=Path, required=True)
    parser.add_argument("--accounts", type=Path, required=True, help="JSON, see local_stack")
    arguments = parser.parse_args()
    accounts = json.loads(arguments.accounts.read_text())
    _configure(arguments.keystone_conf)
    upgrades.offline_sync_database_to_version()
    _create_keys()
    _bootstrap(accounts["passwords"]["admin"])
    _create_accounts(accounts)
    for service in accounts["services"]:
        _create_service(service)


def _configure(file: Path) -> None:
    keystone.conf.configure()
    sql.initialize()
    keystone.conf.set_default_for_default_log_levels()
    keystone.conf.CONF([], project="keystone", default_config_files=[str(file)])
    keystone.conf.setup_logging()


def _create_keys() -> None:
    """Create the keys that tokens, receipts and credentials are encrypted with."""
    conf = keystone.conf.CONF
    for group in (conf.fernet_tokens, conf.credential):
        keys = fernet_utils.FernetUtils(group.key_repository, 2, "local stack")
        keys.create_key_directory()
        keys.initialize_key_repository()


def _bootstrap(password: str) -> None:
    """Do what `keystone-manage bootstrap` does: default domain, roles, administrator."""
    bootstrapper = Bootstrapper()  # also loads the managers behind PROVIDERS
    bootstrapper.admin_password = password
    bootstrapper.admin_username = "admin"
    bootstrapper.project_name = "admin"
    bootstrapper.admin_role_name = "admin"
    bootstrapper.region_id = REGION
    bootstrapper.service_name = "keystone"
    bootstrapper.public_url = bootstrapper.internal_url = bootstrapper.admin_url = PLACEHOLDER
    bootstrapper.bootstrap()


def _create_accounts(accounts: dict[str, Any]) -> None:
    projects = {name: _create_project(name) for name in accounts["projects"]}
    users = {
        name: _create_user(name, password)
        for name, password in accounts["passwords"].items()
        if name != "admin"
    }
    users["admin"] = PROVIDERS.identity_api.get_user_by_name("admin", DOMAIN)["id"]
    roles = {role["name"]: role["id"] for role in PROVIDERS.role_api.list_roles()}
    for user, project, role in accounts["assignments"]:
        PROVIDERS.assignment_api.add_role_to_user_and_project(
            users[user], projects[project], roles[role]
        )


def _create_project(name: str) -> str:
    identifier = uuid.uuid4().hex
    project = {"id": identifier, "name": name, "domain_id": DOMAIN, "enabled": True}
    PROVIDERS.resource_api.create_project(identifier, project)
    return identifier


def _create_user(name: str, password: str) -> str:
    user = {"name": name, "password": password, "domain_id": DOMAIN, "enabled": True}
    return PROVIDERS.identity_api.create_user(user)["id"]


def _create_service(kind: str) -> None:
    service = uuid.uuid4().hex
    PROVIDERS.catalog_api.create_service(
        service, {"id": service, "type": kind, "name": kind, "enabled": True}
    )
    for interface in INTERFACES:
        endpoint = uuid.uuid4().hex
        PROVIDERS.catalog_api.create_endpoint(
            endpoint,
            {
                "id": endpoint,
                "interface": interface,
                "service_id": service,
                "region_id": REGION,
                "url": PLACEHOLDER,
                "enabled": True,
            },
        )


if __name__ == "__main__":
    main()
