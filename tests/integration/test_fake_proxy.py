"""The proxy does to requests what a fault says, and to no others: tried on a server of its own."""

import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import requests

from fakes.proxy import Fault, Proxy, Seen

SOON = 0.3
"""Seconds after which something that does not come is taken for not coming."""


class Upstream(BaseHTTPRequestHandler):
    """Says what it was asked; a watch gets a line whenever the test wants one."""

    protocol_version = "HTTP/1.1"
    asked: list[tuple[str, str, bytes]]
    lines: threading.Semaphore

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.asked.append((self.command, self.path, body))
        if "watch=true" in self.path:
            self.watch()
            return
        self.send_response(201)
        self.send_header("Content-Length", "4")
        self.end_headers()
        self.wfile.write(b"done")

    do_GET = do_PATCH = answer  # noqa: N815 - http.server looks for these names

    def watch(self) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for number in range(2):
            self.lines.acquire()
            self.wfile.write(b"2\r\n%d\n\r\n" % number)
        self.close_connection = True

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def upstream() -> Iterator[ThreadingHTTPServer]:
    Upstream.asked, Upstream.lines = [], threading.Semaphore(0)
    with ThreadingHTTPServer(("127.0.0.1", 0), Upstream) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        Upstream.lines.release(9)
        server.shutdown()
        thread.join()


@pytest.fixture
def proxy(upstream: ThreadingHTTPServer) -> Iterator[Proxy]:
    with Proxy(f"http://127.0.0.1:{upstream.server_address[1]}").running() as proxy:
        yield proxy


@pytest.fixture
def session() -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.trust_env = False
        yield session


def patches(seen: Seen) -> bool:
    return seen.method == "PATCH"


def test_without_a_fault_everything_is_passed_on(proxy: Proxy, session: requests.Session) -> None:
    answer = session.patch(f"{proxy.url}/one?x=1", data=b"body", timeout=5)
    assert (answer.status_code, answer.content) == (201, b"done")
    assert Upstream.asked == [("PATCH", "/one?x=1", b"body")]


def test_a_fault_takes_the_requests_that_it_chooses_and_so_many_of_them(
    proxy: Proxy, session: requests.Session
) -> None:
    fault = proxy.add(Fault(on=patches, answer=409, times=2))
    codes = [session.patch(proxy.url, data=b"{}", timeout=5).status_code for _ in range(3)]
    assert codes == [409, 409, 201]
    assert session.get(proxy.url, timeout=5).status_code == 201
    assert [seen.json for seen in fault.hits] == [{}, {}]
    assert [method for method, _, _ in Upstream.asked] == ["PATCH", "GET"]


def test_a_fault_ends_with_its_context(proxy: Proxy, session: requests.Session) -> None:
    with proxy.having(Fault(on=patches, answer=500, times=None)):
        assert session.patch(proxy.url, timeout=5).status_code == 500
    assert session.patch(proxy.url, timeout=5).status_code == 201


def test_an_answer_can_be_replaced_after_the_server_has_done_what_it_was_asked(
    proxy: Proxy, session: requests.Session
) -> None:
    proxy.add(Fault(on=patches, reaches=True, answer=500))
    assert session.patch(proxy.url, timeout=5).status_code == 500
    assert [method for method, _, _ in Upstream.asked] == ["PATCH"]


@pytest.mark.parametrize("reaches", [False, True])
def test_a_connection_can_be_reset_before_or_after_the_server_was_asked(
    proxy: Proxy, session: requests.Session, reaches: bool
) -> None:
    proxy.add(Fault(on=patches, reaches=reaches))
    with pytest.raises(requests.ConnectionError):
        session.patch(proxy.url, timeout=5)
    assert len(Upstream.asked) == reaches


def test_the_true_answer_comes_when_its_gate_is_opened(
    proxy: Proxy, session: requests.Session
) -> None:
    gate = proxy.gate()
    proxy.add(Fault(on=patches, reaches=True, truthful=True, gate=gate, then=gate.open))
    assert session.patch(proxy.url, timeout=5).status_code == 201
    proxy.add(Fault(on=patches, reaches=True, truthful=True, gate=proxy.gate()))
    with pytest.raises(requests.ReadTimeout):
        session.patch(proxy.url, timeout=SOON)


def test_what_is_frozen_stands_still_and_goes_on_afterwards(
    proxy: Proxy, session: requests.Session
) -> None:
    with proxy.frozen():
        with pytest.raises(requests.ReadTimeout):
            session.get(proxy.url, timeout=SOON)
        assert Upstream.asked == []
    assert session.get(proxy.url, timeout=5).status_code == 201


def test_a_forgotten_watch_stays_open_and_silent_while_new_connections_work(
    proxy: Proxy, session: requests.Session
) -> None:
    with session.get(f"{proxy.url}/?watch=true", stream=True, timeout=(5, SOON)) as watch:
        Upstream.lines.release()
        lines = watch.iter_lines(chunk_size=1)
        assert next(lines) == b"0"
        assert proxy.watches() == 1
        assert proxy.forget_connections(watches_only=True) == 1
        assert proxy.watches() == 0
        Upstream.lines.release()
        with pytest.raises(requests.ConnectionError, match="timed out"):
            next(lines)
        assert session.get(proxy.url, timeout=5).status_code == 201


def test_a_watch_that_is_cut_ends_for_its_client(proxy: Proxy, session: requests.Session) -> None:
    with session.get(f"{proxy.url}/?watch=true", stream=True, timeout=5) as watch:
        assert proxy.cut(watches_only=True) == 1
        with pytest.raises(requests.exceptions.ChunkedEncodingError):
            next(watch.iter_lines(chunk_size=1))
    assert session.get(proxy.url, timeout=5).status_code == 201


def test_without_its_server_the_proxy_resets_connections(session: requests.Session) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and does not listen
        proxy = Proxy(f"http://127.0.0.1:{taken.getsockname()[1]}")
        with proxy.running(), pytest.raises(requests.ConnectionError):
            session.get(proxy.url, timeout=5)
