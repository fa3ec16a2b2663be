"""Who tracks an object: what decides whether a time to live may delete it."""

import pytest

from serveractions.api.tracking import Tracker, tracked_by


@pytest.mark.parametrize(
    ("tool", "key"),
    [
        ("Argo CD", "argocd.argoproj.io/tracking-id"),
        ("Flux", "kustomize.toolkit.fluxcd.io/name"),
        ("Flux", "helm.toolkit.fluxcd.io/name"),
        ("Helm", "meta.helm.sh/release-name"),
    ],
)
def test_a_tracked_object_is_recognised_by_annotation_or_label(tool: str, key: str) -> None:
    assert tracked_by({key: "x"}, {}) == Tracker(tool, key)
    assert tracked_by({}, {key: "x"}) == Tracker(tool, key)


def test_an_object_that_people_applied_is_not_tracked() -> None:
    assert tracked_by({"kubectl.kubernetes.io/last-applied-configuration": "{}"}, {}) is None


def test_the_instance_label_counts_only_where_argo_cd_is_known_to_use_it() -> None:
    labels = {"app.kubernetes.io/instance": "web"}

    assert tracked_by({}, labels) is None
    assert tracked_by({}, labels, argo_cd_uses_instance_label=True) == Tracker(
        "Argo CD", "app.kubernetes.io/instance"
    )
