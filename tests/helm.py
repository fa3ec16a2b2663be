"""A real helm, as a program."""

import os
import subprocess


class HelmError(Exception):
    """Helm said no; the message is what it said."""


class Helm:
    """Runs helm; `make chart` says where it is."""

    def __init__(self) -> None:
        self._program = os.environ["HELM"]

    def __call__(self, *words: object, kubeconfig: object = "/dev/null") -> str:
        """Return what helm prints. Raises HelmError."""
        done = subprocess.run(  # noqa: S603
            [self._program, *map(str, words), "--kubeconfig", str(kubeconfig)],
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        if done.returncode:
            raise HelmError(done.stderr)
        return done.stdout
