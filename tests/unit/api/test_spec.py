"""What Python says of specs: the same as the CRD, whose side `tests/integration/test_crds.py`
tries."""

import re

import pytest
from pydantic import ValidationError

import api_cases
from serveractions.api.kinds import BY_NAME, KINDS
from serveractions.api.spec import MUTABLE, ServerMigrationSpec


@pytest.mark.parametrize("case", api_cases.ACCEPTED, ids=lambda case: case.id)
def test_a_good_spec_is_read_and_written_back_unchanged(case: api_cases.Case) -> None:
    spec = BY_NAME[case.kind].spec.model_validate(case.spec)

    assert BY_NAME[case.kind].spec.model_validate(spec.to_wire()) == spec


@pytest.mark.parametrize("case", api_cases.REFUSED, ids=lambda case: case.id)
def test_a_bad_spec_is_refused_with_words_that_say_what_to_write(case: api_cases.Case) -> None:
    with pytest.raises(ValidationError, match=re.escape(case.says) if case.rule else None):
        BY_NAME[case.kind].spec.model_validate(case.spec)


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_a_mutable_field_has_no_default_so_that_unsaid_stays_unsaid(kind) -> None:
    spec = kind.spec.model_validate(api_cases.smallest(kind.name))

    assert [name for name in kind.spec.model_fields if name in MUTABLE]
    assert all(getattr(spec, name, None) is None for name in MUTABLE)


def test_every_mutable_field_exists() -> None:
    assert set(ServerMigrationSpec.model_fields) >= MUTABLE


def test_an_unknown_field_is_ignored_so_that_a_newer_object_stays_readable() -> None:
    spec = {**api_cases.smallest("ServerMigration"), "invented": "later"}

    assert BY_NAME["ServerMigration"].spec.model_validate(spec)


def test_a_moment_that_does_not_exist_in_utc_is_refused_like_any_other() -> None:
    spec = {**api_cases.smallest("ServerMigration"), "notAfter": "9999-12-31T23:59:59-12:00"}

    with pytest.raises(ValidationError, match="exists in UTC"):
        BY_NAME["ServerMigration"].spec.model_validate(spec)
