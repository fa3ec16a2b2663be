"""Run Nova, Placement and the control endpoint: `python -m cloud_services.nova.process`.

The order below is the order of dependence: Placement must answer before a compute service registers
its inventory there, and the API, whose port says "ready" to the supervisor, comes last.
"""

import argparse
import threading
import time
from pathlib import Path

from nova.api import wsgi
from nova.api.openstack import wsgi_app
from oslo_log import log

from cloud_services import placement_api, sqlite_pool, web
from cloud_services.nova import driver, replacements
from cloud_services.nova.compute_services import CONTROLLER, ComputeServices
from cloud_services.nova.configuration import CONF, load
from cloud_services.nova.control_api import ControlApi
from cloud_services.nova.faults import FAULTS

LOG = log.getLogger(__name__)

PLACEMENT_THREADS = 8
API_THREADS = 20
CONTROL_THREADS = 4
CONFIRM_POLL = 1.0
"""Seconds between two looks for migrations to confirm, if there is a confirm window at all."""


def main() -> None:
    """Start everything, then wait for the end."""
    arguments = _arguments()
    sqlite_pool.keep_connections_open()
    load(arguments.nova_conf)
    LOG.info("Nova is imported")
    replacements.replace_missing_services()
    driver.install()

    placement = placement_api.configuration(arguments.placement_conf)
    web.serve(
        placement_api.application(placement),
        port=arguments.placement_port,
        threads=PLACEMENT_THREADS,
    )
    LOG.info("Placement answers")

    services = ComputeServices(arguments.cell0_database)
    services.start(arguments.hosts)
    LOG.info("conductor, scheduler and %d compute services are up", len(arguments.hosts))

    web.serve(ControlApi(FAULTS, services), port=arguments.control_port, threads=CONTROL_THREADS)
    application = wsgi.Loader().load_app("osapi_compute")
    wsgi_app._setup_service(CONTROLLER, "osapi_compute")  # noqa: SLF001 (Nova has no public one)
    web.serve(application, port=arguments.api_port, threads=API_THREADS)
    LOG.info("the API answers")

    if CONF.resize_confirm_window:
        threading.Thread(target=_confirm_resizes, args=(services,), daemon=True).start()
    web.wait_for_the_end()
    web.leave()


def _confirm_resizes(services: ComputeServices) -> None:
    """Run the one periodic task that a configured confirm window needs."""
    while True:
        services.run_periodic_task("_poll_unconfirmed_resizes")
        time.sleep(CONFIRM_POLL)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nova-conf", type=Path, required=True)
    parser.add_argument("--placement-conf", type=Path, required=True)
    parser.add_argument("--cell0-database", required=True, metavar="URL")
    parser.add_argument("--api-port", type=int, required=True)
    parser.add_argument("--placement-port", type=int, required=True)
    parser.add_argument("--control-port", type=int, required=True)
    parser.add_argument("--hosts", nargs="+", required=True)
    return parser.parse_args()


if __name__ == "__main__":
    main()
