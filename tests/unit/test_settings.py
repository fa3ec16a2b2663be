"""What an installation sets is read, or refused before anything begins."""

import pytest

from serveractions.config import Config
from serveractions.operate import load


def test_flags_win_over_the_environment_and_both_over_the_defaults() -> None:
    environment = {"SERVERACTIONS_SLOTS": "3", "SERVERACTIONS_WORKERS": "5", "SLOTS": "7"}
    config = load(environment, {"slots": "4", "workers": None})
    assert (config.slots, config.workers) == (4, 5)
    assert config.read_timeout == Config().read_timeout


@pytest.mark.parametrize(
    ("name", "text"),
    [("slots", "many"), ("read_timeout", "20s"), ("allow_insecure_tls", "perhaps")],
)
def test_a_value_that_cannot_be_read_names_its_setting(name: str, text: str) -> None:
    with pytest.raises(SystemExit) as caught:
        load({}, {name: text})
    assert name in str(caught.value)
    assert text in str(caught.value)


def test_allowed_addresses_are_a_list_with_commas() -> None:
    given = "https://keystone.example:5000, https://nova.example/compute/,"
    assert load({}, {"allowed_urls": given}).allowed_urls == (
        "https://keystone.example:5000",
        "https://nova.example/compute/",
    )


@pytest.mark.parametrize(
    "url",
    [
        "keystone.example",
        "https:/keystone.example",
        "https://*.example",
        "https://k/?a=b",
        "https://k:0",
    ],
)
def test_an_allowed_address_that_nothing_can_have_is_refused_at_the_start(url: str) -> None:
    with pytest.raises(SystemExit) as caught:
        load({}, {"allowed_urls": f"https://nova.example,{url}"})
    assert "allowed_urls" in str(caught.value)
    assert url in str(caught.value)
