"""Read nova.conf, and register what Nova's own start scripts would register on their way up."""

import sys
from pathlib import Path

import nova.conf
from nova import config, objects
from nova.conf import devices, neutron
from oslo_log import log

CONF = nova.conf.CONF


def load(file: Path) -> None:
    """Make the rest of Nova usable."""
    config.parse_args(["nova", "--config-file", str(file)], default_config_files=[str(file)])
    log.setup(CONF, "nova")
    # oslo.log's own hook logs an uncaught exception like any other line. With the default hook the
    # log ends with the traceback, which is the part that the supervisor shows.
    sys.excepthook = sys.__excepthook__
    objects.register_all()
    neutron.register_dynamic_opts(CONF)
    devices.register_dynamic_opts(CONF)
