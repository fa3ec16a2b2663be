"""Whether a GitOps tool tracks an object: then it must not be deleted after its time to live.

The tool would see that the object is missing, make it anew, and so run the action again.
"""

from collections.abc import Mapping
from typing import NamedTuple


class Tracker(NamedTuple):
    """A tool that tracks an object, and the annotation or label that says so."""

    tool: str
    key: str


_ARGO_CD = Tracker("Argo CD", "argocd.argoproj.io/tracking-id")
_FLUX = Tracker("Flux", "kustomize.toolkit.fluxcd.io/name")
_FLUX_HELM = Tracker("Flux", "helm.toolkit.fluxcd.io/name")
_HELM = Tracker("Helm", "meta.helm.sh/release-name")
_ARGO_CD_LABEL = Tracker("Argo CD", "app.kubernetes.io/instance")


def tracked_by(
    annotations: Mapping[str, str],
    labels: Mapping[str, str],
    *,
    argo_cd_uses_instance_label: bool = False,
) -> Tracker | None:
    """Return who tracks an object with these annotations and labels, or None.

    Args:
        annotations: metadata.annotations.
        labels: metadata.labels.
        argo_cd_uses_instance_label: Whether Argo CD tracks by the label
            `app.kubernetes.io/instance`. Many charts set that label on their own account, so it
            means nothing unless the operator was told.
    """
    trackers = [_ARGO_CD, _FLUX, _FLUX_HELM, _HELM]
    if argo_cd_uses_instance_label:
        trackers.append(_ARGO_CD_LABEL)
    for tracker in trackers:
        if tracker.key in annotations or tracker.key in labels:
            return tracker
    return None
