"""Asks a cloud from a thread of its own: in time, and with the core's own errors.

openstacksdk is synchronous, so everything that it does happens in threads of the cloud's own: a
cloud that hangs must not eat the executor that others use. What a cloud that answers nonsense makes
of libraries that expect none ends here too.
"""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import Executor
from http import HTTPStatus
from typing import TypeVar

import requests
from keystoneauth1 import exceptions as keystone
from openstack.exceptions import SDKException

from serveractions.cloud import addresses, session
from serveractions.cloud.answers import retry_after
from serveractions.cloud.circuit import Circuit
from serveractions.cloud.counting import LOGIN, NO_ANSWER, Asked, Count, status_class
from serveractions.core.errors import CloudUnavailable, InvalidCredentials, UnsupportedCloud

T = TypeVar("T")

REFUSAL_PAUSE = 30.0
"""After Keystone refused a password it is not asked again for this long: accounts get locked."""
REFUSED = (
    "Keystone refuses the credentials (401): check user, password or application credential, and "
    "project in the Secret"
)

_FAILURES = (
    keystone.ClientException,
    SDKException,
    requests.RequestException,
    OSError,
    # What a cloud that answers nonsense makes of libraries that expect none.
    ArithmeticError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    RecursionError,
)


class CredentialsRefused(CloudUnavailable):
    """Keystone knows nobody of that name and password, or its token is not accepted."""


class _Silence(CloudUnavailable):
    """No answer in time."""


def succeeded(_result: object) -> int:
    """Return 200: what came is all that is taken."""
    return HTTPStatus.OK


class Asking:
    """The threads of one cloud, as one login uses them."""

    def __init__(self, *, threads: Executor, seconds: float, count: Count) -> None:
        """Ask nothing yet.

        Args:
            threads: The executor of the cloud.
            seconds: The longest that one call may take.
            count: Counts answers for metrics.
        """
        self._threads = threads
        self._seconds = seconds
        self._count = count
        self.circuit = Circuit(time.monotonic, seconds=seconds)

    async def ask(
        self, asked: Asked, call: Callable[[], T], *, status: Callable[[T], int] = succeeded
    ) -> T:
        """Run `call` in a thread of the cloud.

        Args:
            asked: What it is counted as.
            call: Sends, and returns what came.
            status: Returns the HTTP status of what came; 200 where `call` takes nothing else.

        Raises:
            CredentialsRefused, CloudUnavailable, InvalidCredentials, UnsupportedCloud: What `call`
                raised, or what that means.
        """
        found_out = self.circuit.begin()
        try:
            result = await self._ask(asked, call, status)
        except _Silence as error:
            self.circuit.missed(str(error))
            raise
        except (CloudUnavailable, InvalidCredentials, UnsupportedCloud):
            self.circuit.answered()
            raise
        finally:
            self.circuit.end(found_out=found_out)
        self.circuit.answered()
        return result

    async def _ask(self, asked: Asked, call: Callable[[], T], status: Callable[[T], int]) -> T:
        begun = time.monotonic()

        def count(what: Asked, answer: str) -> None:
            self._count(what, answer, time.monotonic() - begun)

        running = asyncio.get_running_loop().run_in_executor(self._threads, call)
        try:
            async with asyncio.timeout(self._seconds):
                result = await running
        except addresses.AddressError as error:
            raise InvalidCredentials(f"the cloud names an address: {error}") from None
        except keystone.Unauthorized:
            # Nova's and Glance's own 401 do not raise: this is Keystone's.
            count(LOGIN, "4xx")
            raise CredentialsRefused(REFUSED, retry_after=REFUSAL_PAUSE) from None
        except keystone.HttpError as error:
            count(LOGIN, status_class(error.http_status))
            after = retry_after(error.response.headers) if error.response is not None else None
            raise CloudUnavailable(
                f"Keystone answered {error.http_status}: check auth_url if this stays",
                retry_after=after,
            ) from None
        except _FAILURES as error:
            count(asked, NO_ANSWER)
            why = session.reason(error)
            kind = _Silence if why == session.NO_ANSWER else CloudUnavailable
            raise kind(f"the {asked.service} service: {why}") from None
        count(asked, status_class(status(result)))
        return result
