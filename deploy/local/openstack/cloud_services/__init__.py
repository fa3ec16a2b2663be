"""The services of the local stack: Keystone, Glance, Placement, and Nova without hypervisors.

This package runs in a virtual environment of its own, because the services pin hundreds of
packages that neither the operator nor its tests should see. `local_stack.openstack` installs that
environment, writes the configuration files and starts the modules here; nothing is imported across
the border.

The directory above must never get an `__init__.py`: it is called `openstack`, and as a package it
would hide the OpenStack SDK from everything that has `deploy/local` on its path.
"""
