"""The Kubernetes edge: objects and their status, Leases, Secrets and Events."""
