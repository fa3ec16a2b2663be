"""Which URLs may be contacted.

A tenant's clouds.yaml names the first URL and the cloud behind it all the others, so both are
checked: an installation may allow only some prefixes. They are compared by parts, since the text
`https://cloud.example` also begins `https://cloud.example.evil.com` and
`https://cloud.example@evil.com`.

Two libraries send requests and each reads a URL in its own way. So a URL is not parsed as far as it
goes, but has to be of one plain form that nobody can read differently: no percent signs, no
backslashes, no user, nothing beyond ASCII (`169。254。169。254` is an address to some of them).

What is compared is the name, as written. An address in numbers is a name like any other, so one
host's other spellings (decimal, octal, IPv6) are not allowed with it. What a name resolves to is
not looked at: whoever answers for an allowed name in DNS decides where the request goes.
"""

import ipaddress
import re
from dataclasses import dataclass

MAX_LENGTH = 2048
"""What a status keeps of an endpoint."""

_PORTS = {"http": 80, "https": 443}
_FORM = re.compile(
    r"(?P<scheme>https?)://"
    r"(\[(?P<ipv6>[0-9A-Fa-f:.]{2,45})\]|(?P<name>[A-Za-z0-9._-]{1,255}))"
    r"(:(?P<port>[0-9]{1,5}))?"
    r"(?P<path>(/[A-Za-z0-9._~:@+,=-]*)*)",
    re.ASCII,
)
_QUERY = re.compile(r"\?[!-\"$-~]*", re.ASCII)
_WRITE = "write it as https://host:port/path, in plain ASCII and without a query"


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
    if len(url) > MAX_LENGTH:
        raise AddressError(f"it is longer than {MAX_LENGTH} characters")
    parts = _FORM.fullmatch(url)
    if parts is None:
        raise AddressError(_why_not(url))
    path = parts["path"]
    if any(segment in (".", "..") for segment in path.split("/")):
        raise AddressError("its path has '.' or '..' in it: write the path out")
    port = int(parts["port"]) if parts["port"] else _PORTS[parts["scheme"]]
    if not 0 < port < 65536:  # noqa: PLR2004 - a port is a number of 16 bits
        raise AddressError("its port is none: write one from 1 to 65535")
    return Address(parts["scheme"], _host(parts["name"], parts["ipv6"]), port, path)


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


def check_request(url: str, allowed: tuple[str, ...]) -> None:
    """Let a URL pass that is about to be contacted: like `check`, and it may have a query.

    Raises:
        AddressError: It may not be contacted.
    """
    base, mark, query = url.partition("?")
    if mark and not _QUERY.fullmatch(mark + query):
        raise AddressError(_WRITE)
    check(base, allowed)


def _host(name: str | None, ipv6: str | None) -> str:
    if name is not None:
        return name.lower()
    try:
        return ipaddress.IPv6Address(ipv6 or "").compressed
    except ValueError:
        raise AddressError("its host is no IPv6 address") from None


def _why_not(url: str) -> str:
    authority = re.split(r"[/?#\\]", url.partition("://")[2], maxsplit=1)[0]
    if "@" in authority:
        return "it carries a user name or password: leave out what stands before the @"
    return _WRITE


def _covers(prefix: Address, address: Address) -> bool:
    same = (prefix.scheme, prefix.host, prefix.port) == (address.scheme, address.host, address.port)
    root = prefix.path.rstrip("/")
    return same and (address.path == root or address.path.startswith(root + "/") or not root)
