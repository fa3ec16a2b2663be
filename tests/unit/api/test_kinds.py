"""The table of kinds: names are a contract, and must not clash."""

from serveractions.api.kinds import BY_NAME, KINDS


def test_every_action_of_nova_has_one_kind() -> None:
    assert {kind.action: kind.name for kind in KINDS} == {
        "createBackup": "ServerBackup",
        "migrate": "ServerMigration",
        "os-migrateLive": "ServerLiveMigration",
        "os-resetState": "ServerStateReset",
        "changePassword": "ServerPasswordChange",
        "resetNetwork": "ServerNetworkReset",
        "injectNetworkInfo": "ServerNetworkInjection",
    }


def test_no_two_kinds_share_a_name_that_kubectl_takes() -> None:
    names = [name for kind in KINDS for name in (kind.plural, kind.singular, kind.short)]

    assert len(names) == len(set(names))


def test_names_follow_from_each_other() -> None:
    for kind in KINDS:
        assert BY_NAME[kind.name] is kind
        assert kind.singular == kind.name.lower()
        assert kind.plural == f"{kind.singular}s"
        assert kind.crd_name == f"{kind.plural}.serveractions.dev"
        assert kind.spec.__name__ == f"{kind.name}Spec"
