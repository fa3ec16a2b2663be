"""Which programs are used, and when they are built anew."""

import shutil
from pathlib import Path

import pytest

from local_stack import toolchain
from local_stack.commands import StackError
from local_stack.progress import Silent


@pytest.fixture
def pins(tmp_path: Path) -> Path:
    return Path(shutil.copytree(toolchain.PINS, tmp_path / "pins"))


def program(directory: Path, name: str) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / name
    path.write_text("")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize("changed", toolchain.PIN_FILES)
def test_each_pin_is_part_of_the_cache_key(pins: Path, changed: str) -> None:
    environ = {"XDG_CACHE_HOME": "/cache"}
    before = toolchain.cache_directory(environ, pins)
    assert before == toolchain.cache_directory(environ, pins)
    with (pins / changed).open("a") as file:
        file.write("\n")
    assert toolchain.cache_directory(environ, pins) != before


def test_a_line_that_moves_from_one_pin_file_to_the_next_changes_the_key(pins: Path) -> None:
    before = toolchain.cache_directory({}, pins)
    moved = (pins / "go.mod").read_text()[-10:]
    (pins / "go.mod").write_text((pins / "go.mod").read_text()[:-10])
    (pins / "go.sum").write_text(moved + (pins / "go.sum").read_text())
    assert toolchain.cache_directory({}, pins) != before


def test_the_cache_is_in_the_home_directory_unless_xdg_says_otherwise() -> None:
    assert toolchain.cache_directory({}).parent == Path.home() / ".cache" / "serveractions"
    elsewhere = toolchain.cache_directory({"XDG_CACHE_HOME": "/somewhere"})
    assert elsewhere.parent == Path("/somewhere/serveractions")


def test_what_kubebuilder_assets_has_is_used_and_only_the_rest_is_taken_from_the_cache(
    tmp_path: Path,
) -> None:
    environ = {"XDG_CACHE_HOME": str(tmp_path / "cache"), "KUBEBUILDER_ASSETS": str(tmp_path / "a")}
    built = toolchain.cache_directory(environ) / "bin"
    for name in ("etcd", "kube-apiserver", "kube-controller-manager", "kubectl"):
        program(built, name)
    given = [program(tmp_path / "a", name) for name in ("etcd", "kube-apiserver", "kubectl")]

    tools = toolchain.prepare(Silent(), environ=environ)

    assert [tools.etcd, tools.kube_apiserver, tools.kubectl] == given
    assert tools.kube_controller_manager == built / "kube-controller-manager"


def test_a_file_that_cannot_be_executed_is_not_taken(tmp_path: Path) -> None:
    program(tmp_path, "etcd").chmod(0o644)
    assert toolchain.locate("etcd", tmp_path, tmp_path) is None


def test_kubebuilder_assets_that_names_no_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StackError, match="KUBEBUILDER_ASSETS"):
        toolchain.given_directory({"KUBEBUILDER_ASSETS": str(tmp_path / "typo")})


def test_the_version_that_the_server_reports_is_the_one_in_go_mod() -> None:
    text = (toolchain.PINS / "go.mod").read_text()
    assert f"k8s.io/kubernetes {toolchain.kubernetes_version()} " in text
