"""Runs the cloud as a process of its own: `python -m fakes.cloud --port 8774`.

The port is that of the control endpoint; the services have ports of their own, which the
clouds.yaml from there and the catalogue name.
"""

import argparse
import asyncio
import dataclasses
import secrets
import signal

from aiohttp import web

from fakes.cloud.doors import HOST, Doors
from fakes.cloud.server import Latency, application
from fakes.cloud.state import Cloud, Pace

ACCOUNTS = (
    ("admin", "demo", "admin"),
    ("manager", "demo", "manager"),
    ("member", "demo", "member"),
    ("reader", "demo", "reader"),
    ("other", "other", "member"),
)
"""User, project, role; the passwords are random."""


def main() -> None:
    """Serve on loopback until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(prog="fakes.cloud", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    for field in dataclasses.fields(Pace):
        parser.add_argument(
            f"--{field.name.replace('_', '-')}",
            type=float,
            default=field.default,
            help="seconds that it takes",
        )
    parser.add_argument("--read-latency", type=float, default=0.0, help="seconds of a GET")
    parser.add_argument("--write-latency", type=float, default=0.0, help="seconds of a POST")
    options = parser.parse_args()
    pace = Pace(**{field.name: getattr(options, field.name) for field in dataclasses.fields(Pace)})
    cloud = Cloud(pace=pace)
    for name, project, role in ACCOUNTS:
        cloud.add_user(name, password=secrets.token_urlsafe(24), project=project, role=role)
    latency = Latency(read=options.read_latency, write=options.write_latency)
    asyncio.run(_serve(cloud, latency, options.port))


async def _serve(cloud: Cloud, latency: Latency, port: int) -> None:
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    doors = Doors()
    runner = web.AppRunner(
        application(cloud, latency=latency, doors=doors), access_log=None, shutdown_timeout=0.1
    )
    await runner.setup()
    assert runner.server is not None
    await doors.serve(runner.server)
    await web.TCPSite(runner, HOST, port).start()
    await ended.wait()
    doors.close()
    await runner.cleanup()


if __name__ == "__main__":
    main()
