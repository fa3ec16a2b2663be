"""What is shipped, judged without a cluster: what a team's own CI would say of it."""

import copy
from pathlib import Path

import pytest
import yaml

import installations
from chart.conform import Kubeconform
from chart.values import MONITORED, SAME, Write, rendered
from helm import Helm
from installations import DEPLOY, SAMPLES
from local_stack.kubernetes import ControlPlane

COMPONENTS = sorted(path.name for path in (DEPLOY / "components").iterdir())


@pytest.fixture(scope="session")
def kubeconform(kubernetes: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Kubeconform:
    return Kubeconform(kubernetes, tmp_path_factory.mktemp("schemas"))


@pytest.mark.parametrize("overlay", installations.OVERLAYS)
def test_an_installation_by_kustomize_conforms(
    kubernetes: ControlPlane, kubeconform: Kubeconform, tmp_path: Path, overlay: str
) -> None:
    fitting = [name for name in COMPONENTS if (overlay, name) != ("sharded", "standby")]
    folder = installations.choose(tmp_path / "chosen", overlay, *fitting)
    assert kubeconform(installations.render(kubernetes, folder)) == {}


def test_an_installation_by_helm_conforms(
    kubeconform: Kubeconform, helm: Helm, values: Write
) -> None:
    for _, _, chosen in [*SAME, MONITORED]:
        assert kubeconform(rendered(helm, values(chosen))) == {}


def test_samples_and_examples_and_policies_conform(kubeconform: Kubeconform) -> None:
    shipped = [*(DEPLOY / "gitops").glob("*/example/actions/*.yaml"), *_policies()]
    bodies = [body for path in shipped for body in yaml.safe_load_all(path.read_text())]
    assert len(bodies) > len(shipped) >= 3
    assert kubeconform([*SAMPLES, *bodies]) == {}


def test_a_field_that_there_is_not_and_a_value_out_of_bounds_do_not_conform(
    kubeconform: Kubeconform,
) -> None:
    (sample,) = (each for each in SAMPLES if each["kind"] == "ServerBackup")
    other, wrong = copy.deepcopy(sample), copy.deepcopy(sample)
    other["metadata"]["name"], other["spec"]["rotations"] = "other", 2
    wrong["metadata"]["name"], wrong["spec"]["rotation"] = "wrong", -1
    said = kubeconform([sample, other, wrong])
    assert sorted(said) == ["ServerBackup/other", "ServerBackup/wrong"]
    assert "rotations" in said["ServerBackup/other"]
    assert "rotation" in said["ServerBackup/wrong"]


def _policies() -> list[Path]:
    folder = DEPLOY / "gitops" / "policy"
    return [path for path in folder.glob("*.yaml") if path.name != "kustomization.yaml"]
