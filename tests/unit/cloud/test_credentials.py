"""A clouds.yaml is hostile until it has passed; what is refused says what to write instead."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from serveractions.cloud.credentials import CloudConfiguration, read_clouds
from serveractions.cloud.tls import AuthorityFiles, Trust
from serveractions.config import Config
from serveractions.core.errors import InvalidCredentials, SecretMissing

pytestmark = pytest.mark.timeout(10)

AUTH = {
    "auth_url": "https://keystone.example:5000/v3",
    "username": "u",
    "password": "s3cret",
    "project_name": "p",
    "user_domain_id": "default",
    "project_domain_id": "default",
}


def clouds(cloud: Mapping[str, Any]) -> dict[str, bytes]:
    return {"clouds.yaml": yaml.safe_dump({"clouds": {"it": dict(cloud)}}).encode()}


def read(data: Mapping[str, bytes], **config: Any) -> CloudConfiguration:
    return read_clouds(data, cloud_name="it", config=Config(**config))


def test_a_password_without_auth_type_is_taken() -> None:
    found = read(clouds({"auth": AUTH, "region_name": "RegionOne", "networks": [{"name": "n"}]}))
    assert (found.auth_type, found.region, found.interface) == ("password", "RegionOne", "public")
    assert found.auth == AUTH
    assert found.verify


def test_an_application_credential_is_taken() -> None:
    found = read(
        clouds(
            {
                "auth_type": "v3applicationcredential",
                "interface": "internalURL",
                "auth": {
                    "auth_url": AUTH["auth_url"],
                    "application_credential_id": "i",
                    "application_credential_secret": "s3cret",
                },
            }
        )
    )
    assert (found.auth_type, found.interface) == ("v3applicationcredential", "internal")


def test_nothing_secret_is_shown() -> None:
    assert "s3cret" not in repr(read(clouds({"auth": AUTH})))


def test_equal_credentials_are_known_to_be_equal_and_others_are_not() -> None:
    one, again = read(clouds({"auth": AUTH})), read(clouds({"auth": AUTH}))
    other = read(clouds({"auth": AUTH | {"password": "other"}}))
    assert one.digest == again.digest != other.digest


def test_a_secret_without_the_key_is_waited_for() -> None:
    with pytest.raises(SecretMissing, match=r"clouds\.yaml"):
        read({})


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "a plugin that reads files": ({"auth_type": "v3oidcdeviceauthz"}, "auth_type"),
    "no authentication at all": ({"auth_type": "none"}, "auth_type"),
    "a list for an auth_type": ({"auth_type": ["password"]}, "auth_type"),
    "a vendor profile": ({"profile": "https://evil.example/x"}, "profile"),
    "a path to an authority": ({"cacert": "/etc/shadow"}, "cacert"),
    "a path to a certificate": ({"cert": "/var/run/secrets/x"}, "cert"),
    "a path to a key": ({"key": "/var/run/secrets/x"}, "key"),
    "code of a vendor": ({"vendor_hook": "os:system"}, "vendor_hook"),
    "an endpoint for Nova": ({"compute_endpoint_override": "http://e"}, "catalogue"),
    "an endpoint for Glance": ({"image_endpoint": "http://e"}, "catalogue"),
    "unchecked TLS": ({"verify": False}, "cacert"),
    "a text for verify": ({"verify": "/etc/passwd"}, "verify"),
    "an unknown interface": ({"interface": "{auth}"}, "interface"),
    "a region that is a format": ({"region_name": "{auth}"}, "region_name"),
    "a region that is a list": ({"region_name": ["a"]}, "region_name"),
    "no auth": ({"auth": None}, "auth"),
    "a number for a password": ({"auth": AUTH | {"password": 12345}}, "quotes"),
    "an unknown key in auth": ({"auth": AUTH | {"passcode": "s3cret"}}, "leave out"),
    "no project": ({"auth": AUTH | {"project_name": ""}}, "project_name"),
    "a system scope": ({"auth": AUTH | {"system_scope": "all"}}, "leave out"),
    "a URL with a password": ({"auth": AUTH | {"auth_url": "http://u:s3cret@k/v3"}}, "@"),
    "a file URL": ({"auth": AUTH | {"auth_url": "file:///etc/passwd"}}, "https"),
    "no URL": ({"auth": AUTH | {"auth_url": "http://[x"}}, "https"),
    "a Keystone of long ago": ({"auth": AUTH | {"auth_url": "https://k:5000/v2.0/"}}, "v3"),
    "a port that is none": ({"auth": AUTH | {"auth_url": "https://k:0/v3"}}, "port"),
    "a URL beyond ASCII": ({"auth": AUTH | {"auth_url": "https://ⓚ/v3"}}, "ASCII"),
    "a URL with a query": ({"auth": AUTH | {"auth_url": "https://k/v3?x="}}, "query"),
    "a key that is no text": ({1: 2}, "quotes"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_each_of_these_is_refused_in_words_that_help(case: str) -> None:
    change, words = REFUSED[case]
    with pytest.raises(InvalidCredentials, match=words) as caught:
        read(clouds({"auth": AUTH} | change))
    assert "s3cret" not in str(caught.value)


NOT_YAML = {
    "an alias": b"clouds: &a {it: {auth: [1]}}\nother: *a\n",
    "a bomb": b"a: &a [x,x]\nb: &b [*a,*a]\nclouds: {it: *b}\n",
    "depth": b"[" * 5000,
    "a python object": b"clouds: !!python/object/apply:os.system ['true']\n",
    "a broken date": b"clouds: {it: {auth: {password: 2001-99-99}}}\n",
    "no UTF-8": b"\xff\xfe\x00\xd8\xd8\xd8",
    "a syntax error beside a password": b"clouds:\n  it:\n    password: s3cret: x\n",
    "too much of it": b"#" * 70_000,
    "an empty file": b"",
    "a list": b"- 1\n",
    "another cloud only": b"clouds: {other: {}}\n",
    "two passwords": b"clouds: {it: {auth: {password: s3cret, password: other}}}\n",
    "a truth made by hand": b"clouds: {it: {verify: !!bool s3cret}}\n",
    "a date made by hand": b"clouds: {it: {auth: {password: !!timestamp s3cret}}}\n",
    "a cloud merged into another": b"clouds: {it: {<<: {verify: false}}}\n",
}


@pytest.mark.parametrize("case", NOT_YAML)
def test_each_of_these_files_is_refused_without_quoting_it(case: str) -> None:
    with pytest.raises(InvalidCredentials) as caught:
        read({"clouds.yaml": NOT_YAML[case]})
    assert "s3cret" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_syntax_error_tells_the_line() -> None:
    with pytest.raises(InvalidCredentials, match="line 3"):
        read({"clouds.yaml": NOT_YAML["a syntax error beside a password"]})


def test_unchecked_tls_is_taken_where_the_installation_allows_it() -> None:
    found = read(clouds({"auth": AUTH, "verify": False}), allow_insecure_tls=True)
    assert Trust(found, file=None).context is False


def test_an_auth_url_beside_the_allowed_ones_is_refused() -> None:
    with pytest.raises(InvalidCredentials, match="allowed_urls"):
        read(clouds({"auth": AUTH}), allowed_urls=("https://other.example",))


@pytest.fixture(scope="module")
def pem(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    from datetime import UTC, datetime, timedelta  # noqa: PLC0415

    from cryptography import x509  # noqa: PLC0415 - slow to import, needed once
    from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM)


def test_the_secrets_authority_replaces_the_usual_ones(pem: bytes) -> None:
    found = read(clouds({"auth": AUTH}) | {"cacert": pem})
    context = Trust(found, file=None).context
    assert not isinstance(context, bool)
    assert context.cert_store_stats()["x509"] == 1


def test_an_authority_that_is_none_is_refused() -> None:
    with pytest.raises(InvalidCredentials, match="PEM"):
        read(clouds({"auth": AUTH}) | {"cacert": b"-----BEGIN RSA PRIVATE KEY-----\n"})


def test_the_authoritys_file_is_private_and_is_removed(pem: bytes) -> None:
    files = AuthorityFiles()
    path = Path(files.path(pem.decode()) or "")
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert path.read_bytes() == pem
    assert files.path(pem.decode()) == str(path)
    files.close()
    assert not path.parent.exists()
