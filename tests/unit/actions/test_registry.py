"""Every kind has its action, and the two agree about names."""

import pytest

from serveractions.actions.action import Look
from serveractions.actions.registry import ACTIONS, action_for
from serveractions.api.kinds import KINDS, Kind


def test_every_kind_has_an_action_and_every_action_a_kind() -> None:
    assert set(ACTIONS) == {kind.name for kind in KINDS}


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_kind_and_action_have_the_same_name_in_nova(kind: Kind) -> None:
    assert action_for(kind.name).name == kind.action


def test_an_unknown_kind_has_no_action() -> None:
    with pytest.raises(KeyError):
        action_for("ServerReboot")


def test_only_the_state_reset_waits_for_no_other_action() -> None:
    assert [name for name, action in ACTIONS.items() if not action.exclusive] == [
        "ServerStateReset"
    ]


def test_the_records_are_named_as_nova_names_them() -> None:
    assert {action.name: action.record for action in ACTIONS.values()} == {
        "createBackup": "createBackup",
        "migrate": "migrate",
        "os-migrateLive": "live-migration",
        "os-resetState": "resetState",
        "changePassword": "changePassword",
        "resetNetwork": None,
        "injectNetworkInfo": None,
    }


def test_each_looks_only_at_what_it_judges_by() -> None:
    assert {action.name: action.looks for action in ACTIONS.values()} == {
        "createBackup": {Look.ACTION, Look.IMAGE},
        "migrate": {Look.ACTION, Look.MIGRATIONS},
        "os-migrateLive": {Look.ACTION, Look.MIGRATIONS, Look.PROGRESS},
        "os-resetState": set(),
        "changePassword": {Look.ACTION},
        "resetNetwork": set(),
        "injectNetworkInfo": set(),
    }
