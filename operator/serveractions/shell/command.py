"""`serveractions run`: does what manifests say without a cluster, and tells the truth about it.

The name of an object is its identity, as in Kubernetes: the same command again goes on with it, or
says what became of it, and sends nothing twice.
"""

import argparse
import asyncio
import getpass
import hashlib
import json
import logging
import os
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from serveractions import logs
from serveractions.api.kinds import BY_NAME
from serveractions.api.resource import Key
from serveractions.clock import SystemClock
from serveractions.config import Config
from serveractions.core.errors import ApiUnavailable, InvalidCredentials
from serveractions.core.ports import Secret
from serveractions.manual.judging import judge
from serveractions.manual.manifests import UnreadableError, add_files, files_of, read
from serveractions.shell.credentials import PersonsSecrets, find_clouds, secret_of, secret_with
from serveractions.shell.journal import Journal, JournalError, LockedError, Name, name_of
from serveractions.shell.leases import JournalLease
from serveractions.shell.objects import ChangedError, JournalObjects
from serveractions.shell.outcome import MEANINGS, SIGNALLED, ExitCode, exit_code, needs_a_person
from serveractions.shell.running import Run
from serveractions.shell.view import Bars, Lines, View, line

Json = dict[str, Any]
SETTINGS = Config(
    poll_interval=2.0,
    progress_interval=1.0,
    retry_interval=2.0,
    allow_insecure_tls=True,
    delete_finished=False,
)
"""A person waits, and it is one action and not thousands: it is looked at more often."""


class UsageError(Exception):
    """The command cannot be run as it was given; the message says what to change."""


@dataclass(frozen=True, slots=True)
class Manifests:
    """What the files hold."""

    actions: list[Json]
    secrets: dict[tuple[str, str], Secret]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description = (
        "Runs actions without a cluster: the same checks, the same single request, the same truth."
        "\nThe same command again goes on where it was interrupted; nothing is sent twice."
    )
    parser.epilog = MEANINGS
    add_files(parser, also="Secrets with a new password too")
    parser.add_argument(
        "--os-cloud",
        metavar="NAME",
        help="the cloud in your clouds.yaml; default: OS_CLOUD, else cloudName of the manifest",
    )
    parser.add_argument(
        "--journal",
        metavar="FILE",
        help="where the state is kept; default: one for these objects, below XDG_STATE_HOME",
    )
    parser.add_argument(
        "--password-file", metavar="FILE", help="the new password of a ServerPasswordChange"
    )
    parser.add_argument(
        "--timeout", type=float, metavar="SECONDS", help="stop waiting then; default: never"
    )
    parser.add_argument(
        "-o", "--output", choices=["json", "yaml"], help="print the objects at the end"
    )


def run(options: argparse.Namespace, config: Config = SETTINGS) -> int:
    """Run the actions; return the exit code."""
    logs.configure("error")
    logging.getLogger("serveractions").setLevel(logging.ERROR)  # the view tells all else
    try:
        return _run(options, config)
    except LockedError as error:
        sys.stderr.write(f"{error}\n")
        return ExitCode.LOCKED
    except (
        UsageError,
        UnreadableError,
        InvalidCredentials,
        ChangedError,
        JournalError,
        ApiUnavailable,
    ) as error:
        sys.stderr.write(f"{error}\n")
        return ExitCode.INVALID


def _run(options: argparse.Namespace, config: Config) -> int:
    manifests = _read(options.filename)
    cloud = options.os_cloud or os.environ.get("OS_CLOUD")
    if cloud:
        for body in manifests.actions:
            body["spec"]["cloudCredentialsRef"]["cloudName"] = cloud
    path = Path(options.journal) if options.journal else _place(manifests.actions)
    journal = Journal(path)
    try:
        clock = SystemClock()
        lease, objects = JournalLease(clock), JournalObjects(journal, clock)
        _refuse_others(objects, manifests.actions, path)
        _add_passwords(objects, manifests, options.password_file)
        secrets = PersonsSecrets(find_clouds(os.environ), manifests.secrets)
        used = {body["spec"]["cloudCredentialsRef"]["cloudName"] for body in manifests.actions}
        secrets.check(sorted(used), config)
        keys = [objects.apply(body).key for body in manifests.actions]
        view: View = Bars(sys.stderr) if sys.stderr.isatty() else Lines(sys.stderr)
        going = Run(objects=objects, secrets=secrets, lease=lease, config=config, view=view)
        with view:
            asyncio.run(going.until_finished(keys, options.timeout))
        return _tell(objects, keys, options, path, going.signalled)
    finally:
        journal.close()


