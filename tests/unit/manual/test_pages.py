"""The page of a kind: all that its users can write and read, and no more than is so."""

import re
from pathlib import Path

import pytest

import api_cases
from serveractions.actions import registry
from serveractions.actions.action import Go, Target
from serveractions.actions.observation import Server
from serveractions.api.kinds import BY_NAME, KINDS
from serveractions.api.reasons import ADVICE, REASONS
from serveractions.api.status import Phase, Reason
from serveractions.manual import pages
from serveractions.manual.facts import phases_of, reasons_of
from serveractions.manual.fields import tree
from serveractions.manual.request import request_of

ROOT = Path(__file__).parents[3]
ACTIONS = ROOT / "operator" / "serveractions" / "actions"
PAGES = pages.render(ROOT / "deploy" / "samples")


def smallest(kind):
    return kind.spec.model_validate(api_cases.smallest(kind.name))


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_a_page_names_every_field_with_its_type_and_bounds(kind) -> None:
    page = " ".join(PAGES[f"{kind.singular}.md"].split())
    for field in tree(kind).below():
        if len(field.path) > 1:
            facts = re.escape(", ".join(field.facts()))
            assert re.search(rf"\*\*`{field.name}`\*\* \({facts}[,)]", page), field.path
            assert field.about in page, field.path
        for rule in field.rules:
            assert rule in page, field.path


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_a_page_says_of_every_field_of_the_spec_whether_it_may_change(kind) -> None:
    spec = next(field for field in tree(kind).fields if field.name == "spec")
    changing = {field.name for field in spec.fields if not field.fixed}

    page = " ".join(PAGES[f"{kind.singular}.md"].split())
    for field in spec.fields:
        wanted = "may be changed" if field.name in changing else "fixed"
        assert re.search(rf"\*\*`{field.name}`\*\* \([^)]*, {wanted}\)", page), field.path
    assert {"suspend", "cancel", "ttlSecondsAfterFinished"} <= changing
    assert "serverRef" not in changing


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_a_page_shows_the_sample_and_the_request_that_it_leads_to(kind) -> None:
    page = PAGES[f"{kind.singular}.md"]

    assert (ROOT / "deploy" / "samples" / f"{kind.singular}.yaml").read_text() in page
    assert "POST /servers/<id of the server>/action" in page
    assert f'"{kind.action}"' in page


def test_the_pages_of_migrations_show_the_requests_that_may_follow() -> None:
    server = "/servers/<id of the server>"
    for text in ('{"confirmResize": null}', '{"revertResize": null}'):
        assert f"`POST {server}/action` `{text}` at 2.65" in PAGES["servermigration.md"]
    live = PAGES["serverlivemigration.md"]
    assert f"- to abort: `DELETE {server}/migrations/<its number>` at 2.65" in live
    assert f'`POST {server}/migrations/<its number>/action` `{{"force_complete": null}}`' in live
    assert "What may follow" not in PAGES["serverbackup.md"]


def test_the_list_of_pages_has_a_line_for_each_kind() -> None:
    for kind in KINDS:
        assert f"| [{kind.name}]({kind.singular}.md) | `{kind.short}` |" in PAGES["README.md"]


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_what_a_kind_waits_for_is_what_its_own_precheck_says(kind) -> None:
    told, action = request_of(kind, smallest(kind)), registry.action_for(kind.name)

    def check(**facts):
        server = Server(id="1", name="web-1", status="ACTIVE", **{"vm_state": "active"} | facts)
        return action.precheck(smallest(kind), server)

    assert (
        told.sent.body
        == action.request(
            smallest(kind),
            Target(
                uid="<uid of the object>",
                name="<name of the object>",
                server=Server(id="1", name="<name of the server>", status="ACTIVE"),
                password="<the password>",
            ),
            "2.9999",
        ).body
    )
    assert told.obeys_lock == (check(locked=True) != check())
    assert told.waits_for_task == (not isinstance(check(task_state="rebooting"), Go))
    assert ("rescued" in told.states) == (check(vm_state="rescued") == check())


def test_the_states_of_each_action_are_those_that_nova_demands() -> None:
    kinds = {name: request_of(kind, smallest(kind)) for name, kind in BY_NAME.items()}

    assert {name: told.states for name, told in kinds.items() if len(told.states) < 6} == {
        "ServerBackup": ("active", "paused", "suspended", "stopped"),
        "ServerMigration": ("active", "stopped"),
        "ServerLiveMigration": ("active", "paused"),
        "ServerPasswordChange": ("active",),
    }
    assert {name: told.other_states for name, told in kinds.items() if len(told.states) >= 6} == {
        "ServerStateReset": (),
        "ServerNetworkReset": (),
        "ServerNetworkInjection": ("shelved_offloaded",),  # on no host
    }


def test_every_reason_has_its_advice_and_a_phase() -> None:
    assert set(ADVICE) == set(Reason)
    assert set().union(*REASONS.values()) == set(Reason)
    assert set(REASONS) == set(Phase)


def test_only_a_cold_migration_waits_for_a_decision() -> None:
    waiting = {kind.name for kind in KINDS if Phase.AWAITING_DECISION in phases_of(kind)}

    assert waiting == {"ServerMigration"}


@pytest.mark.parametrize(
    ("reason", "module"),
    [(Reason.ROLLED_BACK, "live_migrate.py"), (Reason.REVERTED, "migrate.py")],
)
def test_a_reason_that_only_one_kind_can_give_is_given_by_its_module_alone(reason, module) -> None:
    giving = {
        path.name for path in ACTIONS.glob("*.py") if f"Reason.{reason.name}" in path.read_text()
    }
    kinds = {kind.action for kind in KINDS if reason in reasons_of(kind)}

    assert giving == {module}
    assert kinds == {"os-migrateLive" if module == "live_migrate.py" else "migrate"}
