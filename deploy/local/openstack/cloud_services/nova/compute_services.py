"""Conductor, scheduler and the compute services, and the cells that they belong to.

They are Nova's own `Service` objects in one process, talking over oslo.messaging's in-memory
transport, which is what makes the stack need no message broker.
"""

from typing import Any

from nova import context, exception, objects, service
from nova.compute import rpcapi
from nova.objects import host_mapping

from cloud_services.nova.configuration import CONF

CELL_UUID = "11111111-1111-4111-8111-111111111111"
CONTROLLER = "controller"


class UnknownServiceError(Exception):
    """A compute service or a periodic task was named that does not exist."""


class ComputeServices:
    """The running services; constructing it starts none of them."""

    def __init__(self, cell0_database: str) -> None:
        self._admin = context.get_admin_context()
        self._cell0_database = cell0_database
        self._cell: Any = None
        self._computes: dict[str, Any] = {}

    def start(self, hosts: list[str]) -> None:
        """Create the cells, start everything, and make the hosts known to the scheduler."""
        self._create_cells()
        self._start_service("nova-conductor", CONTROLLER)
        self._start_service("nova-scheduler", CONTROLLER)
        for host in hosts:
            self._computes[host] = self._start_service(
                "nova-compute", host, topic_alt=rpcapi.RPC_TOPIC_ALT
            )
        CONF.set_override("host", CONTROLLER)
        host_mapping.discover_hosts(self._admin)

    def force_down(self, host: str, *, down: bool) -> None:
        """Let a compute service appear dead, or alive again, to the API and the scheduler."""
        with context.target_cell(context.get_admin_context(), self._cell) as cell:
            try:
                record = objects.Service.get_by_compute_host(cell, host)
            except exception.ComputeHostNotFound as error:
                raise UnknownServiceError(f"there is no compute host {host}") from error
            record.forced_down = down
            record.save()

    def run_periodic_task(self, name: str) -> None:
        """Run one of the compute manager's periodic tasks once on every host.

        They do not run by themselves: a test could not say when, and they cost time.
        """
        for running in self._computes.values():
            task = getattr(running.manager, name, None)
            if task is None:
                raise UnknownServiceError(f"nova-compute has no periodic task {name}")
            with context.target_cell(context.get_admin_context(), self._cell) as cell:
                task(cell)

    def confirm_unasked(self, window: int) -> None:
        """Confirm what has waited for more than so many seconds, as with that confirm window."""
        CONF.set_override("resize_confirm_window", window)
        try:
            self.run_periodic_task("_poll_unconfirmed_resizes")
        finally:
            CONF.clear_override("resize_confirm_window")

    def _create_cells(self) -> None:
        """Create the cells, unless this is a restart and they exist."""
        known = {cell.uuid: cell for cell in objects.CellMappingList.get_all(self._admin)}
        self._cell = known.get(CELL_UUID)
        if self._cell is not None:
            return
        objects.CellMapping(
            context=self._admin,
            uuid=objects.CellMapping.CELL0_UUID,
            name="cell0",
            transport_url="none:///",
            database_connection=self._cell0_database,
        ).create()
        self._cell = objects.CellMapping(
            context=self._admin,
            uuid=CELL_UUID,
            name="cell1",
            transport_url=CONF.transport_url,
            database_connection=CONF.database.connection,
        )
        self._cell.create()

    def _start_service(self, binary: str, host: str, **options: Any) -> Any:
        """Start one service; several hosts share the global options, so they change on the way."""
        CONF.set_override("host", host)
        started = service.Service.create(binary=binary, host=host, **options)
        started.start()
        return started
