"""Fill empty databases of Nova and Placement: `python -m cloud_services.nova.template`.

Nova's migrations take several seconds, so they run once per environment, and every stack starts
from a copy of the files. The cells are not part of it: their records contain the copies' paths.
"""

import argparse
from pathlib import Path

from nova.db import migration

from cloud_services import placement_api
from cloud_services.nova import flavors
from cloud_services.nova.configuration import load


def main() -> None:
    """Create the tables and the flavors."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nova-conf", type=Path, required=True)
    parser.add_argument("--placement-conf", type=Path, required=True)
    parser.add_argument("--hosts", nargs="+", required=True)
    arguments = parser.parse_args()
    load(arguments.nova_conf)
    migration.db_sync(database="api")
    migration.db_sync(database="main")
    flavors.create(arguments.hosts)
    placement_api.configuration(arguments.placement_conf)
    placement_api.create_schema()


if __name__ == "__main__":
    main()
