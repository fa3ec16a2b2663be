"""What all reads share: which answer is which error, and what may stand in a path."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

from serveractions.cloud.answers import retry_after
from serveractions.cloud.login import Answer
from serveractions.cloud.records import BadRecordError
from serveractions.core.errors import CloudUnavailable, Forbidden, NotFound

_IDENTIFIER = re.compile(r"(req-)?[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_NAMES = {"compute": "Nova", "image": "Glance"}


def identifier(value: str) -> str:
    """Return an id that may be put into a path.

    Raises:
        NotFound: It is none: nothing can have it.
    """
    if not _IDENTIFIER.fullmatch(value):
        raise NotFound("the id is not a UUID")
    return value


def expect(answer: Answer, service: str) -> None:
    """Let a 2xx pass and raise what any other answer to a read means.

    Raises:
        NotFound: 404.
        Forbidden: 403; the message names the rule where Nova does.
        CloudUnavailable: Everything else: none of it says anything about the thing asked for.
    """
    if HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
        return
    if answer.status == HTTPStatus.NOT_FOUND:
        raise NotFound(answer.words or "not found")
    if answer.status == HTTPStatus.FORBIDDEN:
        raise Forbidden(answer.words or f"{_NAMES[service]} forbids it (403)")
    raise CloudUnavailable(
        f"{_NAMES[service]} answered {answer.status}: {answer.words or 'no words'}",
        retry_after=retry_after(answer.headers),
    )


@contextmanager
def reading(service: str) -> Iterator[None]:
    """Turn a record that cannot be read into CloudUnavailable: it is not known what is true.

    Raises:
        CloudUnavailable: A record was none.
    """
    try:
        yield
    except BadRecordError as error:
        raise CloudUnavailable(f"{_NAMES[service]} answered with something else: {error}") from None
