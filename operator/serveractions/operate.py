"""Reads arguments and the environment, and runs the operator.

The only place of the operator that reads the environment. Every setting of `config.Config` is a
flag and a variable: `--lease-duration` and `SERVERACTIONS_LEASE_DURATION`.
"""

import argparse
import asyncio
import dataclasses
import gc
import logging
import os
import socket
import sys
from collections.abc import Mapping, Sequence
from typing import Any, get_type_hints

from serveractions import logs
from serveractions.app import Operator, SetBackError
from serveractions.cloud import addresses
from serveractions.config import Config
from serveractions.handlers import WatchEndedError
from serveractions.kube.cluster import UnsuitableClusterError
from serveractions.kube.shard import ShardError, parse_shard

PREFIX = "SERVERACTIONS_"
UNSUITABLE = 2
"""Exit code: a person has to do something before the operator can run."""
ANEW = 1
"""Exit code: this process cannot go on; the next one can, or says what keeps it from that."""


def main(arguments: Sequence[str], *, commands: str = "") -> int:
    """Run the operator until it is told to stop; return the exit code.

    Args:
        arguments: The flags.
        commands: What else the program can do, for the end of the help text.
    """
    options = parser(commands).parse_args(arguments)
    logs.configure(options.log_level, options.log_format)
    config = load(os.environ, vars(options))
    # What was imported lives as long as the process. Walking through it would hold the event loop
    # up for 70 ms in each full collection (110,000 objects, most of them of client libraries).
    gc.freeze()
    try:
        asyncio.run(_run(config, options.kubeconfig or os.environ.get("KUBECONFIG")))
    except UnsuitableClusterError as error:
        logging.getLogger(__name__).error("%s", error)  # noqa: TRY400 - it says what to do
        return UNSUITABLE
    except (SetBackError, WatchEndedError) as error:
        logging.getLogger(__name__).error("%s", error)  # noqa: TRY400 - the rest was logged
        return ANEW
    return 0


def load(environment: Mapping[str, str], flags: Mapping[str, Any]) -> Config:
    """Build the configuration: flags win over the environment, both over the defaults.

    Raises:
        SystemExit: A value cannot be read; the message names the setting.
    """
    values: dict[str, Any] = {}
    types = get_type_hints(Config)
    for field in dataclasses.fields(Config):
        text = flags.get(field.name)
        if text is None:
            text = environment.get(PREFIX + field.name.upper())
        if text is not None:
            values[field.name] = _read(field.name, types[field.name], text)
    values.setdefault("identity", socket.gethostname())
    config = Config(**values)
    for url in config.allowed_urls:
        # A prefix that nothing can have would end all objects as InvalidConfiguration.
        try:
            addresses.parse(url)
        except addresses.AddressError as why:
            sys.exit(f"allowed_urls: {url!r}: {why}")
    try:
        parse_shard(config.shard, identity=config.identity)
    except ShardError as error:
        sys.exit(f"shard: {error}")
    return config


async def _run(config: Config, kubeconfig: str | None) -> None:
    await Operator(config=config, kubeconfig=kubeconfig).run()


def parser(epilog: str = "") -> argparse.ArgumentParser:
    """Return the parser of the operator's flags, with a text to end its help with."""
    made = argparse.ArgumentParser(
        prog="serveractions",
        description="Sends OpenStack Nova's administrative server actions, each exactly once.",
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("--kubeconfig", help="default: KUBECONFIG, else the pod's own account")
    made.add_argument("--log-level", default=os.environ.get(PREFIX + "LOG_LEVEL", "info"))
    made.add_argument(
        "--log-format", choices=logs.FORMATS, default=os.environ.get(PREFIX + "LOG_FORMAT", "text")
    )
    for field in dataclasses.fields(Config):
        flag = "--" + field.name.replace("_", "-")
        made.add_argument(flag, metavar="VALUE", help=f"default: {field.default!r}")
    return made


def _read(name: str, wanted: Any, text: str) -> Any:
    """Turn text into the type of a setting."""
    try:
        if wanted is bool:
            return {"true": True, "false": False}[text.lower()]
        if wanted in (int, float):
            return wanted(text)
    except (KeyError, ValueError):
        sys.exit(f"{name}: {text!r} is not a {wanted.__name__}")
    if wanted is str:
        return text
    return tuple(part.strip() for part in text.split(",") if part.strip())
