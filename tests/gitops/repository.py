"""A Git repository with the files of an example, as somebody commits to it."""

import copy
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml


@dataclass(frozen=True)
class Repository:
    """A clone, whose branch `main` is what an engine follows."""

    clone: Path
    example: dict[str, Any]
    """The manifest that is in it."""

    @classmethod
    def create(cls, clone: Path, example: Path) -> "Repository":
        """Make a repository like the example, without its actions: they come by commits."""
        shutil.copytree(example, clone)
        (written,) = (clone / "actions").glob("*.yaml")
        body = yaml.safe_load(written.read_text())
        body["spec"]["notAfter"] = body["spec"]["notAfter"].strftime("%Y-%m-%dT%H:%M:%SZ")
        written.unlink()
        made = cls(clone, body)
        made.git("init", "--quiet", "--initial-branch=main")
        return made

    def action(
        self, name: str, server: str, *, annotations: Mapping[str, str] | None = None, **spec: Any
    ) -> None:
        """Write the manifest of the example for a server, with a name and fields of its own."""
        body = copy.deepcopy(self.example)
        body["metadata"] = {"name": name, "annotations": dict(annotations or {})}
        body["spec"] |= {"serverRef": {"id": server}, **spec}
        (self.clone / "actions" / f"{name}.yaml").write_text(yaml.safe_dump(body))

    def remove(self, name: str) -> None:
        """Delete a manifest."""
        (self.clone / "actions" / f"{name}.yaml").unlink()

    def commit(self, message: str) -> str:
        """Commit all that has changed; return the commit."""
        self.git("add", "--all")
        self.git("commit", "--quiet", f"--message={message}")
        return self.git("rev-parse", "HEAD").strip()

    def archive(self, target: Path) -> None:
        """Pack what was committed last."""
        self.git("archive", "--format=tar.gz", f"--output={target}", "HEAD")

    def git(self, *arguments: str) -> str:
        """Run Git here; no configuration of the user's has a say."""
        who = {
            f"GIT_{role}_{key}": value
            for role in ("AUTHOR", "COMMITTER")
            for key, value in {"NAME": "on call", "EMAIL": "on-call@example.org"}.items()
        }
        none = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
        done = subprocess.run(  # noqa: S603
            ["git", *arguments],  # noqa: S607
            cwd=self.clone,
            env={"PATH": os.environ["PATH"], "HOME": str(self.clone), **who, **none},
            text=True,
            check=True,
            capture_output=True,
        )
        return done.stdout