def _tell(
    objects: JournalObjects,
    keys: Sequence[Key],
    options: argparse.Namespace,
    path: Path,
    signalled: int | None,
) -> int:
    """Print what became of the objects; return the exit code."""
    known = [objects.get(key) for key in keys]
    if options.output:
        bodies = [objects.body(key) for key in keys]
        whole: Json = {"apiVersion": "v1", "kind": "List", "items": bodies}
        shown = bodies[0] if len(bodies) == 1 else whole
        if options.output == "json":
            sys.stdout.write(json.dumps(shown, indent=2, ensure_ascii=False) + "\n")
        else:
            sys.stdout.write(yaml.safe_dump(shown, sort_keys=False, allow_unicode=True))
    else:
        sys.stdout.writelines(f"{line(each)}\n" for each in known)
    unfinished = [each for each in known if not each.status.phase.finished]
    for each in unfinished:
        if (say := needs_a_person(each)) is not None:
            sys.stderr.write(f"{each.key} waits for you: {say} in its manifest\n")
    if unfinished:
        sys.stderr.write(
            "unfinished: give the same command again to go on, with"
            f" --journal {shlex.quote(str(path))}\n"
        )
    if signalled is not None and unfinished:
        return SIGNALLED + signalled
    return exit_code(known)


def _read(names: Sequence[str]) -> Manifests:
    """Read all files.

    Raises:
        UnreadableError, UsageError, InvalidCredentials: What is wrong with them.
    """
    found = Manifests([], {})
    wrong: list[str] = []
    seen: set[Name] = set()
    for document in (each for file in files_of(names) for each in read(file)):
        judged, body = judge(document.body), document.body
        if judged.kind == "Secret" and not judged.ours:
            secret = secret_of(body)
            namespace = body["metadata"].get("namespace") or "default"
            found.secrets[namespace, body["metadata"]["name"]] = secret
            continue
        if not judged.ours:
            continue
        wrong += [f"{document.place}: {each.field}: {each.message}" for each in judged.problems]
        if judged.problems:
            continue
        metadata = body["metadata"]
        if not metadata.get("name"):
            wrong.append(f"{document.place}: metadata.name: write a name: it is what goes on")
            continue
        metadata["namespace"] = metadata.get("namespace") or "default"
        name = name_of(body)
        if name in seen:
            wrong.append(f"{document.place}: {name[0]} {name[2]} stands twice: remove one")
        seen.add(name)
        found.actions.append(body)
    if wrong:
        raise UsageError("\n".join(wrong))
    if not found.actions:
        raise UsageError(f"no action in {', '.join(names)}: name a file that has one")
    return found


def _place(actions: Sequence[Json]) -> Path:
    """Return where the journal of these objects is when nobody says."""
    names = sorted(map(name_of, actions))
    digest = hashlib.sha256(json.dumps(names).encode()).hexdigest()[:16]
    state = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
    return state / "serveractions" / f"{digest}.journal"


def _refuse_others(objects: JournalObjects, actions: Sequence[Json], path: Path) -> None:
    """See that nothing goes on which was not named. Raises UsageError."""
    named = set(map(name_of, actions))
    for each in objects.all():
        if not each.status.phase.finished and each.key[:3] not in named:
            raise UsageError(
                f"{path} has {each.key}, which is unfinished: name its file as well, or another"
                " --journal"
            )


def _add_passwords(objects: JournalObjects, manifests: Manifests, file: str | None) -> None:
    """Add a Secret where an action asks for a password that no manifest has. Raises UsageError."""
    begun = {each.key[:3] for each in objects.all() if not each.status.phase.waiting}
    for body in manifests.actions:
        kind, metadata = BY_NAME[body["kind"]], body["metadata"]
        ref = body["spec"].get("passwordSecretRef")
        if (
            ref is None
            or name_of(body) in begun
            or (metadata["namespace"], ref["name"]) in manifests.secrets
        ):
            continue
        key = kind.spec.model_validate(body["spec"]).to_wire()["passwordSecretRef"]["key"]
        secret = secret_with(_password(metadata["name"], file), name=ref["name"], key=key)
        manifests.secrets[metadata["namespace"], ref["name"]] = secret


def _password(name: str, file: str | None) -> str:
    if file is not None:
        try:
            return Path(file).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            raise UsageError(
                f"{file}: not a file with text: name another --password-file"
            ) from None
    if not sys.stdin.isatty():
        raise UsageError(f"{name} needs a password: give its Secret with -f, or --password-file")
    return getpass.getpass(f"New password for {name}: ")
