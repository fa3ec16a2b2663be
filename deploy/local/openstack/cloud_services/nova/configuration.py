"""Read nova.conf, and register what Nova's own start scripts would register on their way up."""

import os
import sys
from pathlib import Path
from types import TracebackType

import nova.conf
from nova import config, objects
from nova.conf import devices, neutron
from oslo_log import log

CONF = nova.conf.CONF


def load(file: Path) -> None:
    """Make the rest of Nova usable."""
    config.parse_args(["nova", "--config-file", str(file)], default_config_files=[str(file)])
    log.setup(CONF, "nova")
    sys.excepthook = _end_process  # in place of oslo.log's, which only writes a line to the log
    objects.register_all()
    neutron.register_dynamic_opts(CONF)
    devices.register_dynamic_opts(CONF)


def _end_process(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    """End the whole process when its main thread fails.

    Python would wait for Nova's other threads, which never end: the supervisor would wait as well,
    for a server that cannot become ready.
    """
    sys.__excepthook__(kind, error, trace)
    os._exit(1)
