"""What must hold for the repository as a whole: parts that have to change together, do."""

from pathlib import Path

import pytest
import yaml

from serveractions.api import crd
from serveractions.api.kinds import API_VERSION, KINDS, Kind

ROOT = Path(__file__).parents[1]
SAMPLES = ROOT / "deploy" / "samples"


def test_operator_is_a_source_root_and_never_a_package() -> None:
    assert not (ROOT / "operator" / "__init__.py").exists(), (
        "it would shadow the standard library's operator module for whatever runs in the root"
    )


def test_the_crds_are_what_the_types_say() -> None:
    assert crd.main(["--check", "--directory", str(ROOT / "crds")]) == 0, "run `make crds`"


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_every_kind_has_a_sample_that_its_types_read(kind: Kind) -> None:
    sample = yaml.safe_load((SAMPLES / f"{kind.singular}.yaml").read_text())

    assert (sample["apiVersion"], sample["kind"]) == (API_VERSION, kind.name)
    spec = kind.spec.model_validate(sample["spec"])
    assert spec.server_ref.name == sample["metadata"]["name"], "each sample has its own server"
    assert spec.to_wire().items() >= sample["spec"].items()


def test_the_samples_are_listed_and_their_secrets_exist() -> None:
    listed = yaml.safe_load((SAMPLES / "kustomization.yaml").read_text())["resources"]
    secrets = {
        secret["metadata"]["name"]: secret
        for secret in yaml.safe_load_all((SAMPLES / "secret.example.yaml").read_text())
    }
    samples = [yaml.safe_load((SAMPLES / name).read_text()) for name in listed]

    assert listed == sorted(f"{kind.singular}.yaml" for kind in KINDS)
    for spec in (sample["spec"] for sample in samples):
        credentials = spec["cloudCredentialsRef"]
        clouds = yaml.safe_load(secrets[credentials["secretName"]]["stringData"]["clouds.yaml"])
        assert credentials["cloudName"] in clouds["clouds"]
        if password := spec.get("passwordSecretRef"):
            secret = secrets[password["name"]]
            assert password["key"] in secret["stringData"]
            assert secret["metadata"]["labels"] == {"serveractions.dev/usable-as": "password"}
