"""Who may use the local cloud: users, projects, roles, and the clouds.yaml that names them.

Passwords are random and all different, so that a test can search everything the operator writes for
each of them, and a hit says whose it was.
"""

import secrets
from collections.abc import Mapping
from typing import Any

DOMAIN = "default"
REGION = "RegionOne"
SERVICE_USER = "nova"
SERVICE_PROJECT = "service"

PROJECTS = ("demo", "other", SERVICE_PROJECT)
USERS = ("admin", "manager", "member", "reader", "other", SERVICE_USER)
ASSIGNMENTS = (
    ("admin", "demo", "admin"),
    ("admin", "other", "admin"),
    ("manager", "demo", "manager"),
    ("member", "demo", "member"),
    ("reader", "demo", "reader"),
    ("other", "other", "member"),
    (SERVICE_USER, SERVICE_PROJECT, "admin"),
    (SERVICE_USER, SERVICE_PROJECT, "service"),
)
"""User, project, role. Keystone implies the lesser roles: who is a member is a reader too."""

CLOUDS = {
    "admin": ("admin", "demo"),
    "manager": ("manager", "demo"),
    "member": ("member", "demo"),
    "reader": ("reader", "demo"),
    "other": ("other", "other"),
    "admin-other": ("admin", "other"),
}
"""Name in clouds.yaml: user and project. `admin-other` may act on servers it does not own."""

CATALOG = ("compute", "placement", "image")
"""Types of the services besides identity, which Keystone itself enters."""


def new_passwords() -> dict[str, str]:
    """Make up a password for each user."""
    return {user: secrets.token_urlsafe(24) for user in USERS}


def for_keystone(passwords: Mapping[str, str]) -> dict[str, Any]:
    """Return what the Keystone template is made from."""
    return {
        "passwords": dict(passwords),
        "projects": PROJECTS,
        "assignments": ASSIGNMENTS,
        "services": CATALOG,
    }


def clouds_yaml(identity_url: str, passwords: Mapping[str, str]) -> dict[str, Any]:
    """Return the contents of clouds.yaml."""
    return {
        "clouds": {
            name: {
                "auth_type": "password",
                "auth": {
                    "auth_url": identity_url,
                    "username": user,
                    "password": passwords[user],
                    "project_name": project,
                    "user_domain_id": DOMAIN,
                    "project_domain_id": DOMAIN,
                },
                "region_name": REGION,
                "identity_api_version": 3,
            }
            for name, (user, project) in CLOUDS.items()
        }
    }
