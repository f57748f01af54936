"""The client with TLS and with proxies, over real sockets. The certificate of the tests is for `gateway.example`."""

from __future__ import annotations

import asyncio
import base64
import socket
import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, closing, suppress
from pathlib import Path

import pytest

from routing.upstream.addresses import Address, Addresses
from routing.upstream.client import Client, Cut, NoAnswer, Unsent
from tests.routing.upstream.gateway import OK, Peer, Recorder, answering, gateway, message, run

CERTIFICATE = Path(__file__).parent / "gateway.pem"
LARGE = b"x" * 3_000_000


def server_tls() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    context.set_alpn_protocols(["h2", "http/1.1"])
    return context


@pytest.fixture(autouse=True)
def only_our_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trust the certificate of the tests, resolve every name to this machine, and use no proxy of the environment."""

    async def ask(addresses: Addresses, host: str, port: int) -> list[Address]:
        return [(socket.AF_INET, ("127.0.0.1", port))]

    monkeypatch.setattr(Addresses, "_ask", ask)
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
    for name in ("http_proxy", "https_proxy", "no_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


# --- TLS -------------------------------------------------------------------------------------------------------------
def test_a_gateway_with_tls_is_asked_for_http_1_by_its_name_and_its_connection_kept() -> None:
    names: list[str | None] = []
    protocols: list[str | None] = []

    async def answer(peer: Peer, request: bytes) -> None:
        protocols.append(peer.writer.get_extra_info("ssl_object").selected_alpn_protocol())
        await peer.send(OK)

    async def test(client: Client) -> None:
        tls = server_tls()
        tls.sni_callback = lambda _, name, __: names.append(name)
        async with gateway(answer, tls=tls) as upstream:
            for body in (b"{}", LARGE, b"{}"):
                got = await client.send(message(f"https://gateway.example:{upstream.port}/v1", body))
                assert await got.whole(most_bytes=2) == b"ok"
                assert upstream.requests[-1][1].endswith(b"\r\n\r\n" + body)
            assert upstream.used == [1, 1, 1]
            assert (names, set(protocols)) == (["gateway.example"], {"http/1.1"})

    run(test)


@pytest.mark.parametrize("mode", ["read", "follow"])
def test_bodies_over_tls_wait_end_and_are_cut_as_others(mode: str) -> None:
    is_read = asyncio.Event()

    async def answer(peer: Peer, request: bytes) -> bool:
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (2 * len(LARGE), LARGE))
        await is_read.wait()
        return False

    async def test(client: Client) -> None:
        async with gateway(answer, tls=server_tls()) as upstream:
            got = await client.send(message(f"https://gateway.example:{upstream.port}/v1"))
            recorder = Recorder()
            if mode == "follow":
                got.follow(recorder)
                got.pause()
                got.resume()
                while len(recorder.body) < len(LARGE):
                    await asyncio.sleep(0)
                is_read.set()
                await recorder.end.wait()
                assert (recorder.ends, len(recorder.body)) == ([True], len(LARGE))
                return
            is_read.set()
            with pytest.raises(Cut):
                await got.whole(most_bytes=1 << 30)

    run(test)


@pytest.mark.parametrize("host", ["127.0.0.1", "other.example"])
def test_a_certificate_for_another_name_is_unsent(host: str) -> None:
    async def test(client: Client) -> None:
        async with gateway(answering(OK), tls=server_tls()) as upstream:
            with pytest.raises(Unsent, match="SSLCertVerificationError"):
                await client.send(message(f"https://{host}:{upstream.port}/"))
            assert upstream.requests == []

    run(test)


def test_a_certificate_of_no_authority_is_unsent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "none.pem").touch()
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))

    async def test(client: Client) -> None:
        async with gateway(answering(OK), tls=server_tls()) as upstream:
            with pytest.raises(Unsent, match="SSLCertVerificationError"):
                await client.send(message(f"https://gateway.example:{upstream.port}/"))

    run(test)


def test_a_server_without_tls_is_unsent() -> None:
    is_left = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(OK)
        with suppress(ConnectionError):
            await reader.read()
        writer.close()
        is_left.set()

    async def test(client: Client) -> None:
        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            with pytest.raises(Unsent, match="SSLError"):
                await client.send(message(f"https://gateway.example:{port}/"))
            await is_left.wait()

    run(test)


@pytest.mark.parametrize("is_proxied", [False, True])
def test_tls_that_takes_too_long_is_unsent(is_proxied: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    async def test(client: Client) -> None:
        with closing(socket.create_server(("127.0.0.1", 0))) as silent:
            port = silent.getsockname()[1]
            async with proxy(f"gateway.example:{port}") as proxied:
                if is_proxied:
                    monkeypatch.setenv("HTTPS_PROXY", proxied.url)
                with pytest.raises(Unsent, match="TimeoutError"):
                    await client.send(message(f"https://gateway.example:{port}/"))

    run(test, connect_seconds=0.3)


# --- proxies ---------------------------------------------------------------------------------------------------------
class Proxied:
    def __init__(self, port: int) -> None:
        self.url = f"http://us%40er:pa%3Ass@127.0.0.1:{port}"
        self.heads: list[bytes] = []


LOGIN = b"\r\nProxy-Authorization: Basic " + base64.b64encode(b"us@er:pa:ss") + b"\r\n"


@asynccontextmanager
async def proxy(allowed: str, *, refusal: bytes = b"") -> AsyncGenerator[Proxied, None]:
    """A proxy that tunnels to one address, or refuses."""
    tasks: set[asyncio.Task[None]] = set()

    async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65_536):
                writer.write(data)
        finally:
            writer.transport.abort()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        made.heads.append(head)
        if refusal:
            writer.write(refusal)
            writer.close()
            return
        place = head.split(b" ")[1].decode()
        assert place == allowed
        other, to = await asyncio.open_connection("127.0.0.1", int(place.rpartition(":")[2]))
        writer.write(b"HTTP/1.1 200 Connection ")
        await asyncio.sleep(0)
        writer.write(b"Established\r\nX-Proxy: a\r\n\r\n")
        with suppress(ConnectionError):
            await asyncio.gather(pipe(reader, to), pipe(other, writer))

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.create_task(serve(reader, writer)))

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    made = Proxied(server.sockets[0].getsockname()[1])
    try:
        yield made
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def test_https_goes_through_a_tunnel_of_the_proxy_and_its_connection_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    async def test(client: Client) -> None:
        async with (
            gateway(answering(OK), tls=server_tls()) as upstream,
            proxy(f"gateway.example:{upstream.port}") as proxied,
        ):
            monkeypatch.setenv("HTTPS_PROXY", proxied.url)
            for body in (b"{}", LARGE):
                got = await client.send(message(f"https://gateway.example:{upstream.port}/v1", body))
                assert await got.whole(most_bytes=2) == b"ok"
            place = b"gateway.example:%d" % upstream.port
            assert proxied.heads == [b"CONNECT %b HTTP/1.1\r\nHost: %b%b\r\n" % (place, place, LOGIN)]
            assert upstream.used == [1, 1]
            assert b"Proxy" not in upstream.requests[0][1]
            assert upstream.requests[0][1].startswith(b"POST /v1 HTTP/1.1\r\n")

    run(test)


@pytest.mark.parametrize(
    "refusal",
    [
        b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 502 Bad Gateway\r\n\r\n",
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\nmore",
        b"HTTP/1.1 200 OK\r\nA: " + b"x" * 70_000,
        b"HTTP/1.1 2",
        b"HTTP/1.1 200 OK\r\n\r\n",
    ],
    ids=["login", "bad gateway", "not HTTP", "more than the head", "long head", "cut", "no tunnel"],
)
def test_a_proxy_that_refuses_is_unsent(refusal: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    async def test(client: Client) -> None:
        async with proxy("", refusal=refusal) as proxied:
            monkeypatch.setenv("HTTPS_PROXY", proxied.url)
            with pytest.raises(Unsent) as unsent:
                await client.send(message("https://gateway.example:9/v1"))
            assert "pa:ss" not in repr(unsent.value)

    run(test)


def test_http_is_sent_to_the_proxy_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    async def test(client: Client) -> None:
        async with gateway(answering(OK)) as proxied, gateway(answering(OK)) as direct:
            monkeypatch.setenv("http_proxy", f"us%40er:pa%3Ass@127.0.0.1:{proxied.port}")
            monkeypatch.setenv("NO_PROXY", f"near.example,one.example:{direct.port}")
            for _ in range(2):
                await (await client.send(message("http://gateway.example/v1?a=b"))).whole(most_bytes=2)
            head = proxied.requests[0][1]
            assert head.startswith(
                b"POST http://gateway.example/v1?a=b HTTP/1.1\r\nHost: gateway.example" + LOGIN + b"Authorization: "
            )
            assert proxied.used == [1, 1]
            for host in ("127.0.0.1", "localhost", "near.example", "one.example"):
                await (await client.send(message(f"http://{host}:{direct.port}/"))).whole(most_bytes=2)
            assert direct.connections == 4
            assert proxied.connections == 1

    run(test)


@pytest.mark.parametrize("address", ["socks5://127.0.0.1:9", "http://", "http://127.0.0.1:x"])
def test_a_proxy_that_is_not_supported_is_unsent_and_not_left_out(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", address)

    async def test(client: Client) -> None:
        async with gateway(answering(OK)) as upstream:
            with pytest.raises(Unsent, match="cannot be sent"):
                await client.send(message(f"http://gateway.example:{upstream.port}/"))
            assert upstream.connections == 0

    run(test)


def test_a_gateway_with_tls_that_ends_without_an_answer_is_no_answer() -> None:
    async def answer(peer: Peer, request: bytes) -> bool:
        return False

    async def test(client: Client) -> None:
        async with gateway(answer, tls=server_tls()) as upstream:
            with pytest.raises(NoAnswer):
                await client.send(message(f"https://gateway.example:{upstream.port}/v1"))

    run(test)
