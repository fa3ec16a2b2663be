"""A virt driver without a hypervisor that takes time, fails and reports like libvirt's.

Nova's own fake driver does everything at once, never fails, and uploads no snapshots. What the
operator has to follow (task states of a backup, bytes of a live migration, an aborted one, a failed
pre-check) happens in the driver, so this one models it; everything above it is the real Nova.
"""

import functools
import hashlib
import io
import sys
import threading
import uuid
from collections.abc import Callable
from typing import Any

from nova import context, exception, objects
from nova.compute import task_states
from nova.image import glance
from nova.virt import fake
from typing_extensions import override

from cloud_services.nova.faults import FAULTS
from cloud_services.nova.live_migration import Job

NAME = "loopback.LoopbackDriver"
"""The value of `compute_driver`."""
JOB_WITHIN = 5.0
"""Seconds: Nova calls a live migration running, and takes its abort, before the job has begun."""

DELAYED_AND_FAILING = (
    "spawn",
    "destroy",
    "reboot",
    "power_off",
    "power_on",
    "pause",
    "unpause",
    "suspend",
    "resume",
    "rescue",
    "unrescue",
    "snapshot",
    "set_admin_password",
    "inject_network_info",
    "migrate_disk_and_power_off",
    "finish_migration",
    "finish_revert_migration",
    "confirm_migration",
    "check_can_live_migrate_destination",
    "check_can_live_migrate_source",
    "pre_live_migration",
    "post_live_migration_at_destination",
    "rollback_live_migration_at_destination",
)
"""Methods that record the call, take the ordered time and raise the ordered exception first.

`live_migration` and `snapshot_upload` can be delayed and fail too, but in their middle: see there.
"""


def trait_of(host: str) -> str:
    """Name the trait that only this host has: a flavor that requires it fits nowhere else."""
    return f"CUSTOM_{host.upper()}"


