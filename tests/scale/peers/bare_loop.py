"""The least that instant actions cost: openstacksdk in a few threads, and no record of anything.

For each server the same requests as the operator's: two reads, the write, and a look at what became
of it.
"""

import argparse
import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import openstack
import yaml


def main() -> None:
    """Reset the state of the servers on standard input; print how long that took."""
    parser = argparse.ArgumentParser(prog="bare_loop", description=__doc__)
    parser.add_argument("--clouds", type=Path, required=True)
    parser.add_argument("--threads", type=int, required=True)
    options = parser.parse_args()
    servers = sys.stdin.read().split()
    admin = yaml.safe_load(options.clouds.read_text())["clouds"]["admin"]
    compute = openstack.connection.Connection(**admin).compute
    compute.get_server(servers[0])  # logs in

    def reset(server: str) -> None:
        compute.get_server(server)
        list(compute.server_actions(server))
        compute.reset_server_state(server, "active")
        compute.get_server(server)

    begun, used = time.monotonic(), time.process_time()
    with ThreadPoolExecutor(options.threads) as pool:
        list(pool.map(reset, servers))
    figures = {
        "wall_s": round(time.monotonic() - begun, 2),
        "cpu_s": round(time.process_time() - used, 2),
        "cpu_ms_per_action": round((time.process_time() - used) * 1000 / len(servers), 1),
    }
    sys.stdout.write(json.dumps(figures))


if __name__ == "__main__":
    main()
