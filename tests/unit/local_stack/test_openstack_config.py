"""The configuration files of the OpenStack services, read back as the services would read them."""

import configparser
from pathlib import Path

import pytest

from local_stack import openstack_config
from local_stack.openstack_config import Paths, Ports, Settings

PATHS = Paths(state=Path("/state"), venv=Path("/venv"))
PORTS = Ports(keystone=1001, glance=1002, nova=1003, placement=1004, control=1005)
PASSWORDS = {"nova": "service-pass"}


def read(text: str) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string(text)
    return parser


@pytest.fixture
def nova() -> configparser.ConfigParser:
    return read(openstack_config.nova(PATHS, PORTS, PASSWORDS, Settings()))


def test_nova_finds_the_other_services_on_loopback(nova: configparser.ConfigParser) -> None:
    assert nova["glance"]["endpoint_override"] == "http://127.0.0.1:1002"
    assert nova["placement"]["endpoint_override"] == "http://127.0.0.1:1004"
    assert nova["keystone_authtoken"]["auth_url"] == "http://127.0.0.1:1001/v3"


def test_nova_logs_in_as_the_service_user(nova: configparser.ConfigParser) -> None:
    assert nova["keystone_authtoken"]["username"] == "nova"
    assert nova["keystone_authtoken"]["password"] == "service-pass"
    assert nova["keystone_authtoken"]["project_name"] == "service"


def test_nova_confirms_no_migration_by_itself_unless_told_to(
    nova: configparser.ConfigParser,
) -> None:
    impatient = Settings(resize_confirm_window=3)
    told = read(openstack_config.nova(PATHS, PORTS, PASSWORDS, impatient))
    assert nova["DEFAULT"]["resize_confirm_window"] == "0"
    assert told["DEFAULT"]["resize_confirm_window"] == "3"


def test_each_service_has_a_database_of_its_own(nova: configparser.ConfigParser) -> None:
    keystone = read(openstack_config.keystone(PATHS))
    glance = read(openstack_config.glance(PATHS, PORTS, PASSWORDS))
    placement = read(openstack_config.placement(PATHS))
    urls = [
        nova["api_database"]["connection"],
        nova["database"]["connection"],
        keystone["database"]["connection"],
        glance["database"]["connection"],
        placement["placement_database"]["connection"],
    ]
    assert len(set(urls)) == len(urls)
    assert all(url.startswith("sqlite:////state/databases/") for url in urls)


def test_everything_that_is_written_stays_in_the_state_directory() -> None:
    texts = [
        openstack_config.keystone(PATHS),
        openstack_config.glance(PATHS, PORTS, PASSWORDS),
        openstack_config.placement(PATHS),
        openstack_config.nova(PATHS, PORTS, PASSWORDS, Settings()),
    ]
    values = [
        value for text in texts for section in read(text).values() for value in section.values()
    ]
    absolute = {value for value in values if value.startswith("/")}
    assert absolute
    assert all(value.startswith(("/state/", "/venv/etc/")) for value in absolute)


def test_a_dollar_sign_is_not_taken_for_the_name_of_an_option() -> None:
    assert openstack_config.ini({"DEFAULT": {"secret": "a$b"}}) == "[DEFAULT]\nsecret = a$$b\n"


def test_truth_values_are_written_as_oslo_reads_them() -> None:
    assert openstack_config.ini({"a": {"x": True}, "b": {"y": False}}) == (
        "[a]\nx = true\n\n[b]\ny = false\n"
    )
