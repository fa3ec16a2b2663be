"""A write goes out at most once, and every failure says whether it may have gone out."""

import asyncio
import json
import socket
import ssl

import pytest

from serveractions.actions.action import NovaRequest
from serveractions.cloud.transport import send_once
from serveractions.core.errors import Ambiguous, NeverSent
from serveractions.core.ports import Reply
from unit.cloud.wire import Peer, Wire, answer, replying, serve

pytestmark = pytest.mark.timeout(10)

SERVER = "1bea47ed-f6a9-463b-b423-14b9cca9ad27"
UID = "0c2b3a4d-5e6f-4a1b-8c9d-0e1f2a3b4c5d"
NOVA_ID = "req-3f2c8a51-9f0e-4a3b-8f59-6a5d9e1c7b20"
TRUSTING_NOBODY = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
ACCEPTED = answer("202 Accepted", b"", f"X-Compute-Request-Id: {NOVA_ID}")


def post(body: dict[str, object] | None = None, microversion: str = "2.68") -> NovaRequest:
    return NovaRequest(
        name="os-migrateLive",
        method="POST",
        path=f"/servers/{SERVER}/action",
        body=body or {"os-migrateLive": {"host": None, "block_migration": "auto"}},
        microversion=microversion,
    )


def delete() -> NovaRequest:
    return NovaRequest(
        name="abort",
        method="DELETE",
        path=f"/servers/{SERVER}/migrations/7",
        body=None,
        microversion="2.65",
    )


async def send(
    url: str, request: NovaRequest | None = None, *, deadline: float = 2.0, may: bool = True
) -> Reply:
    return await send_once(
        request or post(),
        endpoint=url,
        token="the-token",
        tls=TRUSTING_NOBODY,
        uid=UID,
        deadline=deadline,
        may_send=lambda: may,
    )


async def test_an_accepted_request_gives_novas_own_request_id() -> None:
    async with serve(replying(ACCEPTED)) as wire:
        reply = await send(wire.url)
    assert (reply.status, reply.request_id) == (202, NOVA_ID)
    assert len(wire.received) == 1


async def test_the_request_carries_token_microversion_and_our_global_request_id() -> None:
    async with serve(replying(ACCEPTED)) as wire:
        await send(wire.url)
    head, _, body = wire.received[0].partition(b"\r\n\r\n")
    lines = set(head.decode().split("\r\n"))
    assert f"POST /v2.1/servers/{SERVER}/action HTTP/1.1" in lines
    assert {
        "X-Auth-Token: the-token",
        "OpenStack-API-Version: compute 2.68",
        f"X-Openstack-Request-Id: req-{UID}",
        "Content-Type: application/json",
        "Connection: close",
    } <= lines
    assert not any(line.startswith("X-OpenStack-Nova-API-Version") for line in lines)
    assert json.loads(body) == {"os-migrateLive": {"host": None, "block_migration": "auto"}}


async def test_an_old_microversion_is_also_sent_in_the_header_that_old_novas_read() -> None:
    async with serve(replying(ACCEPTED)) as wire:
        await send(wire.url, post(microversion="2.24"))
    assert b"X-OpenStack-Nova-API-Version: 2.24\r\n" in wire.received[0]


async def test_the_image_of_a_backup_comes_back() -> None:
    data = answer("202 Accepted", b'{"image_id": "abc"}')
    async with serve(replying(data)) as wire:
        assert (await send(wire.url)).body == {"image_id": "abc"}


@pytest.mark.parametrize("request_", [post(), delete()], ids=["POST", "DELETE"])
async def test_not_one_byte_leaves_when_it_may_not_be_sent_any_more(request_: NovaRequest) -> None:
    async def listen(peer: Peer) -> None:
        await peer.read_all()

    async with serve(listen) as wire:
        with pytest.raises(NeverSent):
            await send(wire.url, request_, may=False)
        await asyncio.sleep(0)
        assert wire.requests == []


async def test_it_is_asked_only_when_the_connection_stands() -> None:
    connected = asyncio.Event()
    asked: list[bool] = []

    async def greet(peer: Peer) -> None:
        connected.set()
        await peer.read_request()
        peer.send(ACCEPTED)

    def may_send() -> bool:
        asked.append(True)
        return True

    async with serve(greet) as wire:
        await send_once(
            post(),
            endpoint=wire.url,
            token="t",
            tls=False,
            uid=UID,
            deadline=2,
            may_send=may_send,
        )
    assert asked == [True]
    with pytest.raises(NeverSent):
        await send_once(
            post(),
            endpoint=wire.url,
            token="t",
            tls=False,
            uid=UID,
            deadline=2,
            may_send=may_send,
        )
    assert asked == [True]  # refused: not even asked


async def drop_before_reading(peer: Peer) -> None:
    peer.reset()


async def reset_after_reading(peer: Peer) -> None:
    await peer.read_request()
    peer.reset()


async def close_after_reading(peer: Peer) -> None:
    await peer.read_request()


async def say_nothing(peer: Peer) -> None:
    await peer.read_request()
    await peer.read_all()


async def drip(peer: Peer) -> None:
    """Keep every single read alive, for ever."""
    await peer.read_request()
    peer.send(b"HTTP/1.1 202 Accepted\r\nX-Long: ")
    while True:
        peer.send(b"x")
        await asyncio.sleep(0.02)


