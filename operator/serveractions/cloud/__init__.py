"""The OpenStack edge: credentials, connections, reads, the one raw write, and the poller."""
