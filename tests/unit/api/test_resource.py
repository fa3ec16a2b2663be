"""Reading what the API server keeps."""

from datetime import UTC, datetime

import pytest

import api_cases
from serveractions.api.conditions import PRISTINE
from serveractions.api.resource import Key, UnreadableError, parse
from serveractions.api.spec import ServerLiveMigrationSpec
from serveractions.api.status import Phase


def body(**changes):
    manifest = api_cases.manifest(
        "ServerLiveMigration", "web-1", api_cases.smallest("ServerLiveMigration")
    )
    manifest["metadata"] |= {
        "uid": "9c5f0c2a",
        "resourceVersion": "17",
        "generation": 2,
        "creationTimestamp": "2026-12-01T06:00:00Z",
    }
    return manifest | changes


def test_an_object_is_read_with_its_metadata_spec_and_status() -> None:
    status = PRISTINE.to_wire() | {"phase": "Running", "requestId": "req-1"}

    resource = parse(body(status=status))

    assert resource.key == Key("ServerLiveMigration", "default", "web-1", "9c5f0c2a")
    assert (resource.resource_version, resource.generation) == ("17", 2)
    assert resource.created == datetime(2026, 12, 1, 6, tzinfo=UTC)
    assert isinstance(resource.spec, ServerLiveMigrationSpec)
    assert (resource.status.phase, resource.status.request_id) == (Phase.RUNNING, "req-1")
    assert (resource.annotations, resource.labels, resource.deleting) == ({}, {}, False)


def test_an_object_without_a_status_reads_as_pending() -> None:
    assert parse(body()).status.phase is Phase.PENDING
    assert parse(body(status=None)).status.phase is Phase.PENDING


def test_an_object_that_is_being_deleted_says_so_and_keeps_its_labels() -> None:
    deleted = body()
    deleted["metadata"] |= {
        "deletionTimestamp": "2026-12-01T07:00:00Z",
        "labels": {"team": "compute"},
        "annotations": {"note": "x"},
    }

    resource = parse(deleted)

    assert resource.deleting
    assert (resource.labels, resource.annotations) == ({"team": "compute"}, {"note": "x"})


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"kind": "ServerResize"}, "has no such kind"),
        ({"apiVersion": "serveractions.dev/v2"}, "serveractions.dev/v2 is not"),
        ({"spec": {"serverRef": {"name": "x"}}}, "cloudCredentialsRef: Field required"),
        ({"spec": "nonsense"}, "cannot be read"),
        ({"metadata": {"name": "web-1"}}, "it has no namespace"),
        ({"status": {"phase": "Dreaming"}}, "phase: Input should be"),
        ({"status": ["nonsense"]}, "web-1 cannot be read"),
    ],
)
def test_an_object_that_cannot_be_read_says_where_and_what_to_do(changes, says: str) -> None:
    with pytest.raises(UnreadableError, match="delete the object") as caught:
        parse(body(**changes))

    assert says in str(caught.value)
    assert caught.value.key.name == "web-1"


def test_the_words_for_an_unreadable_object_do_not_repeat_its_values() -> None:
    spec = api_cases.smallest("ServerLiveMigration") | {"host": "a host with blanks"}

    with pytest.raises(UnreadableError) as caught:
        parse(body(spec=spec))

    assert "blanks" not in str(caught.value)
