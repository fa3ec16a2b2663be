"""A Secret's clouds.yaml, made into a configuration that is safe to use.

Whoever may write a Secret writes this file, so it is hostile input. Only what is on a list is taken
over, into a new value: openstacksdk's own loader would read files, the environment and vendor
profiles, and expand `{}` in values. What is dangerous is refused with a message that says what to
write instead; messages never repeat a value.
"""

import hashlib
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from serveractions.cloud import addresses, plain_yaml
from serveractions.config import Config
from serveractions.core.errors import InvalidCredentials, SecretMissing

CLOUDS_KEY = "clouds.yaml"
CACERT_KEY = "cacert"
MAX_AUTHORITY = 1024 * 1024
"""The usual bundle of all public authorities has a quarter of it."""

APPLICATION_CREDENTIAL = "v3applicationcredential"
_AUTH_TYPES = frozenset({"password", "v3password", APPLICATION_CREDENTIAL})
_INTERFACES = frozenset({"public", "internal", "admin"})
_REGION = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,254}")
_PASSWORD_KEYS = frozenset(
    {
        "auth_url",
        "username",
        "user_id",
        "password",
        "user_domain_id",
        "user_domain_name",
        "project_id",
        "project_name",
        "project_domain_id",
        "project_domain_name",
        "default_domain_id",
        "default_domain_name",
    }
)
_APPLICATION_CREDENTIAL_KEYS = frozenset(
    {
        "auth_url",
        "application_credential_id",
        "application_credential_name",
        "application_credential_secret",
        "username",
        "user_id",
        "user_domain_id",
        "user_domain_name",
    }
)
_REFUSED = {
    "profile": "write auth_url and region_name out instead of 'profile'",
    "cert": "leave 'cert' out: client certificates are files and are not supported",
    "key": "leave 'key' out: client certificates are files and are not supported",
    "vendor_hook": "leave 'vendor_hook' out: the operator runs no code of a clouds.yaml",
    "cacert": f"put the PEM text into the Secret's key '{CACERT_KEY}' instead of a path here",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudConfiguration:
    """One cloud of a clouds.yaml, checked.

    Attributes:
        auth: The arguments of the auth plugin, secrets among them.
        cacert: The certificate authority in PEM, None for the usual ones.
        verify: Whether TLS certificates are checked.
        digest: Of the whole content and the cloud's name: equal credentials share one token. It
            stays in memory.
    """

    auth_type: str
    auth_url: str
    auth: Mapping[str, str] = field(repr=False)
    region: str | None
    interface: str
    cacert: str | None = field(repr=False)
    verify: bool
    digest: str = field(repr=False)


def read_clouds(
    data: Mapping[str, bytes], *, cloud_name: str, config: Config
) -> CloudConfiguration:
    """Return the configuration of one cloud.

    Args:
        data: The Secret's data, decoded from base64.
        cloud_name: The entry below `clouds:`.
        config: Says which addresses and whether unchecked TLS are allowed.

    Raises:
        SecretMissing: There is no key `clouds.yaml` (yet).
        InvalidCredentials: The file cannot be used.
    """
    text = data.get(CLOUDS_KEY)
    if text is None:
        raise SecretMissing(f"the Secret has no key '{CLOUDS_KEY}': add it")
    cloud = _cloud(_parse(text), cloud_name)
    for key in cloud:
        _refuse_dangerous(key)
    auth_type = cloud.get("auth_type") or "password"
    if not isinstance(auth_type, str) or auth_type not in _AUTH_TYPES:
        raise InvalidCredentials(
            f"auth_type is none of {', '.join(sorted(_AUTH_TYPES))}: use an application credential "
            "or a password"
        )
    auth = _auth(cloud.get("auth"), auth_type)
    _check_address(auth["auth_url"], config)
    return CloudConfiguration(
        auth_type=auth_type,
        auth_url=auth["auth_url"],
        auth=auth,
        region=_region(cloud.get("region_name")),
        interface=_interface(cloud.get("interface")),
        cacert=_cacert(data.get(CACERT_KEY)),
        verify=_verify(cloud.get("verify"), config),
        digest=_digest(text, data.get(CACERT_KEY), cloud_name),
    )


def _parse(text: bytes) -> Any:
    try:
        return plain_yaml.load(text)
    except plain_yaml.NotPlainError as why:
        raise InvalidCredentials(f"clouds.yaml {why}") from None


def _cloud(document: Any, cloud_name: str) -> dict[str, Any]:
    clouds = document.get("clouds") if isinstance(document, dict) else None
    if not isinstance(clouds, dict):
        raise InvalidCredentials(
            "clouds.yaml has no mapping 'clouds' at its top: write 'clouds:' and the cloud below it"
        )
    cloud = clouds.get(cloud_name)
    if not isinstance(cloud, dict):
        # The names of the other clouds are not told: they are part of a Secret.
        raise InvalidCredentials(
            f"clouds.yaml has no cloud {cloud_name!r} below 'clouds': correct the file, or the "
            "cloudName in a new object"
        )
    if not all(isinstance(key, str) for key in cloud):
        raise InvalidCredentials(
            "a key of the cloud in clouds.yaml is not text: write it in quotes"
        )
    return cloud


def _refuse_dangerous(key: str) -> None:
    if key in _REFUSED:
        raise InvalidCredentials(f"clouds.yaml: {_REFUSED[key]}")
    if key.endswith(("_endpoint_override", "_endpoint")):
        raise InvalidCredentials(
            f"clouds.yaml: leave {key[:60]!r} out: endpoints are taken from the cloud's catalogue, "
            "since a token must not travel elsewhere"
        )


def _auth(auth: Any, auth_type: str) -> dict[str, str]:
    if not isinstance(auth, dict):
        raise InvalidCredentials("clouds.yaml: the cloud has no mapping 'auth'")
    known = _APPLICATION_CREDENTIAL_KEYS if auth_type == APPLICATION_CREDENTIAL else _PASSWORD_KEYS
    for key, value in auth.items():
        if key not in known:
            raise InvalidCredentials(
                f"clouds.yaml: auth has a key that {auth_type} does not take here: leave out all "
                f"but {', '.join(sorted(known))}"
            )
        if not isinstance(value, str) or not value:
            raise InvalidCredentials(f"clouds.yaml: auth.{key} is not text: write it in quotes")
    for alternatives in _required(auth_type):
        if not any(key in auth for key in alternatives):
            raise InvalidCredentials(
                f"clouds.yaml: auth.{' or auth.'.join(alternatives)} is missing"
            )
    return dict(auth)


def _required(auth_type: str) -> tuple[tuple[str, ...], ...]:
    if auth_type == APPLICATION_CREDENTIAL:
        return (
            ("auth_url",),
            ("application_credential_id", "application_credential_name"),
            ("application_credential_secret",),
        )
    # Nova's servers belong to projects: an unscoped or system token cannot act on one.
    return ("auth_url",), ("username", "user_id"), ("password",), ("project_id", "project_name")


def _check_address(auth_url: str, config: Config) -> None:
    try:
        address = addresses.check(auth_url, config.allowed_urls)
    except addresses.AddressError as why:
        raise InvalidCredentials(f"auth_url: {why}") from None
    if address.path.rstrip("/").endswith("/v2.0"):
        raise InvalidCredentials("auth_url: no Keystone has version 2 any more: write /v3")


def _region(region: Any) -> str | None:
    if region is None:
        return None
    if not isinstance(region, str) or not _REGION.fullmatch(region):
        raise InvalidCredentials("clouds.yaml: region_name is not the name of a region")
    return region


def _interface(interface: Any) -> str:
    if interface is None:
        return "public"
    plain = interface.removesuffix("URL") if isinstance(interface, str) else None
    if plain not in _INTERFACES:
        raise InvalidCredentials("clouds.yaml: interface is none of public, internal, admin")
    return str(plain)


def _verify(verify: Any, config: Config) -> bool:
    if verify is None or verify is True:
        return True
    if verify is not False:
        raise InvalidCredentials(
            "clouds.yaml: verify is neither true nor false: put a certificate authority into the "
            f"Secret's key '{CACERT_KEY}'"
        )
    if not config.allow_insecure_tls:
        raise InvalidCredentials(
            "clouds.yaml: 'verify: false' is not allowed here: put the certificate authority into "
            f"the Secret's key '{CACERT_KEY}'"
        )
    return False


def _cacert(pem: bytes | None) -> str | None:
    if pem is None or not pem.strip():
        return None
    if len(pem) > MAX_AUTHORITY:
        raise InvalidCredentials(
            f"the key '{CACERT_KEY}' is too long: leave only the cloud's own authority in it"
        )
    try:
        text = pem.decode("ascii")
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=text)
    except (UnicodeDecodeError, ssl.SSLError, ValueError):
        raise InvalidCredentials(f"the key '{CACERT_KEY}' holds no certificates in PEM") from None
    return text


def _digest(text: bytes, cacert: bytes | None, cloud_name: str) -> str:
    digest = hashlib.sha256()
    for part in (cloud_name.encode(), text, cacert or b""):
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.hexdigest()
