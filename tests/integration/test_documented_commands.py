"""Every command that the documentation shows is executed, or named here with what executes it.

The commands of a page run in one bash, in a copy of the checkout, against a real API server with
the operator beside it: what a page promises of an object comes about while the page is run.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import assembled
import documented
from api_cases import SERVER_ID
from assembled import Assembled
from documented import ROOT, Command
from local_stack.commands import CommandError
from local_stack.kubernetes import ControlPlane
from serveractions.api.kinds import BY_NAME

LIVE = BY_NAME["ServerLiveMigration"]
SECONDS = 120


@dataclass(frozen=True)
class Elsewhere:
    """Commands that are not executed here.

    Attributes:
        pattern: Matches the whole of such a command.
        reason: Why not.
        instead: What executes it, or what it stands for: a test, or a target that CI makes; empty
            where nothing here can.
    """

    pattern: str
    reason: str
    instead: str = ""


ELSEWHERE = (
    Elsewhere("make (build|unit|test|e2e)", "this is run by it", "make test"),
    Elsewhere(
        r"\.venv/bin/python -m pytest tests/e2e -k live-no-valid-host",
        "needs a Nova",
        "tests/e2e/test_cases.py::test_case",
    ),
    Elsewhere(
        r"\.venv/bin/python -m local_stack up --crds crds",
        "needs half a minute; the half of it that is Kubernetes is started here",
        "tests/e2e/conftest.py::world",
    ),
    Elsewhere(
        r"serveractions run -f away\.yaml .*",
        "needs a Nova",
        "tests/contract/test_run.py::test_0_is_a_live_migration_that_has_arrived",
    ),
    Elsewhere(
        r"helm install .*",
        "helm is built by a target of its own",
        "tests/chart/test_chart.py::"
        "test_an_operator_works_under_what_helm_has_installed_and_outlives_nothing",
    ),
    Elsewhere("uv pip compile .*", "asks a package registry for the newest of everything"),
    Elsewhere("docker (build|push) .*", "needs a container engine and a registry"),
    Elsewhere(
        r"openstack server migrate --live-migration --wait web-3|echo \$\?",
        "shows what another program does, of a release that is named",
    ),
    Elsewhere(
        "openstack server event list .*",
        "the openstack client is none of the locked packages; the same list is read there",
        "tests/contract/test_records.py::"
        "test_actions_come_newest_first_in_pages_and_since_a_moment",
    ),
    Elsewhere(
        "openstack server migration list .*",
        "the openstack client is none of the locked packages; the same list is read there",
        "tests/contract/test_records.py::"
        "test_migrations_come_newest_first_in_pages_filtered_and_since",
    ),
    Elsewhere(
        "openstack image list --property .*",
        "the openstack client is none of the locked packages; the same list is read there",
        "tests/contract/test_create_backup.py::"
        "test_a_backup_goes_through_its_tasks_and_becomes_an_image",
    ),
)
"""The only commands that may go without being executed here."""

FOREGROUND = r"\.venv/bin/python -m local_stack up .*"
"""Commands that stay until they are told to end, by a later one of their page."""


@dataclass(frozen=True)
class Page:
    """A page, and what its commands find.

    Attributes:
        path: Of the page, from the root of the repository.
        scene: Makes what the page takes for given.
        end: Takes back what would disturb other tests: all share one API server.
        replaced: Words of the page, and what stands for them here.
    """

    path: str
    scene: Callable[[Assembled], None] = lambda world: None
    end: Callable[[Assembled], None] = lambda world: None
    replaced: tuple[tuple[str, str], ...] = ()


def _namespace(world: Assembled, name: str) -> None:
    body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
    world.kubernetes.kubectl("apply", "-f", "-", stdin=json.dumps(body))


def _front_page(world: Assembled) -> None:
    """Two servers; the migration of the second has been asked for, and will fail."""
    _, second = world.cloud.boot("web-1", "web-2")
    world.cloud.driver.fail("live_migration", "NovaException", ["out of memory"], servers=[second])
    world.create(world.body(LIVE, "web-2-off-host1", second))


def _running(world: Assembled) -> None:
    _namespace(world, "team-a")


def _gitops(world: Assembled) -> None:
    _namespace(world, "on-call")


def _gitops_end(world: Assembled) -> None:
    """The policy is in force, but for the namespace with the label; then it goes."""
    kubectl = world.kubernetes.kubectl

    def taken(namespace: str) -> bool:
        elsewhere = world.in_namespace(namespace)
        body = elsewhere.body(BY_NAME["ServerStateReset"], "tried", SERVER_ID, state="Active")
        try:
            kubectl("create", "--dry-run=server", "-f", "-", stdin=json.dumps(body))
        except CommandError:
            return False
        return True

    world.until(lambda: not taken(world.namespace), seconds=30, what="the policy is in force")
    assert taken("on-call")
    kubectl("delete", "-k", ROOT / "deploy" / "gitops" / "policy")
    world.until(lambda: taken(world.namespace), seconds=30, what="the policy is gone")


PAGES = (
    Page("README.md", _front_page),
    Page("deploy/README.md", _running),
    Page("deploy/gitops/README.md", _gitops, _gitops_end),
    Page("deploy/local/README.md", replaced=(("/tmp/local", "$PWD/local"),)),  # noqa: S108
)
"""What pages take for given. One that is not named here takes nothing for given."""
BY_PATH = {page.path: page for page in PAGES}
ALL = [command for page in documented.pages() for command in documented.commands(page)]
WITH_COMMANDS = list(dict.fromkeys(command.page for command in ALL))


def elsewhere(command: Command) -> Elsewhere | None:
    return next((row for row in ELSEWHERE if re.fullmatch(row.pattern, command.bare)), None)


def test_no_command_stands_outside_a_console() -> None:
    assert [line for page in documented.pages() for line in documented.hidden(page)] == []


def test_every_row_of_the_table_stands_for_a_command_and_names_what_there_is() -> None:
    makefile = (ROOT / "Makefile").read_text()
    rule = re.search(r"^test: .*\n(\t.*\n)+", makefile, re.MULTILINE)
    assert rule is not None
    for row in ELSEWHERE:
        meant = [command.bare for command in ALL if elsewhere(command) is row]
        assert meant, row.pattern
        if row.instead == "make test":
            targets = {bare.removeprefix("make ") for bare in meant}
            assert targets <= {*rule[0].split(), "test"}
        elif row.instead:
            path, _, name = row.instead.partition("::")
            assert f"def {name}(" in (ROOT / path).read_text(), row.instead


def test_every_page_that_is_prepared_for_has_commands() -> None:
    assert BY_PATH.keys() <= set(WITH_COMMANDS)


@pytest.fixture(scope="module")
def world(kubernetes: ControlPlane) -> Iterator[Assembled]:
    with assembled.running(kubernetes, name="documented", pace={"live-migration": "1"}) as made:
        yield made


@pytest.fixture(scope="module")
def programs(kubernetes: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> str:
    """What PATH begins with: kubectl, and `serveractions` as its package installs it."""
    made = tmp_path_factory.mktemp("bin")
    (made / "kubectl").symlink_to(kubernetes.tools.kubectl)
    script = made / "serveractions"
    script.write_text(
        f'#!/bin/sh\nPYTHONPATH={ROOT / "operator"} exec {sys.executable} -m serveractions "$@"\n'
    )
    script.chmod(0o755)
    return f"{made}:{Path(sys.executable).parent}:{os.environ['PATH']}"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of what commands read and may write; the rest is linked."""
    made = tmp_path / "serveractions"
    made.mkdir()
    for name in ("deploy", "crds"):
        shutil.copytree(ROOT / name, made / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("operator", "tests", "Makefile", "README.md", "pyproject.toml"):
        (made / name).symlink_to(ROOT / name)
    (made / ".venv").symlink_to(Path(sys.executable).parent.parent)
    return made


@pytest.fixture
def environment(world: Assembled, programs: str, checkout: Path) -> dict[str, str]:
    """A home of its own, and a kubeconfig whose namespace is the one that the operator serves."""
    home = checkout.parent / "home"
    home.mkdir()
    kubeconfig = home / "kubeconfig"
    shutil.copy(world.kubernetes.kubeconfig, kubeconfig)
    # What is built once for a machine is not built for this.
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    variables = {
        "HOME": str(home),
        "KUBECONFIG": str(kubeconfig),
        "PATH": programs,
        "XDG_CACHE_HOME": cache,
    }
    subprocess.run(  # noqa: S603
        [
            world.kubernetes.tools.kubectl,
            *("config", "set-context", "--current", "--namespace", world.namespace),
        ],
        env=variables,
        check=True,
        capture_output=True,
    )
    return variables


@pytest.mark.parametrize("path", WITH_COMMANDS)
def test_the_commands_of_a_page_do_what_the_page_says(
    world: Assembled, checkout: Path, environment: dict[str, str], path: str
) -> None:
    commands = [command for command in ALL if command.page == path and not elsewhere(command)]
    page = BY_PATH.get(path, Page(path))
    for name, content in documented.files(ROOT / path).items():
        (checkout / name).write_text(content)
    page.scene(world)

    try:
        results = _run(commands, page, checkout, environment)
    finally:
        page.end(world)

    for command, (code, printed) in zip(commands, results, strict=True):
        assert code == 0, f"{command} ended with {code}:\n{printed}"
        for line in command.output:
            if "..." not in line:
                assert re.search(_like(line), printed), (
                    f"{command} does not print {line}:\n{printed}"
                )


def _like(line: str) -> str:
    """Return a pattern of the same words, whatever the blanks between them."""
    return r"\s+".join(map(re.escape, line.split()))


def _run(
    commands: list[Command], page: Page, checkout: Path, environment: dict[str, str]
) -> list[tuple[int, str]]:
    """Run commands in one bash; return each one's exit code and what it printed."""
    results = checkout.parent / "results"
    results.mkdir()
    script = ["set +o posix", f"results={results}"]
    for number, command in enumerate(commands):
        text = command.text
        for word, stands_for in page.replaced:
            text = text.replace(word, stands_for)
        out = f'"$results/{number}"'
        if re.fullmatch(FOREGROUND, command.bare):
            # Up as soon as it says how it is reached; the page itself tells it to end.
            script += [
                f"{text.partition(' # ')[0]} > {out} 2>&1 &",
                "there=$!",
                f"until grep -qs KUBECONFIG {out} || ! kill -0 $there; do sleep 0.1; done",
                f"kill -0 $there; echo $? > {out}.code",
            ]
        else:
            script += ["{", text, f"}} > {out} 2>&1 < /dev/null", f"echo $? > {out}.code"]
    script += ["wait"]
    shell = subprocess.Popen(  # noqa: S603
        ["/bin/bash", "--norc", "-c", "\n".join(script)],
        cwd=checkout,
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
        process_group=0,
    )
    try:
        _, complaints = shell.communicate(timeout=SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(shell.pid, signal.SIGTERM)  # what it has started goes with it
        shell.communicate()
        raise
    assert not complaints, complaints
    return [
        (int((results / f"{number}.code").read_text()), (results / str(number)).read_text())
        for number in range(len(commands))
    ]
