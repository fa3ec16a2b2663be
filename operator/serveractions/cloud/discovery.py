"""Where Nova and Glance are, and which microversions Nova speaks.

openstacksdk's own discovery goes on with guesses where a version document cannot be read, follows
the links in it to other hosts, and needs the redirect from `/v2.1` to `/v2.1/` that is not followed
here. What is needed is less: the catalogue's address and one document at it.
"""

import re
from http import HTTPStatus
from typing import Any

from keystoneauth1 import exceptions as keystone

from serveractions.actions import microversions
from serveractions.cloud import addresses
from serveractions.cloud.answers import parse_json, retry_after
from serveractions.cloud.credentials import CloudConfiguration
from serveractions.core.errors import CloudUnavailable, UnsupportedCloud

_MICROVERSION = re.compile(r"[0-9]{1,4}\.[0-9]{1,4}", re.ASCII)


def find_nova(session: Any, access: Any, configuration: CloudConfiguration) -> tuple[str, str]:
    """Return Nova's endpoint and its highest microversion; blocking.

    Args:
        session: The keystoneauth session, for the version document.
        access: What Keystone gave, with the catalogue.
        configuration: Says which region and interface.

    Raises:
        UnsupportedCloud: There is none, it is no Nova, or it is too old.
        CloudUnavailable: It did not answer.
    """
    try:
        endpoint = _listed(access, "compute", configuration)
    except keystone.CatalogException:
        raise UnsupportedCloud(
            f"the catalogue has no compute endpoint for region {configuration.region or '(any)'} "
            f"and interface {configuration.interface}: correct region_name and interface in "
            "clouds.yaml"
        ) from None
    # Some catalogues put the project behind the version; the document is in front of it.
    document = _document(session, endpoint.removesuffix(f"/{access.project_id}"))
    if "versions" in document:
        endpoint = f"{endpoint}/v2.1"
        document = _document(session, endpoint)
    newest = _newest(document, endpoint)
    if microversions.parse(newest) < microversions.parse(microversions.FLOOR):
        raise UnsupportedCloud(
            f"this Nova speaks microversions up to {newest}, and {microversions.FLOOR} (release "
            "Rocky) is needed"
        )
    return endpoint, newest


def find_glance(access: Any, configuration: CloudConfiguration) -> str | None:
    """Return Glance's endpoint, None where the catalogue has none; every Glance has a v2."""
    try:
        endpoint = _listed(access, "image", configuration)
    except keystone.CatalogException:
        return None
    return endpoint if endpoint.endswith("/v2") else f"{endpoint}/v2"


def _listed(access: Any, service: str, configuration: CloudConfiguration) -> str:
    url = access.service_catalog.url_for(
        service_type=service,
        interface=configuration.interface,
        region_name=configuration.region,
    )
    return str(url).rstrip("/")


def _document(session: Any, url: str) -> dict[str, Any]:
    answer = session.get(f"{url}/", authenticated=False, raise_exc=False)
    # 300 is how a list of versions is given.
    if answer.status_code not in (HTTPStatus.OK, HTTPStatus.MULTIPLE_CHOICES):
        raise CloudUnavailable(
            f"Nova answered {answer.status_code} to the question for its versions",
            retry_after=retry_after(answer.headers),
        )
    try:
        document = parse_json(answer.content)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise _no_nova(url)
    return document


def _newest(document: dict[str, Any], url: str) -> str:
    version = document.get("version")
    newest = version.get("version") if isinstance(version, dict) else None
    if not isinstance(newest, str) or not _MICROVERSION.fullmatch(newest):
        raise _no_nova(url)
    return newest


def _no_nova(url: str) -> UnsupportedCloud:
    return UnsupportedCloud(
        f"what the catalogue names as compute endpoint ({addresses.parse(url).origin}) does not "
        "say which microversions it speaks: it is not a Nova, or one older than Kilo"
    )
