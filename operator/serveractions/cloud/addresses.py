"""Which URLs may be contacted.

A tenant's clouds.yaml names the first URL and the cloud behind it all the others, so both are
checked: an installation may allow only some prefixes. They are compared by parts, since the text
`https://cloud.example` also begins `https://cloud.example.evil.com` and
`https://cloud.example@evil.com`.
"""

from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

_PORTS = {"http": 80, "https": 443}


class AddressError(ValueError):
    """The URL is not one that may be contacted; the message says why and names no secret."""


@dataclass(frozen=True, slots=True)
class Address:
    """The parts of a URL that say who is contacted."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def origin(self) -> str:
        """Return `https://host:port`, for messages: no path, no query, no user information."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"


def parse(url: str) -> Address:
    """Take a URL apart.

    Raises:
        AddressError: It is not a plain http or https URL.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise AddressError("it is not a URL: write it as https://host:port/path") from None
    if parts.scheme not in _PORTS or not host:
        raise AddressError("write it as https://host:port/path")
    if parts.username is not None or parts.password is not None:
        raise AddressError("it carries a user name or password: leave out what stands before the @")
    path = unquote(parts.path)
    if any(segment in (".", "..") for segment in path.split("/")) or "\\" in url:
        raise AddressError("its path has '.' or '..' in it: write the path out")
    return Address(parts.scheme, host.lower(), port or _PORTS[parts.scheme], path)


def check(url: str, allowed: tuple[str, ...]) -> Address:
    """Return the parts of a URL that may be contacted.

    Args:
        url: What somebody else wrote.
        allowed: The prefixes of the configuration; empty allows every http and https URL.

    Raises:
        AddressError: It may not.
    """
    address = parse(url)
    if allowed and not any(_covers(parse(prefix), address) for prefix in allowed):
        raise AddressError(
            f"{address.origin} is not among the addresses that this operator may contact: "
            "ask whoever runs it to add it to allowed_urls"
        )
    return address


def _covers(prefix: Address, address: Address) -> bool:
    same = (prefix.scheme, prefix.host, prefix.port) == (address.scheme, address.host, address.port)
    root = prefix.path.rstrip("/")
    return same and (address.path == root or address.path.startswith(root + "/") or not root)
