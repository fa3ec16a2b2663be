"""Errors named after what to do about them, and the one table that classes the answers to a write.

Nova has no idempotency key, so what matters about a failed request is not what went wrong but
whether Nova may have accepted it. What is not known to be refused or unsent is `Ambiguous`, and is
looked for instead of sent again.
"""


class WaitError(Exception):
    """Something passing: try again later. `retry_after` is in seconds, None where nobody said."""

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class SecretMissing(WaitError):
    """The Secret, or a key in it, is not there (yet)."""


class CloudUnavailable(WaitError):
    """Keystone, Nova or Glance did not answer a read, or answered 5xx, 429 or 401."""


class InvalidCredentials(Exception):
    """The Secret's clouds.yaml cannot be used; the message says what to change."""


class UnsupportedCloud(Exception):
    """The cloud is too old, or what the catalogue names is not a Nova."""


class Forbidden(Exception):
    """The cloud's policy hides a read from these credentials; the message names the rule where Nova
    does.
    """


class NotFound(Exception):
    """The thing asked for does not exist, or not for these credentials."""


class AmbiguousName(Exception):
    """More than one server has the name; the message lists their ids."""


class NeverSent(Exception):
    """Not one byte of the request reached the cloud: it may be sent again."""


class Ambiguous(Exception):
    """The cloud may have accepted the request: look, never send again."""


class Conflict(Exception):
    """The object has changed since it was read (409)."""


class ObjectGone(Exception):
    """The object was deleted, or a namesake with another uid stands in its place."""


class StatusRefused(Exception):
    """The API server refuses the status itself (422): a defect of ours or a CRD of another
    release.
    """


class ApiUnavailable(WaitError):
    """The Kubernetes API did not answer."""
