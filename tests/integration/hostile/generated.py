"""Values that no cloud gives, beside those that it does."""

from datetime import timedelta
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from sightings import IMAGE, MIGRATION, NOW, OTHER_MIGRATION, OURS, PROJECT, SERVER_ID, USER

any_text = st.text(st.characters(exclude_categories=()), max_size=40)
"""Half characters, control characters and what turns the direction of writing, too."""
long_text = st.builds(lambda text, times: text * times, any_text, st.integers(1, 500))
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([0, -1, 101, 2**31, 2**63, -(2**63) - 1, 10**400]),
    st.floats(),
    any_text,
    long_text,
    st.datetimes().map(lambda moment: moment.isoformat()),
    st.sampled_from(["9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00+12:00"]),
)
junk: SearchStrategy[Any] = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)
"""Any JSON value."""

times = st.builds(
    lambda seconds, zone: (NOW + timedelta(seconds=seconds)).strftime(f"%Y-%m-%dT%H:%M:%S{zone}"),
    st.integers(-20, 20),
    st.sampled_from(["", "Z", ".000000", "+00:00"]),
)
"""Around the moment at which the action was sent."""
server_ids = st.sampled_from([SERVER_ID, "2bea47ed-f6a9-463b-b423-14b9cca9ad27"])
statuses = st.sampled_from(
    [
        *("ACTIVE", "SHUTOFF", "PAUSED", "ERROR", "RESIZE", "VERIFY_RESIZE", "REVERT_RESIZE"),
        *("MIGRATING", "UNKNOWN", "DELETED", "SHELVED_OFFLOADED", "BUILD"),
    ]
)
vm_states = st.sampled_from(["active", "stopped", "resized", "error", "deleted", "paused"])
tasks = st.sampled_from(
    [
        *("migrating", "resize_prep", "resize_migrating", "resize_reverting", "image_snapshot"),
        *("image_uploading", "updating_password", "deleting", "rebooting"),
    ]
)
hosts = st.sampled_from(["compute-1", "compute-2", "", "compute-3"])
users = st.sampled_from([USER, "somebody"])
projects = st.sampled_from([PROJECT, "elsewhere"])
request_ids = st.sampled_from([OURS, "req-22222222-2222-4222-8222-222222222222"])
migration_uuids = st.sampled_from([MIGRATION, OTHER_MIGRATION])
image_ids = st.sampled_from([IMAGE, "b9d0b0c4-8f39-4d0f-8c3e-6f1e2d3c4b5a"])
events = st.sampled_from(
    [
        *("conductor_live_migrate_instance", "conductor_migrate_server", "cold_migrate"),
        *("compute_live_migration", "compute_backup_instance", "compute_set_admin_password"),
        *("compute_check_can_live_migrate_destination", "compute_prep_resize"),
    ]
)
results = st.sampled_from(["Success", "Error", None])
records = st.sampled_from(
    [
        *("live-migration", "migrate", "createBackup", "resetState", "changePassword"),
        *("confirmResize", "revertResize", "resetNetwork", "reboot"),
    ]
)
migration_states = st.sampled_from(
    [
        *("accepted", "queued", "preparing", "running", "running (post-copy)", "pre-migrating"),
        *("migrating", "post-migrating", "finished", "confirming", "confirmed", "reverting"),
        *("reverted", "completed", "failed", "cancelled", "error", "done"),
    ]
)
migration_types = st.sampled_from(["migration", "live-migration", "resize", "evacuation"])
image_states = st.sampled_from(
    ["queued", "saving", "active", "killed", "deleted", "pending_delete", "deactivated"]
)
numbers = st.one_of(st.integers(0, 100), st.integers(), st.none())


@st.composite
def spoilt(draw: st.DrawFn, fields: dict[str, SearchStrategy[Any]]) -> dict[str, Any]:
    """Return rows in which up to two fields are anything, or not there at all."""
    made = {name: draw(value) for name, value in fields.items()}
    for name in draw(st.sets(st.sampled_from(sorted(fields)), max_size=2)):
        if draw(st.booleans()):
            made[name] = draw(junk)
        else:
            del made[name]
    return made


SERVER: dict[str, SearchStrategy[Any]] = {
    "id": server_ids,
    "name": st.just("web-1") | any_text | long_text,
    "status": statuses,
    "OS-EXT-STS:vm_state": vm_states,
    "OS-EXT-STS:task_state": st.none() | tasks,
    "OS-EXT-SRV-ATTR:host": hosts,
    "hostId": st.sampled_from(["hash-1", "hash-2", ""]),
    "tenant_id": projects,
    "image": st.sampled_from(["", {"id": IMAGE}]),
    "locked": st.booleans(),
    "progress": numbers,
    "updated": times,
    "fault": st.none() | st.fixed_dictionaries({"message": any_text | long_text}),
}
EVENT = {
    "event": events,
    "result": results,
    "finish_time": times | st.none(),
    "details": st.none() | any_text | st.just("No valid host was found."),
}
ACTION = {
    "action": records,
    "request_id": request_ids,
    "user_id": users,
    "project_id": projects,
    "start_time": times,
    "message": st.sampled_from(["Error", None]),
    "events": st.none() | st.lists(st.fixed_dictionaries(EVENT), max_size=3),
}
MIGRATION_ROW = {
    "id": st.sampled_from([7, 8]),
    "uuid": migration_uuids,
    "status": migration_states,
    "migration_type": migration_types,
    "instance_uuid": server_ids,
    "source_compute": hosts,
    "dest_compute": hosts,
    "created_at": times,
    "updated_at": times,
    "user_id": st.none() | users,
}
_OF_PROGRESS = ("total_bytes", "processed_bytes", "remaining_bytes")
PROGRESS = {f"{what}_{which}": numbers for what in ("memory", "disk") for which in _OF_PROGRESS}
IMAGE_ROW = {
    "id": image_ids,
    "name": any_text,
    "status": image_states,
    "size": numbers,
    "created_at": times,
    "image_type": st.just("backup"),
    "backup_type": st.just("daily"),
    "instance_uuid": server_ids,
}
