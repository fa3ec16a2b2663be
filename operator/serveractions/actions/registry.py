"""Which action belongs to which kind of object."""

from types import MappingProxyType

from serveractions.actions.action import Action
from serveractions.actions.change_password import ChangePassword
from serveractions.actions.create_backup import CreateBackup
from serveractions.actions.inject_network_info import InjectNetworkInfo
from serveractions.actions.live_migrate import LiveMigrate
from serveractions.actions.migrate import Migrate
from serveractions.actions.reset_network import ResetNetwork
from serveractions.actions.reset_state import ResetState

ACTIONS: MappingProxyType[str, Action] = MappingProxyType(
    {
        "ServerBackup": CreateBackup(),
        "ServerMigration": Migrate(),
        "ServerLiveMigration": LiveMigrate(),
        "ServerStateReset": ResetState(),
        "ServerPasswordChange": ChangePassword(),
        "ServerNetworkReset": ResetNetwork(),
        "ServerNetworkInjection": InjectNetworkInfo(),
    }
)
"""By the name of the kind, as in `api.kinds`."""


def action_for(kind_name: str) -> Action:
    """Return the action of a kind.

    Raises:
        KeyError: There is no such kind.
    """
    return ACTIONS[kind_name]