class LoopbackDriver(fake.FakeDriver):
    """One fake compute host."""

    # Room for a whole test suite on one host, and still too little for the flavor m1.huge.
    vcpus = 64
    memory_mb = 262_144
    local_gb = 10_000

    def __init__(self, virtapi: Any, read_only: bool = False) -> None:  # noqa: FBT001, FBT002 (Nova's)
        super().__init__(virtapi, read_only)
        self._jobs: dict[str, Job] = {}
        self._job_begun = threading.Condition()

    @override
    def init_host(self, host: str) -> None:
        """Remember the servers of an earlier run, as a hypervisor would when Nova is restarted."""
        super().init_host(host)
        for server in objects.InstanceList.get_by_host(context.get_admin_context(), host):
            self.instances[server.uuid] = fake.FakeInstance(
                server.name, server.power_state, server.uuid
            )

    @override
    def get_nodenames_by_uuid(self, refresh: bool = False) -> dict[str, str]:
        """Name the nodes of this host; Nova's fake driver makes up new ids at each start."""
        del refresh
        return {_node_id(node): node for node in self.get_available_nodes()}

    @override
    def get_available_resource(self, nodename: str) -> dict[str, Any]:
        """Describe a node under the same id."""
        resources: dict[str, Any] = super().get_available_resource(nodename)
        return resources | {"uuid": _node_id(nodename)}

    @override
    def update_provider_tree(
        self, provider_tree: Any, nodename: str, allocations: Any = None
    ) -> None:
        """Report the inventory, and a trait of this host alone."""
        super().update_provider_tree(provider_tree, nodename, allocations)
        provider_tree.add_traits(nodename, trait_of(self._host))

    @override
    def snapshot(
        self, context: Any, instance: Any, image_id: str, update_task_state: Callable[..., None]
    ) -> None:
        """Go through libvirt's task states and put some bytes into the waiting image."""
        self._must_be_here(instance)
        update_task_state(task_state=task_states.IMAGE_PENDING_UPLOAD)
        FAULTS.wait("snapshot_upload", self._host, instance.uuid)
        update_task_state(
            task_state=task_states.IMAGE_UPLOADING,
            expected_state=task_states.IMAGE_PENDING_UPLOAD,
        )
        FAULTS.wait("snapshot_upload", self._host, instance.uuid)
        FAULTS.raise_failure("snapshot_upload", self._host, instance.uuid)
        images = glance.API()
        image = images.get(context, image_id)
        images.update(
            context,
            image_id,
            {
                "name": image["name"],
                "properties": image["properties"],
                "disk_format": image.get("disk_format") or "raw",
                "container_format": image.get("container_format") or "bare",
                "status": "active",
            },
            data=io.BytesIO(f"snapshot of {instance.uuid}".encode()),
        )

    @override
    def live_migration(
        self,
        context: Any,
        instance: Any,
        dest: str,
        post_method: Callable[..., None],
        recover_method: Callable[..., None],
        block_migration: bool = False,
        migrate_data: Any = None,
    ) -> None:
        """Move the memory; Nova calls this in a thread of its own and expects no exception."""
        FAULTS.record("live_migration", self._host, instance.uuid)
        job = Job(instance, self._host, migrate_data.migration)
        with self._job_begun:
            self._jobs[instance.uuid] = job
            self._job_begun.notify_all()
        try:
            outcome = job.run()
        finally:
            del self._jobs[instance.uuid]
        if outcome == "completed":
            post_method(context, instance, dest, block_migration, migrate_data)
        elif outcome == "cancelled":
            recover_method(context, instance, dest, migrate_data, migration_status="cancelled")
        else:
            recover_method(context, instance, dest, migrate_data)

    @override
    def live_migration_abort(self, instance: Any) -> None:
        """Ask the running job to stop."""
        FAULTS.record("live_migration_abort", self._host, instance.uuid)
        if job := self._job_of(instance.uuid):
            job.abort()

    @override
    def live_migration_force_complete(self, instance: Any) -> None:
        """Ask the running job to finish at once."""
        FAULTS.record("live_migration_force_complete", self._host, instance.uuid)
        if job := self._job_of(instance.uuid):
            job.force_complete()

    def _job_of(self, server: str) -> Job | None:
        """Return the running job of a server, which may be about to begin."""
        with self._job_begun:
            self._job_begun.wait_for(lambda: server in self._jobs, JOB_WITHIN)
            return self._jobs.get(server)

    @override
    def post_live_migration(
        self, context: Any, instance: Any, block_device_info: Any, migrate_data: Any = None
    ) -> None:
        """Forget the server on the source, which Nova's fake driver does not."""
        del migrate_data
        self.destroy(context, instance, None, block_device_info)

    def _must_be_here(self, instance: Any) -> None:
        if instance.uuid not in self.instances:
            raise exception.InstanceNotRunning(instance_id=instance.uuid)


def _node_id(node: str) -> str:
    """Return an id that is the same after a restart, or Nova would refuse its own node."""
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, node))


def _details(method: str, args: tuple[Any, ...]) -> dict[str, Any]:
    """Return what else the record of a call should hold.

    Of a password only a hash: a test can tell which one arrived, while no copy of it lies about to
    be found by the test that looks for leaked ones. Of a live migration's first check what the user
    asked for, which nothing in Nova's API shows afterwards.
    """
    if method == "set_admin_password":
        return {"password_sha256": hashlib.sha256(args[1].encode()).hexdigest()}
    if method == "check_can_live_migrate_destination":
        return dict(zip(("block_migration", "disk_over_commit"), args[4:6], strict=True))
    return {}


def _put_under_control(name: str) -> None:
    """Let a method record the call, wait and fail as ordered before it does its work."""
    original = getattr(LoopbackDriver, name)

    @functools.wraps(original)
    def method(self: LoopbackDriver, *args: Any, **kwargs: Any) -> Any:
        candidates = (kwargs.get("instance"), *args)
        server = next((one.uuid for one in candidates if hasattr(one, "vm_state")), None)
        FAULTS.record(name, self._host, server, **_details(name, args))
        FAULTS.wait(name, self._host, server)
        FAULTS.raise_failure(name, self._host, server)
        return original(self, *args, **kwargs)

    setattr(LoopbackDriver, name, method)


for _name in DELAYED_AND_FAILING:
    _put_under_control(_name)


def install() -> None:
    """Make the driver loadable: Nova looks for drivers below `nova.virt` and nowhere else."""
    sys.modules["nova.virt.loopback"] = sys.modules[__name__]
