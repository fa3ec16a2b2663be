"""Which programs are used, and when they are built anew."""

import shutil
from pathlib import Path

import pytest

from local_stack import toolchain
from local_stack.commands import StackError
from local_stack.progress import Silent
from local_stack.tool_sets import FLUX, KUBERNETES, PIN_FILES, TOOL_SETS, ToolSet


@pytest.fixture
def pins(tmp_path: Path) -> Path:
    return Path(shutil.copytree(KUBERNETES.pins, tmp_path / "pins"))


def program(directory: Path, name: str) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / name
    path.write_text("")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize("changed", PIN_FILES)
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
    assert (
        toolchain.cache_directory({}, KUBERNETES.pins).parent
        == Path.home() / ".cache" / "serveractions"
    )
    elsewhere = toolchain.cache_directory({"XDG_CACHE_HOME": "/somewhere"}, KUBERNETES.pins)
    assert elsewhere.parent == Path("/somewhere/serveractions")


def test_what_kubebuilder_assets_has_is_used_and_only_the_rest_is_taken_from_the_cache(
    tmp_path: Path,
) -> None:
    environ = {"XDG_CACHE_HOME": str(tmp_path / "cache"), "KUBEBUILDER_ASSETS": str(tmp_path / "a")}
    built = toolchain.cache_directory(environ, KUBERNETES.pins) / "bin"
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


def test_a_program_is_found_by_its_name_in_the_cache_of_its_own_set(tmp_path: Path) -> None:
    environ = {"XDG_CACHE_HOME": str(tmp_path / "cache"), "KUBEBUILDER_ASSETS": str(tmp_path / "a")}
    program(tmp_path / "a", "helm")  # envtest has none: one that lies there is something else
    for tools in TOOL_SETS:
        built = toolchain.cache_directory(environ, tools.pins)
        assert built.name.startswith(f"{tools.name}-")
        for one in tools.programs:
            path = program(built / "bin", one.name)
            assert toolchain.tool(one.name, Silent(), environ=environ) == path


def test_a_tool_that_nobody_builds_is_refused_with_the_names_of_those_there_are() -> None:
    with pytest.raises(StackError, match=r"no tool called kubeadm: .*kubectl, helm"):
        toolchain.tool("kubeadm", Silent())


@pytest.mark.parametrize("tools", TOOL_SETS, ids=lambda tools: tools.name)
def test_a_program_reports_the_version_that_is_in_go_mod(tools: ToolSet) -> None:
    assert f"{tools.module} {tools.version()}" in (tools.pins / "go.mod").read_text()
    for one in tools.programs:
        flags = tools.linker_flags(one)
        assert flags.startswith("-s -w")
        assert "{" not in flags


def test_kubernetes_is_told_all_parts_of_its_version() -> None:
    version = KUBERNETES.version()
    major, minor, _ = version.removeprefix("v").split(".")
    flags = KUBERNETES.linker_flags(KUBERNETES.programs[1])
    for name, value in {"gitVersion": version, "gitMajor": major, "gitMinor": minor}.items():
        assert f"-X k8s.io/component-base/version.{name}={value}" in flags


@pytest.mark.parametrize("tools", TOOL_SETS, ids=lambda tools: tools.name)
def test_go_mod_holds_each_package_that_is_built(tools: ToolSet) -> None:
    """`go mod tidy` keeps what the `tool` lines need, and throws away the rest."""
    text = (tools.pins / "go.mod").read_text()
    for one in tools.programs:
        assert one.package in text.split("tool ", 1)[1]


def test_a_set_whose_go_mod_lacks_its_module_is_refused() -> None:
    odd = ToolSet(name="helm", title="odd", module="example.org/odd", programs=())
    with pytest.raises(StackError, match=r"does not require example\.org/odd"):
        odd.version()


def test_files_that_come_with_a_program_are_pinned_like_the_modules_it_is_built_from() -> None:
    for tools in TOOL_SETS:
        sums = (tools.pins / "go.sum").read_text()
        for files in tools.folders.values():
            assert f"{files.module} {tools.version(files.version_of)} h1:" in sums


def test_files_that_come_with_a_program_lie_in_the_cache_of_its_set(tmp_path: Path) -> None:
    environ = {"XDG_CACHE_HOME": str(tmp_path)}
    cache = toolchain.cache_directory(environ, FLUX.pins)
    program(cache / "bin", "kustomize-controller")
    assert toolchain.folder(FLUX, "source-crds", Silent(), environ=environ) == cache / "source-crds"