AMBIGUOUS = {
    "reset before it was read": drop_before_reading,
    "reset after it was read": reset_after_reading,
    "closed after it was read": close_after_reading,
    "no answer within the deadline": say_nothing,
    "an answer that drips": drip,
    "garbage for a status line": replying(b"SSH-2.0-OpenSSH_9.6\r\n\r\n"),
    "half of a head": replying(b"HTTP/1.1 202 Accepted\r\nContent-Le"),
    "a cut 202": replying(answer("202 Accepted", b'{"image', length=60)),
    "a 202 that is no JSON": replying(answer("202 Accepted", b"<html>hello</html>")),
    "a 202 that is no object": replying(answer("202 Accepted", b"[1]")),
    "a 202 of nested brackets": replying(answer("202 Accepted", b"[" * 100_000)),
    "a 202 without end": replying(answer("202 Accepted", b"x" * 2_000_000)),
}


@pytest.mark.parametrize("request_", [post(), delete()], ids=["POST", "DELETE"])
@pytest.mark.parametrize("fault", AMBIGUOUS)
async def test_after_each_fault_it_is_ambiguous_and_was_not_sent_again(
    fault: str, request_: NovaRequest
) -> None:
    async with serve(AMBIGUOUS[fault]) as wire:
        with pytest.raises(Ambiguous):
            await send(wire.url, request_, deadline=0.1)
        await asyncio.sleep(0)
        assert len(wire.received) == 1


async def test_nobody_listening_means_never_sent() -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        with pytest.raises(NeverSent, match="refused"):
            await send(f"http://127.0.0.1:{reserved.getsockname()[1]}")


async def test_an_unknown_host_means_never_sent() -> None:
    with pytest.raises(NeverSent):
        await send("http://nova.invalid")


async def test_a_connection_that_does_not_come_about_means_never_sent() -> None:
    # A full backlog: the kernel answers no further connection.
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        address = listening.getsockname()
        with socket.socket() as first, socket.socket() as second:
            for one in (first, second):
                one.setblocking(False)
                one.connect_ex(address)
            with pytest.raises(NeverSent):
                await send(f"http://127.0.0.1:{address[1]}", deadline=0.1)


async def test_plain_text_on_a_tls_port_means_never_sent() -> None:
    async def greet(peer: Peer) -> None:
        peer.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async with serve(greet) as wire:
        with pytest.raises(NeverSent):
            await send(wire.url.replace("http:", "https:"))
        assert b"the-token" not in b"".join(wire.received)


async def test_a_redirect_is_returned_and_the_token_does_not_follow_it() -> None:
    async with serve(replying(ACCEPTED)) as other:
        data = answer("307 Temporary Redirect", b"", f"Location: {other.url}/x")
        async with serve(replying(data)) as wire:
            reply = await send(wire.url)
        assert (reply.status, len(wire.received), other.received) == (307, 1, [])


async def test_a_503_is_returned_once_with_its_retry_after() -> None:
    data = answer("503 Service Unavailable", b"busy", "Retry-After: 7")
    async with serve(replying(data)) as wire:
        reply = await send(wire.url)
    assert (reply.status, reply.retry_after, reply.message) == (503, 7.0, "busy")
    assert len(wire.received) == 1


async def test_a_refusal_counts_even_when_its_words_break_off() -> None:
    data = answer("409 Conflict", b'{"conflictingRequest": {"mess', length=90)
    async with serve(replying(data)) as wire:
        reply = await send(wire.url)
    assert (reply.status, reply.message) == (409, "")


async def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serve(replying(ACCEPTED)) as proxy, serve(replying(ACCEPTED)) as wire:
        monkeypatch.setenv("http_proxy", proxy.url)
        monkeypatch.setenv("no_proxy", "")
        await send(wire.url)
        assert (len(wire.received), proxy.received) == (1, [])


async def test_novas_words_do_not_bring_the_password_back() -> None:
    words = {"badRequest": {"code": 400, "message": "adminPass. Value: s3cret. s3cret is wrong"}}
    data = answer("400 Bad Request", json.dumps(words).encode())
    async with serve(replying(data)) as wire:
        reply = await send(wire.url, post({"changePassword": {"adminPass": "s3cret"}}))
    assert "s3cret" not in repr(reply)
    assert reply.status == 400


async def test_words_that_decide_stay_with_a_password_of_one_letter() -> None:
    said = f"Cannot 'changePassword' instance {SERVER} while it is in task_state image_backup"
    data = answer("409 Conflict", json.dumps({"conflictingRequest": {"message": said}}).encode())
    async with serve(replying(data)) as wire:
        reply = await send(wire.url, post({"changePassword": {"adminPass": "a"}}))
    assert reply.message == said


async def test_exceptions_show_neither_token_nor_password() -> None:
    async with serve(close_after_reading) as wire:
        with pytest.raises(Ambiguous) as caught:
            await send(wire.url, post({"changePassword": {"adminPass": "s3cret"}}))
    shown = repr(caught.value) + repr(caught.value.__cause__)
    assert "s3cret" not in shown
    assert "the-token" not in shown
    assert caught.value.__suppress_context__


async def test_a_path_that_is_not_a_servers_is_never_sent() -> None:
    bad = NovaRequest(
        name="x", method="POST", path="/servers/../os-services", body={}, microversion="2.65"
    )

    async def listen(peer: Peer) -> None:
        await peer.read_all()

    async with serve(listen) as wire:
        with pytest.raises(NeverSent):
            await send(wire.url, bad)
        assert wire.received == []


async def test_cancelling_stops_the_exchange() -> None:
    started = asyncio.Event()

    async def hold(peer: Peer) -> None:
        await peer.read_request()
        started.set()
        await peer.read_all()

    async with serve(hold) as wire:
        sending = asyncio.create_task(send(wire.url))
        await started.wait()
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        assert len(wire.requests) == 1


def test_a_wire_counts_only_connections_that_sent_something() -> None:
    assert Wire(received=[b"", b"x"]).requests == [b"x"]
