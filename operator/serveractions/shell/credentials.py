"""Credentials of a run: the person's own clouds.yaml, and passwords from manifests, files or a
terminal.

The file is the person's own and not a tenant's: it may name a certificate authority on the disk,
and switch the check of certificates off. All else is as strict as in the operator: what is made of
it here passes through the same reader, with the same few kinds of login and no endpoint of its own.
"""

import asyncio
import base64
import binascii
import json
import os
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from serveractions.api.spec import CloudCredentialsRef
from serveractions.cloud import plain_yaml
from serveractions.cloud.connections import PASSWORD_LABEL, Connections
from serveractions.cloud.credentials import CACERT_KEY, CLOUDS_KEY, read_clouds
from serveractions.cloud.nova import NovaCloud
from serveractions.config import Config
from serveractions.core.errors import InvalidCredentials
from serveractions.core.ports import Secret

PERSON = ""
"""The namespace of the person's own clouds, which no manifest can name."""


def find_clouds(environment: Mapping[str, str]) -> Path:
    """Return the clouds.yaml of the person, where OpenStack's own tools look for it.

    Raises:
        InvalidCredentials: There is none.
    """
    named = environment.get("OS_CLIENT_CONFIG_FILE")
    settings = Path(environment.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    folders = (Path(), settings / "openstack", Path("/etc/openstack"))
    places = [Path(named)] if named else [folder / CLOUDS_KEY for folder in folders]
    for place in places:
        if place.is_file():
            return place
    raise InvalidCredentials(
        f"there is no {', '.join(map(str, places))}: write one, or name it in OS_CLIENT_CONFIG_FILE"
    )


class PersonsSecrets:
    """The port `Secrets`: a person's clouds, and the Secrets of the manifests."""

    def __init__(self, clouds: Path, secrets: Mapping[tuple[str, str], Secret]) -> None:
        self._clouds = clouds
        self._secrets = dict(secrets)

    async def read(self, namespace: str, name: str) -> Secret | None:
        """Return a cloud of the person as a Secret of its own, or a Secret of the manifests."""
        if namespace == PERSON:
            return await asyncio.to_thread(self.cloud, name)
        return self._secrets.get((namespace, name))

    def check(self, names: Sequence[str], config: Config) -> None:
        """See that clouds can be used, before anything is written. Raises InvalidCredentials."""
        for name in names:
            read_clouds(self.cloud(name).data, cloud_name=name, config=config)

    def cloud(self, name: str) -> Secret:
        """Return one cloud of the file, with its certificate authority read in.

        Raises:
            InvalidCredentials: The file, or the authority, cannot be read.
        """
        text, version = _read(self._clouds)
        try:
            document = plain_yaml.load(text)
        except plain_yaml.NotPlainError as why:
            raise InvalidCredentials(f"{self._clouds} {why}") from None
        clouds = document.get("clouds") if isinstance(document, dict) else None
        cloud = clouds.get(name) if isinstance(clouds, dict) else None
        if not isinstance(cloud, dict):
            raise InvalidCredentials(
                f"{self._clouds} has no cloud {name!r} below 'clouds': name another one with"
                " --os-cloud, or correct the file"
            )
        data = {}
        cloud = dict(cloud)
        authority = cloud.pop("cacert", None)
        if authority is not None:
            if not isinstance(authority, str):
                raise InvalidCredentials(f"{self._clouds}: cacert is not the path of a file")
            data[CACERT_KEY], changed = _read(Path(authority).expanduser())
            version = f"{version}-{changed}"
        # What is neither text nor true or false is refused, or not looked at, by the reader.
        data[CLOUDS_KEY] = json.dumps({"clouds": {name: cloud}}, default=lambda _number: 0).encode()
        path = self._clouds.resolve()
        return Secret(
            uid=str(uuid.uuid5(uuid.NAMESPACE_URL, f"{path.as_uri()}#{name}")),
            resource_version=version,
            data=data,
        )


class PersonsClouds:
    """The port `Clouds`: the operator's own connections, to the clouds of the person's file.

    A manifest names a Secret too; without a cluster there is none, and only the name of the cloud
    counts.
    """

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    async def open(self, namespace: str, ref: CloudCredentialsRef) -> NovaCloud:
        """Return the cloud of that name; raises what the operator's `Connections` do."""
        own = ref.model_copy(update={"secret_name": ref.cloud_name})
        return await self._connections.open(PERSON, own)

    async def password(self, namespace: str, name: str, key: str) -> str:
        """Return the new password for a ServerPasswordChange."""
        return await self._connections.password(namespace, name, key)


def secret_of(body: Mapping[str, Any]) -> Secret:
    """Return what a manifest of the kind Secret holds.

    Raises:
        InvalidCredentials: It is no Secret that the API server would take; quotes no value.
    """
    metadata = body.get("metadata")
    name = metadata.get("name") if isinstance(metadata, dict) else None
    if not isinstance(metadata, dict) or not isinstance(name, str):
        raise InvalidCredentials("a Secret has no metadata.name: write one")
    data: dict[str, bytes] = {}
    try:
        for key, value in (body.get("data") or {}).items():
            data[key] = base64.b64decode(value, validate=True)
        for key, value in (body.get("stringData") or {}).items():
            data[key] = value.encode()
    except (binascii.Error, TypeError, AttributeError, ValueError):
        # Never the cause: its traceback would show a value.
        raise InvalidCredentials(
            f"Secret {name!r}: 'data' has to hold base64, 'stringData' text in quotes"
        ) from None
    return Secret(uid=name, resource_version="1", data=data, labels=metadata.get("labels") or {})


def secret_with(password: str, *, name: str, key: str) -> Secret:
    """Return the Secret that a password stands in for which was given for this use."""
    label, value = PASSWORD_LABEL
    return Secret(
        uid=name, resource_version="1", data={key: password.encode()}, labels={label: value}
    )


def _read(path: Path) -> tuple[bytes, str]:
    """Return a file's content and a version of it: it says that the file changed, not what to."""
    try:
        with path.open("rb") as file:
            return file.read(), str(os.fstat(file.fileno()).st_mtime_ns)
    except OSError as error:
        raise InvalidCredentials(f"{path}: {error.strerror}: name a file to read") from None
