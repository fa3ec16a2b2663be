"""A Kubernetes operator that sends OpenStack Nova's administrative server actions exactly once."""
