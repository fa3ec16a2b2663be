"""kopf's settings: every name that is set exists, and what they are for is set."""

import dataclasses
from typing import Any

import kopf

from serveractions import kopf_settings
from serveractions.api.kinds import KINDS
from serveractions.config import Config


def names(settings: Any) -> set[str]:
    """All settings, as `group.name`."""
    return {f"{group}.{name}" for group, value in vars(settings).items() for name in vars(value)}


def test_no_name_is_misspelled() -> None:
    settings = kopf.OperatorSettings()
    known = names(settings)
    groups = {field.name for field in dataclasses.fields(settings)}
    kopf_settings.configure(settings, Config())
    assert names(settings) == known, "kopf takes unknown names silently"
    assert set(vars(settings)) == groups


def test_every_kind_is_watched_without_its_finished_objects() -> None:
    settings = kopf.OperatorSettings()
    kopf_settings.configure(settings, Config())
    selectors = settings.watching.field_selectors
    for kind in KINDS:
        selector = selectors["serveractions.dev", "v1alpha1", kind.plural]
        assert selector == "status.phase!=Succeeded,status.phase!=Failed,status.phase!=Cancelled"
    assert len(selectors) == len(KINDS)


def test_kopf_may_not_kill_the_process() -> None:
    settings = kopf.OperatorSettings()
    kopf_settings.configure(settings, Config())
    assert settings.process.ultimate_exiting_timeout is None


def test_time_limits_of_watches_are_whole_numbers() -> None:
    settings = kopf.OperatorSettings()
    kopf_settings.configure(settings, Config())
    assert isinstance(settings.watching.server_timeout, int)
    client_timeout = settings.watching.client_timeout
    assert client_timeout is not None
    assert settings.watching.server_timeout < client_timeout


def test_kopf_copies_no_object_to_find_out_what_has_changed() -> None:
    settings = kopf.OperatorSettings()
    kopf_settings.configure(settings, Config())
    storage = settings.persistence.diffbase_storage
    body = kopf.Body({"metadata": {"name": "web", "labels": {"app": "web"}}, "spec": {"a": 1}})
    patch = kopf.Patch()
    essence = storage.build(body=body, extra_fields=())
    storage.store(body=body, patch=patch, essence=essence)
    assert not essence
    assert storage.fetch(body=body) is None
    assert not patch
