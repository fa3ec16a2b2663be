"""Runs the cloud as a process of its own: `python -m fakes.cloud --port 8774`."""

import argparse
import dataclasses
import secrets

from aiohttp import web

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
    web.run_app(
        application(cloud, latency=latency),
        host="127.0.0.1",
        port=options.port,
        access_log=None,
        print=None,
        shutdown_timeout=0,
    )


if __name__ == "__main__":
    main()
