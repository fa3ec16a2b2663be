"""The flavors of the local cloud, part of the database template."""

from dataclasses import dataclass
from typing import Any

from nova import context, objects

from cloud_services.nova import driver


@dataclass(frozen=True, kw_only=True)
class Size:
    """What a server of a flavor asks for."""

    memory_mb: int
    vcpus: int
    root_gb: int


TINY = Size(memory_mb=512, vcpus=1, root_gb=1)
SIZES = {
    "m1.tiny": TINY,
    "m1.small": Size(memory_mb=2048, vcpus=1, root_gb=20),
    "m1.medium": Size(memory_mb=4096, vcpus=2, root_gb=40),
    # fits on no host: for servers that end in ERROR with "No valid host was found"
    "m1.huge": Size(memory_mb=999_999, vcpus=99, root_gb=99_999),
}


def create(hosts: list[str]) -> None:
    """Create the sizes, and for each host a flavor that only this host can take.

    A server with such a flavor cannot be moved anywhere: its migrations meet "No valid host was
    found", without any host having to be taken down under the other tests.
    """
    for name, size in SIZES.items():
        _create(name, size, {})
    for host in hosts:
        _create(f"m1.only-{host}", TINY, {f"trait:{driver.trait_of(host)}": "required"})


def _create(name: str, size: Size, extra_specs: dict[str, Any]) -> None:
    objects.Flavor(
        context=context.get_admin_context(),
        flavorid=name,  # the id is the name, so that either can be used everywhere
        name=name,
        memory_mb=size.memory_mb,
        vcpus=size.vcpus,
        root_gb=size.root_gb,
        ephemeral_gb=0,
        swap=0,
        rxtx_factor=1.0,
        disabled=False,
        is_public=True,
        extra_specs=extra_specs,
    ).create()
