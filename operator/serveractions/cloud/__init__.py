"""The OpenStack edge: credentials, connections, reads, the one raw write, and following what was started."""
