"""Nobody reads an address in another way than the one in which it was checked."""

from urllib.parse import urlsplit

import pytest
from urllib3.util import parse_url
from yarl import URL

from serveractions.cloud import addresses
from serveractions.cloud.addresses import MAX_LENGTH, AddressError

ALLOWED = ("https://keystone.example:5000", "https://nova.example/compute/", "http://[::1]:8774")

PERMITTED = [
    "https://keystone.example:5000",
    "https://KEYSTONE.example:5000/v3/",
    "https://nova.example:443/compute/v2.1",
    "https://nova.example/compute",
    "https://nova.example/compute/v2.1/AUTH_0c2b3a4d5e6f4a1b8c9d0e1f2a3b4c5d",
    "http://[0:0:0:0:0:0:0:1]:8774/v2.1",
]


@pytest.mark.parametrize("url", PERMITTED)
def test_an_address_below_an_allowed_prefix_may_be_contacted(url: str) -> None:
    addresses.check(url, ALLOWED)


@pytest.mark.parametrize("url", PERMITTED)
def test_every_library_that_sends_reads_the_same_from_it(url: str) -> None:
    found = addresses.parse(url)
    kept = urlsplit(url)
    assert (kept.hostname or "").lower() in (found.host, "0:0:0:0:0:0:0:1")
    ports = {kept.port, parse_url(url).port, URL(url, encoded=True).explicit_port}
    assert ports <= {found.port, None}
    assert {kept.path, parse_url(url).path or "", URL(url, encoded=True).raw_path} <= {
        found.path,
        "/",
    }


LOOK_ALIKES = {
    "another scheme": "http://keystone.example:5000",
    "a longer port": "https://keystone.example:50001",
    "no port": "https://keystone.example",
    "port zero, which some take for none": "https://nova.example:0/compute",
    "a port too large": "https://nova.example:65979/compute",
    "two ports": "https://nova.example:443:80/compute",
    "a port in other digits": "https://nova.example:٤٤٣/compute",
    "a user": "https://keystone.example:5000@evil.example/",
    "an empty user": "https://@nova.example/compute",
    "a user and a password": "https://nova.example:443@[::1]/compute",
    "a suffix": "https://nova.example.evil.example/compute",
    "a prefix": "https://evilnova.example/compute",
    "a dot at its end": "https://nova.example./compute",
    "two dots": "https://nova..example/compute",
    "a longer segment": "https://nova.example/computeevil",
    "a way up": "https://nova.example/compute/../keystone",
    "a way up at the end": "https://nova.example/compute/..",
    "an escaped way up": "https://nova.example/compute/%2e%2e/keystone",
    "a way up escaped twice": "https://nova.example/compute/%252e%252e/keystone",
    "a way up with a parameter": "https://nova.example/compute/..;/keystone",
    "an escaped slash": "https://nova.example/compute%2f..%2fkeystone",
    "a backslash": "https://nova.example\\@evil.example/compute",
    "backslashes for slashes": "https:\\\\nova.example\\compute",
    "an escaped dot in the host": "https://nova%2eexample/compute",
    "letters in circles": "https://ⓝova.example/compute",
    "a dot of another script": "https://nova。example/compute",
    "a letter of another script": "https://nоva.example/compute",
    "a tab that some drop": "https://nova.\texample/compute",
    "a line break that some drop": "https://nova.example/comp\nute",
    "a space before": " https://nova.example/compute",
    "a space after": "https://nova.example/compute ",
    "a zero byte": "https://nova.example\x00.evil.example/compute",
    "the root": "https://nova.example",
    "no scheme": "//nova.example/compute",
    "one slash": "https:/nova.example/compute",
    "no host": "https:///compute",
    "a fragment": "https://nova.example/compute#@evil.example/",
    "a zone": "http://[::1%25lo]:8774/v2.1",
    "a v4 address within a v6": "http://[::ffff:0:1]:8774/v2.1",
    "an address that is none": "http://[::1:]:8774/",
    "a socket": "http+unix://%2Frun%2Fcontainerd.sock/compute",
    "endless": "https://nova.example/compute/" + "x" * MAX_LENGTH,
}


@pytest.mark.parametrize("case", LOOK_ALIKES)
def test_an_address_that_only_looks_like_it_may_not(case: str) -> None:
    with pytest.raises(AddressError):
        addresses.check(LOOK_ALIKES[case], ALLOWED)
    with pytest.raises(AddressError):
        addresses.check_request(f"{LOOK_ALIKES[case]}?limit=1", ALLOWED)


OWN_NETWORK = [
    "http://169.254.169.254/latest/meta-data",
    "http://169.254.169.254.nip.io/",
    "http://[fd00:ec2::254]/",
    "http://[::ffff:169.254.169.254]/",
    "http://[::ffff:a9fe:a9fe]/",
    "http://2852039166/",
    "http://0xa9fea9fe/",
    "http://0xa9.0xfe.0xa9.0xfe/",
    "http://0251.0376.0251.0376/",
    "http://169.254.43518/",
    "http://metadata.google.internal/",
    "https://kubernetes.default.svc/api/v1/secrets",
    "https://10.0.0.1:443/",
    "http://127.0.0.1:8774/v2.1",
    "http://127.1/",
    "http://0/",
    "http://[::]/",
    "http://localhost/",
    "http://localhost:8080/metrics",
]


@pytest.mark.parametrize("url", OWN_NETWORK)
def test_no_spelling_of_the_clusters_own_addresses_is_among_the_allowed_ones(url: str) -> None:
    with pytest.raises(AddressError, match="allowed_urls"):
        addresses.check(url, ALLOWED)


def test_an_allowed_address_in_numbers_allows_none_of_its_other_spellings() -> None:
    allowed = ("http://127.0.0.1:8774",)
    addresses.check("http://127.0.0.1:8774/v2.1", allowed)
    for host in ("2130706433", "0x7f.1", "127.1", "0177.0.0.1", "[::ffff:127.0.0.1]", "localhost"):
        with pytest.raises(AddressError):
            addresses.check(f"http://{host}:8774/v2.1", allowed)


def test_only_a_request_may_have_a_query_and_nothing_has_a_fragment() -> None:
    with pytest.raises(AddressError, match="query"):
        addresses.check("https://nova.example/compute?limit=1", ALLOWED)
    addresses.check_request(
        "https://nova.example/compute/servers?name=%5Ea%5C.b%24&limit=1", ALLOWED
    )
    for tail in ("?a#b", "?a b", "?ä", "??a\r\nHost: evil.example"):
        with pytest.raises(AddressError):
            addresses.check_request(f"https://nova.example/compute{tail}", ALLOWED)


def test_a_refusal_names_the_place_and_nothing_that_was_hidden_in_it() -> None:
    with pytest.raises(AddressError) as caught:
        addresses.check("https://user:s3cret@nova.example/compute", ALLOWED)
    assert "s3cret" not in str(caught.value)
    with pytest.raises(AddressError) as caught:
        addresses.check("https://evil.example/s3cret", ALLOWED)
    assert "https://evil.example:443" in str(caught.value)
    assert "s3cret" not in str(caught.value)
