"""What Nova's policy has to allow to the credentials, and to which role it does by default.

The operator does not read this: Nova's answer is the authority, and it names the rule. It is for
those who give the operator a role before the first action is refused.
"""

from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of Nova's policy.

    Attributes:
        name: As in policy.yaml.
        role: Whom the newest Nova allows it by default: `member`, `manager` or `admin`. An
            administrator passes every rule.
        when: When it is asked for, where that is not always.
    """

    name: str
    role: str
    when: str = ""


_MIGRATIONS = Rule(
    "os_compute_api:os-migrations:index",
    "manager",
    "to follow the migration; without it the outcome is told by the record of the action and the"
    " host",
)

POLICIES: MappingProxyType[str, tuple[Rule, ...]] = MappingProxyType(
    {
        "ServerBackup": (Rule("os_compute_api:os-create-backup", "member"),),
        "ServerMigration": (
            Rule("os_compute_api:os-migrate-server:migrate", "manager"),
            Rule("os_compute_api:os-migrate-server:migrate:host", "admin", "with `host`"),
            Rule("os_compute_api:servers:confirm_resize", "member", "to confirm"),
            Rule("os_compute_api:servers:revert_resize", "member", "to revert"),
            _MIGRATIONS,
        ),
        "ServerLiveMigration": (
            Rule("os_compute_api:os-migrate-server:migrate_live", "manager"),
            Rule("os_compute_api:os-migrate-server:migrate_live:host", "admin", "with `host`"),
            Rule(
                "os_compute_api:servers:migrations:delete",
                "manager",
                "with `cancel` and `onDeadline: Abort`",
            ),
            Rule(
                "os_compute_api:servers:migrations:force_complete",
                "manager",
                "with `onDeadline: ForceComplete`",
            ),
            _MIGRATIONS,
        ),
        "ServerStateReset": (Rule("os_compute_api:os-admin-actions:reset_state", "admin"),),
        "ServerPasswordChange": (Rule("os_compute_api:os-admin-password", "member"),),
        # Nova of release 23 and later answers 410 before it asks its policy.
        "ServerNetworkReset": (),
        "ServerNetworkInjection": (
            Rule("os_compute_api:os-admin-actions:inject_network_info", "admin"),
        ),
    }
)
"""By the name of the kind. Before Nova 32 (2025.2) a manager's rules were an administrator's."""
