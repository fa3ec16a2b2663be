"""Clouds for the core: opened from the Secrets that objects name, and shared between objects.

Thousands of objects use a few Secrets. A Secret is read at most once in a few seconds, and equal
credentials share one token; different credentials at one cloud share its threads, which bound the
reads that it gets at once. What nobody used for a while is dropped.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from serveractions.api.spec import CloudCredentialsRef
from serveractions.cloud.counting import Count, uncounted
from serveractions.cloud.credentials import CloudConfiguration, read_clouds
from serveractions.cloud.login import Login
from serveractions.cloud.nova import NovaCloud
from serveractions.cloud.tls import AuthorityFiles, Trust
from serveractions.config import Config
from serveractions.core.errors import CloudUnavailable, InvalidCredentials, SecretMissing
from serveractions.core.ports import CloudIdentity, Secret, Secrets

SECRET_AGE = 10.0
"""A changed Secret takes effect within these seconds."""
IDLE = 1800.0
"""After this long without use a login is dropped, and its token with it."""
PASSWORD_LABEL = ("serveractions.dev/usable-as", "password")
"""Without it, whoever may create an object could have any key of any Secret of the namespace sent
to an endpoint of their own."""


def quiet_loggers() -> None:
    """Hold at WARNING the libraries whose DEBUG prints bodies, passwords and tokens among them."""
    for name in ("keystoneauth", "openstack", "urllib3", "requests", "aiohttp.client"):
        logging.getLogger(name).setLevel(logging.WARNING)
    # It shows a stack trace, and the headers, for each answer whose headers are malformed.
    logging.getLogger("urllib3.connection").setLevel(logging.ERROR)


@dataclass(slots=True)
class _Read:
    """A Secret as it was read last, or the read that is under way."""

    task: "asyncio.Task[Secret | None]"
    since: float


@dataclass(slots=True)
class _Kept:
    """A login, and when it was used last."""

    login: Login
    trust: Trust
    used: float = field(default=0.0)


class Connections:
    """Implements the core's `Clouds`."""

    def __init__(
        self,
        *,
        config: Config,
        secrets: Secrets,
        count: Count = uncounted,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Open nothing yet.

        Args:
            config: Time-outs, threads, allowed addresses.
            secrets: Reads Secrets of the Kubernetes API.
            count: Counts requests for metrics.
            clock: Ages what is kept.
        """
        self._config = config
        self._secrets = secrets
        self._count = count
        self._clock = clock
        self._reads: dict[tuple[str, str], _Read] = {}
        self._configurations: dict[tuple[str, str, str], CloudConfiguration | str] = {}
        self._logins: dict[str, _Kept] = {}
        self._threads: dict[tuple[str, str | None], ThreadPoolExecutor] = {}
        self._authorities = AuthorityFiles()

    async def open(self, namespace: str, ref: CloudCredentialsRef) -> NovaCloud:
        """Return the cloud with a token that is good for the next minutes.

        Raises:
            SecretMissing: Wait for it.
            InvalidCredentials: The clouds.yaml cannot be used.
            UnsupportedCloud: Not a Nova, or one that is too old.
            CloudUnavailable: Keystone or Nova did not answer.
            ApiUnavailable: The Secret could not be read.
        """
        secret = await self._secret(namespace, ref.secret_name)
        kept = await self._login(secret, ref.cloud_name)
        session = await kept.login.session()
        return NovaCloud(
            login=kept.login,
            session=session,
            trust=kept.trust,
            identity=CloudIdentity(
                endpoint=session.endpoint,
                region=kept.login.configuration.region,
                user_id=session.user_id,
                project_id=session.project_id,
                secret_uid=secret.uid,
                secret_resource_version=secret.resource_version,
            ),
        )

    async def password(self, namespace: str, name: str, key: str) -> str:
        """Return the new password for a ServerPasswordChange, without one trailing newline.

        The Secret is read anew: it is used once, and an old value must not be.

        Raises:
            SecretMissing: The Secret or its key is not there (yet).
            InvalidCredentials: It lacks the opt-in label, or the password is empty or no text.
        """
        secret = await self._secrets.read(namespace, name)
        if secret is None:
            raise SecretMissing(f"Secret {name!r} is not there: create it")
        label, wanted = PASSWORD_LABEL
        if secret.labels.get(label) != wanted:
            raise InvalidCredentials(
                f"Secret {name!r} is not marked for use as a password: give it the label "
                f"{label}: {wanted}"
            )
        if key not in secret.data:
            raise SecretMissing(f"Secret {name!r} has no key {key!r}: add it")
        try:
            password = secret.data[key].decode().removesuffix("\n")
        except UnicodeDecodeError:
            raise InvalidCredentials(f"key {key!r} of Secret {name!r} is not UTF-8 text") from None
        if not password:
            # Nova accepts an empty password.
            raise InvalidCredentials(f"key {key!r} of Secret {name!r} is empty: write a password")
        return password

    def silent(self) -> int:
        """Return how many logins lead to a cloud that does not answer, and is left alone."""
        return sum(kept.login.silent for kept in self._logins.values())

    async def close(self) -> None:
        """Drop all logins and the files written for them. Requests under way are not waited for."""
        for threads in self._threads.values():
            threads.shutdown(wait=False, cancel_futures=True)
        self._threads.clear()
        for kept in self._logins.values():
            kept.login.close()  # or the end of the process would wait for a login's next requests
        self._logins.clear()
        self._configurations.clear()
        for read in self._reads.values():
            read.task.cancel()
        self._reads.clear()
        self._authorities.close()

    async def _secret(self, namespace: str, name: str) -> Secret:
        key = (namespace, name)
        kept = self._reads.get(key)
        if kept is None or (kept.task.done() and self._clock() - kept.since > SECRET_AGE):
            # One read for all who ask at the same time, whoever of them is cancelled.
            kept = _Read(asyncio.create_task(self._secrets.read(namespace, name)), self._clock())
            kept.task.add_done_callback(lambda task: self._forget_failed(key, task))
            self._reads[key] = kept
        secret = await asyncio.shield(kept.task)
        if secret is None:
            raise SecretMissing(f"Secret {name!r} is not there: create it with a key 'clouds.yaml'")
        return secret

    def _forget_failed(self, key: tuple[str, str], task: "asyncio.Task[Secret | None]") -> None:
        """Keep only a Secret that was found: a missing one may appear any moment."""
        if task.cancelled() or task.exception() is not None or task.result() is None:
            kept = self._reads.get(key)
            if kept is not None and kept.task is task:
                del self._reads[key]

    async def _login(self, secret: Secret, cloud_name: str) -> _Kept:
        configuration = await self._configuration(secret, cloud_name)
        kept = self._logins.get(configuration.digest)
        if kept is None:
            self._sweep()
            kept = self._logins[configuration.digest] = self._new_login(configuration)
        kept.used = self._clock()
        return kept

    async def _configuration(self, secret: Secret, cloud_name: str) -> CloudConfiguration:
        key = (secret.uid, secret.resource_version, cloud_name)
        known = self._configurations.get(key)
        if known is None:
            # Not on the event loop: a file made for it takes seconds to parse.
            known = await asyncio.to_thread(self._read, secret, cloud_name)
            # An older version of the same Secret is not asked for again.
            for other in [one for one in self._configurations if _same_secret(one, key)]:
                del self._configurations[other]
            self._configurations[key] = known
        if isinstance(known, str):
            raise InvalidCredentials(known)
        return known

    def _read(self, secret: Secret, cloud_name: str) -> CloudConfiguration | str:
        """Return the configuration, or why there is none: that is kept as well."""
        try:
            return read_clouds(secret.data, cloud_name=cloud_name, config=self._config)
        except InvalidCredentials as error:
            return str(error)

    def _new_login(self, configuration: CloudConfiguration) -> _Kept:
        try:
            file = self._authorities.path(configuration.cacert)
        except OSError as error:
            raise CloudUnavailable(
                f"the certificate authority could not be kept: {error.strerror}"
            ) from None
        cloud = (configuration.auth_url, configuration.region)
        threads = self._threads.get(cloud)
        if threads is None:
            threads = self._threads[cloud] = ThreadPoolExecutor(
                self._config.cloud_threads, thread_name_prefix="cloud"
            )
        login = Login(
            configuration, config=self._config, ca_file=file, threads=threads, count=self._count
        )
        return _Kept(login, Trust(configuration, file=file))

    def _sweep(self) -> None:
        """Drop what nobody used for a while, and whatever only that needed."""
        now = self._clock()
        for key, read in list(self._reads.items()):
            if read.task.done() and now - read.since > IDLE:
                del self._reads[key]
        idle = {digest for digest, kept in self._logins.items() if now - kept.used > IDLE}
        for digest in idle:
            del self._logins[digest]
        for name, configuration in list(self._configurations.items()):
            if isinstance(configuration, str) or configuration.digest in idle:
                del self._configurations[name]
        used = {
            (kept.login.configuration.auth_url, kept.login.configuration.region)
            for kept in self._logins.values()
        }
        for cloud in [one for one in self._threads if one not in used]:
            self._threads.pop(cloud).shutdown(wait=False)


def _same_secret(one: tuple[str, str, str], other: tuple[str, str, str]) -> bool:
    return one[0] == other[0] and one[2] == other[2]
