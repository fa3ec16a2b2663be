"""Run the real Keystone or Glance: `python -m cloud_services.wsgi_api glance --port N`.

Each needs a process of its own, since all OpenStack services keep their configuration in one global
object per process. Where their configuration is they read from the environment (`OS_KEYSTONE_...`,
`OS_GLANCE_...`), as they do under any WSGI server.
"""

import argparse
import importlib
import sys

from cloud_services import web

THREADS = {
    "keystone": 8,
    # Glance reads and then writes within one transaction. SQLite answers "database is locked" at
    # once, without waiting, when two such transactions meet: so one request after the other.
    "glance": 1,
}


def main() -> None:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("service", choices=sorted(THREADS))
    parser.add_argument("--port", type=int, required=True)
    arguments = parser.parse_args()
    sys.argv = [arguments.service]  # the services parse sys.argv again, on import
    application = importlib.import_module(f"{arguments.service}.wsgi.api").application
    web.serve(
        web.keep_input_open(application),
        port=arguments.port,
        threads=THREADS[arguments.service],
    )
    web.wait_for_the_end()
    web.leave()


if __name__ == "__main__":
    main()
