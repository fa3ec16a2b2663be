"""Which certificates are believed: the same for reads (requests) and for writes (aiohttp).

requests wants a certificate authority as a file, so a Secret's is written to one: readable by this
process only, in a private directory that is removed when the operator stops.
"""

import functools
import hashlib
import shutil
import ssl
import tempfile
from pathlib import Path

from requests.utils import DEFAULT_CA_BUNDLE_PATH

from serveractions.cloud.credentials import CloudConfiguration


class Trust:
    """What the certificates of one cloud are checked against.

    Attributes:
        file: The certificate authority as a file, None for the usual ones.
    """

    def __init__(self, configuration: CloudConfiguration, *, file: str | None) -> None:
        self.file = file
        self._verify = configuration.verify
        self._cacert = configuration.cacert

    @functools.cached_property
    def context(self) -> ssl.SSLContext | bool:
        """What aiohttp takes: a context, or False for no check at all."""
        if not self._verify:
            return False
        if self._cacert is not None:
            return ssl.create_default_context(cadata=self._cacert)
        return _usual()


@functools.cache
def _usual() -> ssl.SSLContext:
    """Return the authorities that requests uses: writes must not fail where reads succeed."""
    return ssl.create_default_context(cafile=DEFAULT_CA_BUNDLE_PATH)


class AuthorityFiles:
    """Certificate authorities as files."""

    def __init__(self) -> None:
        self._directory: Path | None = None

    def path(self, pem: str | None) -> str | None:
        """Return the file that holds `pem`, named by its hash; None for None.

        Raises:
            OSError: It cannot be written; the temporary directory must be writable.
        """
        if pem is None:
            return None
        if self._directory is None:
            # mkdtemp makes it 0700.
            self._directory = Path(tempfile.mkdtemp(prefix="serveractions-ca-"))
        path = self._directory / f"{hashlib.sha256(pem.encode()).hexdigest()}.pem"
        if not path.exists():
            path.touch(mode=0o600)
            path.write_text(pem, encoding="ascii")
        return str(path)

    def close(self) -> None:
        """Remove the files."""
        if self._directory is not None:
            shutil.rmtree(self._directory, ignore_errors=True)
            self._directory = None
