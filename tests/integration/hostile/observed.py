"""Observations, statuses and specs, generated through the very readers that the operator has."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from api_cases import OWN
from integration.hostile import generated
from serveractions.actions.observation import Image, InstanceAction, Migration, Observation, Server
from serveractions.api.kinds import BY_NAME
from serveractions.api.resource import Resource
from serveractions.api.status import (
    FollowUp,
    FollowUpState,
    ImageStatus,
    MigrationStatus,
    Phase,
    ServerStatus,
    Status,
)
from serveractions.cloud import records
from sightings import (
    IMAGE,
    MIGRATION,
    NOW,
    OTHER_MIGRATION,
    OURS,
    PROJECT,
    SERVER_ID,
    SPEC,
    UID,
    USER,
    intent,
)

kinds = st.sampled_from(sorted(BY_NAME))
quiet = st.sampled_from([0.0, 14.0, 15.0, 599.0, 600.0, 1e6])


def _rows(fields: dict[str, SearchStrategy[Any]]) -> SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(fields)


servers: SearchStrategy[Server] = _rows(generated.SERVER).map(records.server)
actions: SearchStrategy[InstanceAction] = _rows(generated.ACTION).map(records.instance_action)
migrations: SearchStrategy[Migration] = _rows(generated.MIGRATION_ROW).map(records.migration)
images: SearchStrategy[Image] = _rows(generated.IMAGE_ROW).map(records.image)
progresses = st.builds(
    lambda row, percent: records.progress(row, percent=percent),
    _rows(generated.PROGRESS),
    st.none() | st.integers(0, 100),
)

sights: SearchStrategy[Observation] = st.builds(
    Observation,
    server=st.none() | servers | servers.map(lambda server: replace(server, partial=True)),
    nova_time=st.just(NOW),
    action=st.none() | actions,
    migrations=st.none() | st.lists(migrations, max_size=3).map(tuple),
    progress=st.none() | progresses,
    image=st.none() | images,
    image_gone=st.booleans(),
    backups=st.none() | st.lists(generated.image_ids, max_size=3).map(tuple),
    quiet_seconds=quiet,
)

moments = st.none() | st.just(NOW)
follow_ups = st.builds(
    lambda **facts: FollowUp.model_validate(facts),  # by these names only
    action=st.sampled_from(["confirmResize", "revertResize", "abort", "force_complete"]),
    attempt=st.just(1),
    state=st.sampled_from(list(FollowUpState)),
    holder=st.just("operator-0"),
    migration_uuid=generated.migration_uuids,
    migration_id=st.just(7),
    microversion=st.just("2.65"),
    nova_time=st.just(NOW),
    claimed_time=st.just(NOW),
    request_id=st.none() | generated.request_ids,
    message=st.none() | st.just("Nova said no"),
)


@st.composite
def statuses(draw: st.DrawFn, action: str, phase: Phase = Phase.RUNNING) -> Status:
    """Return statuses of an action that Nova has accepted."""
    known = draw(st.sets(generated.migration_uuids, max_size=1))
    return Status(
        phase=phase,
        intent=intent(
            action,
            source_host=draw(st.none() | st.sampled_from(["compute-1", "compute-2"])),
            source_host_id=draw(st.none() | st.sampled_from(["hash-1", "hash-2"])),
            user_id=draw(generated.users),
            project_id=draw(generated.projects),
            known_migration_uuids=tuple(known),
            known_request_ids=draw(st.sets(generated.request_ids, max_size=1).map(tuple)),
            known_image_ids=draw(st.sets(generated.image_ids, max_size=2).map(tuple)),
        ),
        server=draw(st.none() | st.just(ServerStatus(id=SERVER_ID, name="web-1"))),
        request_id=OURS,
        issued_time=NOW,
        follow_ups=draw(st.lists(follow_ups, max_size=2).map(tuple)),
        migration=draw(
            st.none()
            | st.builds(
                MigrationStatus,
                id=st.just(7),
                uuid=st.sampled_from([MIGRATION, OTHER_MIGRATION]),
                status=generated.migration_states,
            )
        ),
        image=draw(st.none() | st.just(ImageStatus(id=IMAGE))),
        decision=draw(st.none() | st.sampled_from(["Confirm", "Revert"])),
        cancel_requested_time=draw(moments),
        deadline_time=draw(moments),
        awaiting_since=draw(moments),
    )


@st.composite
def specs(draw: st.DrawFn, kind: str) -> Any:
    """Return specs of a kind, with every way to steer it."""
    own: dict[str, Any] = dict(OWN[kind]) | {
        "cancel": draw(st.none() | st.booleans()),
        "activeDeadlineSeconds": draw(st.none() | st.just(60)),
    }
    if kind == "ServerBackup":
        own["rotation"] = draw(st.sampled_from([0, 1, 7]))
    if kind == "ServerMigration":
        own["confirmation"] = draw(st.sampled_from(["Automatic", "Manual"]))
        if own["confirmation"] == "Manual":
            own["decision"] = draw(st.sampled_from([None, "Confirm", "Revert"]))
    if kind == "ServerLiveMigration" and own["activeDeadlineSeconds"]:
        own["onDeadline"] = draw(st.sampled_from(["Fail", "Abort", "ForceComplete"]))
    given = SPEC | {name: value for name, value in own.items() if value is not None}
    return BY_NAME[kind].spec.model_validate(given)


def resource(kind: str, spec: Any, status: Status) -> Resource:
    """Return an object as it would be read."""
    return Resource(
        kind=BY_NAME[kind],
        namespace="default",
        name="one",
        uid=UID,
        resource_version="1",
        generation=1,
        created=datetime(2026, 5, 4, tzinfo=UTC),
        spec=spec,
        status=status,
    )


@st.composite
def cases(draw: st.DrawFn) -> tuple[Resource, Observation]:
    """Return accepted actions, each with what is seen of it."""
    kind = draw(kinds)
    status = draw(statuses(BY_NAME[kind].action))
    return resource(kind, draw(specs(kind)), status), draw(sights)


__all__ = ["PROJECT", "USER", "cases", "resource", "servers", "sights", "specs", "statuses"]
