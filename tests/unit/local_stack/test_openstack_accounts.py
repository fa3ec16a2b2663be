"""Who may use the local cloud."""

from local_stack import openstack_accounts
from local_stack.openstack_accounts import ASSIGNMENTS, CLOUDS, PROJECTS, USERS

URL = "http://127.0.0.1:1001/v3"


def test_every_password_is_different_and_no_user_name() -> None:
    passwords = openstack_accounts.new_passwords()
    assert set(passwords) == set(USERS)
    assert len(set(passwords.values())) == len(USERS)
    assert not set(passwords.values()) & set(USERS)


def test_two_clouds_do_not_share_a_password() -> None:
    one, other = openstack_accounts.new_passwords(), openstack_accounts.new_passwords()
    assert not set(one.values()) & set(other.values())


def test_every_cloud_is_one_that_its_user_may_enter() -> None:
    entered = {(user, project) for user, project, _ in ASSIGNMENTS}
    assert set(CLOUDS.values()) <= entered
    assert {project for _, project in CLOUDS.values()} <= set(PROJECTS)


def test_clouds_yaml_holds_each_users_own_password() -> None:
    passwords = {user: f"pass of {user}" for user in USERS}
    clouds = openstack_accounts.clouds_yaml(URL, passwords)["clouds"]
    assert set(clouds) == set(CLOUDS)
    assert clouds["member"]["auth"]["password"] == "pass of member"
    assert clouds["admin-other"]["auth"] == {
        "auth_url": URL,
        "username": "admin",
        "password": "pass of admin",
        "project_name": "other",
        "user_domain_id": "default",
        "project_domain_id": "default",
    }
