"""The policy rules that the pages name, compared with those of the real Nova."""

import json
import subprocess

from local_stack import openstack_environment
from local_stack.progress import Silent
from serveractions.actions.policies import POLICIES
from serveractions.api.kinds import BY_NAME

ROLES = {
    "rule:project_member_or_admin": "member",
    "rule:project_manager_or_admin": "manager",
    "rule:context_is_admin": "admin",
}
LIST = """
import json
from nova import policies
print(json.dumps({rule.name: rule.check_str for rule in policies.list_rules()}))
"""


def test_every_policy_rule_is_one_of_novas_with_the_role_that_it_asks_for_by_default() -> None:
    python = openstack_environment.prepare(Silent()).python
    listed = subprocess.run([python, "-c", LIST], check=True, capture_output=True, text=True)  # noqa: S603
    novas = json.loads(listed.stdout)

    named = [rule for rules in POLICIES.values() for rule in rules]

    assert {rule.name: rule.role for rule in named} == {
        rule.name: ROLES.get(novas.get(rule.name, ""), "not Nova's") for rule in named
    }
    assert set(POLICIES) == set(BY_NAME)
