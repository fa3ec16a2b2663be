"""All integration tests share one real control plane."""

from control_plane import audit, kubernetes

__all__ = ["audit", "kubernetes"]
