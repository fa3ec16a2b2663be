"""Every action, end to end: deploy/samples on a real Kubernetes and a real Nova."""
