"""The real Placement, as an application for the process that Nova runs in.

Placement keeps its configuration in an object of its own instead of the global one, so that it can
share a process with Nova, which saves the memory and the start of one more interpreter.
"""

from pathlib import Path

from oslo_config import cfg
from oslo_policy import opts as policy_options
from placement import conf, db_api, deploy
from placement.db.sqlalchemy import migration

from cloud_services.web import Application


def configuration(file: Path) -> cfg.ConfigOpts:
    """Read Placement's configuration and connect it to its database."""
    options = cfg.ConfigOpts()
    conf.register_opts(options)
    options([], project="placement", default_config_files=[str(file)])
    db_api.configure(options)
    return options


def create_schema() -> None:
    """Create the tables; `configuration` must have been called."""
    migration.create_schema(db_api.get_placement_engine())


def application(options: cfg.ConfigOpts) -> Application:
    """Return the WSGI application."""
    policy_options.set_defaults(options)
    return deploy.loadapp(options)
