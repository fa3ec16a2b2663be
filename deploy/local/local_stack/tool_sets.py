"""What can be built from Go modules: which programs, from which pins.

Programs that share a `go.mod` share the versions of everything below them, and the release of Go.
Helm, kubeconform, promtool, Flux and Argo CD each want other ones than Kubernetes does: so each is
a set of its own, with its own pins in `deploy/local/<set>/`, and is built only when somebody asks
for it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from local_stack.commands import StackError

PIN_FILES = ("go.mod", "go.sum", "requirements.txt")


@dataclass(frozen=True, kw_only=True)
class Program:
    """One of the programs that can be built."""

    name: str
    package: str
    minutes: str
    """What a cold build takes on two cores, when the ones before it in its set are built."""
    stamps: Mapping[str, str] = field(default_factory=dict)
    """Go variables that tell the program its version, with {version} (v1.2.3), {number} (1.2.3),
    {major} and {minor}.
    """
    tags: tuple[str, ...] = ()
    """Go's build tags."""


@dataclass(frozen=True, kw_only=True)
class Folder:
    """Files of a module that its programs cannot do without, such as their CRDs."""

    module: str
    path: str
    version_of: str
    """The module whose version in go.mod is taken: an archive that nothing imports is not there."""


@dataclass(frozen=True, kw_only=True)
class ToolSet:
    """Programs that are built together."""

    name: str
    title: str
    """What messages call it."""
    module: str
    """The Go module whose version is the version of the programs."""
    programs: tuple[Program, ...]
    folders: Mapping[str, Folder] = field(default_factory=dict)
    """What is kept beside the programs, and by which name."""

    @property
    def pins(self) -> Path:
        """Where go.mod, go.sum and the pinned release of Go are."""
        return Path(__file__).resolve().parent.parent / self.name

    def version(self, module: str | None = None) -> str:
        """Return the pinned release, such as v1.36.3: it is written in go.mod and nowhere else.

        Args:
            module: Another one than that of the programs.
        """
        path = self.pins / "go.mod"
        wanted = module or self.module
        line = rf"^(?:require|\s)\s*{re.escape(wanted)} (v\S+)"
        found = re.search(line, path.read_text(), re.MULTILINE)
        if found is None:
            raise StackError(f"{path} does not require {wanted}")
        return found[1]

    def linker_flags(self, program: Program) -> str:
        """Strip the program, and tell it its version: otherwise it reports a made-up one."""
        version = self.version()
        number = version.removeprefix("v")
        major, minor, _ = number.split(".", 2)
        values = {
            name: value.format(version=version, number=number, major=major, minor=minor)
            for name, value in program.stamps.items()
        }
        return " ".join(["-s -w", *(f"-X {name}={value}" for name, value in values.items())])


_KUBERNETES_STAMPS = {
    "k8s.io/component-base/version.gitVersion": "{version}",
    "k8s.io/component-base/version.gitMajor": "{major}",
    "k8s.io/component-base/version.gitMinor": "{minor}",
}

KUBERNETES = ToolSet(
    name="kubernetes",
    title="the control plane",
    module="k8s.io/kubernetes",
    programs=(
        Program(name="etcd", package="go.etcd.io/etcd/server/v3", minutes="1 min"),
        Program(
            name="kube-apiserver",
            package="k8s.io/kubernetes/cmd/kube-apiserver",
            minutes="4-6 min",
            stamps=_KUBERNETES_STAMPS,
        ),
        Program(
            name="kube-controller-manager",
            package="k8s.io/kubernetes/cmd/kube-controller-manager",
            minutes="1-2 min",
            stamps=_KUBERNETES_STAMPS,
        ),
        Program(
            name="kubectl",
            package="k8s.io/kubernetes/cmd/kubectl",
            minutes="1 min",
            stamps=_KUBERNETES_STAMPS,
        ),
    ),
)

HELM = ToolSet(
    name="helm",
    title="Helm",
    module="helm.sh/helm/v4",
    programs=(
        Program(
            name="helm",
            package="helm.sh/helm/v4/cmd/helm",
            minutes="4 min",
            stamps={"helm.sh/helm/v4/internal/version.version": "{version}"},
        ),
    ),
)

PROMTOOL = ToolSet(
    name="promtool",
    title="promtool",
    module="github.com/prometheus/prometheus",
    programs=(
        Program(
            name="promtool",
            package="github.com/prometheus/prometheus/cmd/promtool",
            minutes="3 min",
            stamps={"github.com/prometheus/common/version.Version": "{version}"},
            # Rules need none of the clouds' libraries for service discovery, which are most of it.
            tags=("remove_all_sd",),
        ),
    ),
)

KUBECONFORM = ToolSet(
    name="kubeconform",
    title="kubeconform",
    module="github.com/yannh/kubeconform",
    programs=(
        Program(
            name="kubeconform",
            package="github.com/yannh/kubeconform/cmd/kubeconform",
            minutes="1 min",
        ),
    ),
)

_KUSTOMIZE = "github.com/fluxcd/kustomize-controller"
_SOURCE = "github.com/fluxcd/source-controller"

FLUX = ToolSet(
    name="flux",
    title="Flux",
    module=_KUSTOMIZE,
    programs=(Program(name="kustomize-controller", package=_KUSTOMIZE, minutes="8 min"),),
    folders={
        "kustomize-crds": Folder(module=_KUSTOMIZE, path="config/crd/bases", version_of=_KUSTOMIZE),
        "source-crds": Folder(module=_SOURCE, path="config/crd/bases", version_of=f"{_SOURCE}/api"),
    },
)

_ARGO = "github.com/argoproj/argo-cd/v3"

ARGOCD = ToolSet(
    name="argocd",
    title="Argo CD",
    module=_ARGO,
    programs=(
        Program(
            name="argocd",
            package=f"{_ARGO}/cmd",
            minutes="8 min",
            stamps={f"{_ARGO}/common.version": "{number}"},
        ),
    ),
    folders={"crds": Folder(module=_ARGO, path="manifests/crds", version_of=_ARGO)},
)

TOOL_SETS = (KUBERNETES, HELM, KUBECONFORM, PROMTOOL, FLUX, ARGOCD)


def find(name: str) -> tuple[ToolSet, Program]:
    """Return the program of that name, and its set.

    Raises:
        StackError: There is none; the message names those that there are.
    """
    for tools in TOOL_SETS:
        for program in tools.programs:
            if program.name == name:
                return tools, program
    known = ", ".join(program.name for tools in TOOL_SETS for program in tools.programs)
    raise StackError(f"there is no tool called {name}: those that can be built are {known}")
