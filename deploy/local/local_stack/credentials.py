"""Keys, tokens and kubeconfigs of the local control plane.

The API server signs its own certificate when it starts; what it cannot make for itself is the key
pair for service account tokens and the static tokens of the first two users.
"""

import base64
import secrets
from dataclasses import dataclass
from pathlib import Path

import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa


@dataclass(frozen=True, kw_only=True)
class Credentials:
    """What the servers and the first users identify themselves with."""

    admin_token: str
    controller_manager_token: str
    token_file: Path
    signing_key: Path
    verification_key: Path


def create(directory: Path) -> Credentials:
    """Write new credentials into the directory."""
    directory.mkdir(mode=0o700, exist_ok=True)
    created = Credentials(
        admin_token=secrets.token_hex(16),
        controller_manager_token=secrets.token_hex(16),
        token_file=directory / "tokens.csv",
        signing_key=directory / "service-accounts.key",
        verification_key=directory / "service-accounts.pub",
    )
    created.token_file.write_text(
        f'{created.admin_token},admin,admin,"system:masters"\n'
        f"{created.controller_manager_token},system:kube-controller-manager,controllers\n"
    )
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    created.signing_key.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    created.verification_key.write_bytes(
        key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    )
    return created


def write_kubeconfig(
    path: Path, *, server: str, authority: Path, token: str, namespace: str = "default"
) -> Path:
    """Write a kubeconfig that needs no other file, so that it can be copied anywhere."""
    cluster = {
        "server": server,
        "certificate-authority-data": base64.b64encode(authority.read_bytes()).decode(),
    }
    context = {"cluster": "local", "user": "local", "namespace": namespace}
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "local", "cluster": cluster}],
        "users": [{"name": "local", "user": {"token": token}}],
        "contexts": [{"name": "local", "context": context}],
        "current-context": "local",
    }
    path.write_text(yaml.safe_dump(document, sort_keys=False))
    path.chmod(0o600)
    return path
