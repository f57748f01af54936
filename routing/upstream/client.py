"""The HTTP client of this process: sends requests to gateways, and reads what they answer, as bytes.

Nothing is sent twice, followed or unpacked. Deadlines other than the one for connecting are those of the caller.
"""

from __future__ import annotations

import asyncio
import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import aiohttp
from aiohttp.helpers import get_env_proxy_for_url
from yarl import URL

KEEP_ALIVE_SECONDS = 15.0
"""How long an idle connection is kept. It is shorter than the time of the gateways: a request on a connection that the
gateway is closing at this moment has an unknown outcome."""
RESOLVED_SECONDS = 60
_LARGE_BYTES = 1_000_000
"""Larger bodies are sent in pieces, so that other requests get their turn."""


_UNSENT = (
    aiohttp.ClientConnectorError,
    aiohttp.ConnectionTimeoutError,
    aiohttp.ClientHttpProxyError,
    aiohttp.InvalidURL,
    aiohttp.ClientConnectionResetError,  # no gateway runs a request that it did not get whole
)


class Unsent(Exception):
    """The request did not reach the gateway, so nothing is billed."""


class NoAnswer(Exception):
    """The request was sent, and the connection ended before there was an answer: it may be billed."""


class Garbled(Exception):
    """What the gateway answered is not HTTP."""


class Cut(Exception):
    """The connection ended within the answer. `received` is what had arrived and was not read."""

    def __init__(self, received: bytes) -> None:
        super().__init__("the connection ended within the answer")
        self.received = received


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    url: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


class Answer:
    """The head of an answer, and its body as it arrives."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response
        self.status = response.status
        self.headers = [(name.lower(), value) for name, value in response.headers.items()]

    def header(self, name: str) -> str:
        """Return the value of a header by its name in lower case; empty if there is none."""
        return self._response.headers.get(name, "")

    async def read(self) -> bytes:
        """Return what has arrived, or wait for more; empty at the end. Raise Cut."""
        content = self._response.content
        try:
            return await content.readany()
        except (aiohttp.ClientError, OSError):
            # What arrived before the end is still there, behind the error.
            raise Cut(content._read_nowait(-1)) from None

    async def whole(self, *, most_bytes: int) -> bytes:
        """Return the body. Raise Cut, or ValueError for a longer one."""
        pieces: list[bytes] = []
        length = 0
        while piece := await self.read():
            pieces.append(piece)
            length += len(piece)
            if length > most_bytes:
                raise ValueError(f"the answer has more than {most_bytes} bytes")
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def follow(self, receiver: Any) -> None:
        async def run() -> None:
            try:
                while data := await self.read():
                    receiver.received(data)
                receiver.ended(False)
            except Cut as cut:
                if cut.received:
                    receiver.received(cut.received)
                receiver.ended(True)

        self._task = asyncio.get_running_loop().create_task(run())

    def pause(self) -> None: ...
    def resume(self) -> None: ...

    def close(self) -> None:
        """Close the connection, unless the answer was read to its end: then it is kept for the next request."""
        self._response.close()


class Client:
    """Made anywhere, used on one event loop."""

    def __init__(self, *, connect_seconds: float) -> None:
        self._timeout = aiohttp.ClientTimeout(total=None, connect=connect_seconds, sock_connect=connect_seconds)
        self._session: aiohttp.ClientSession | None = None

    async def send(self, message: Message) -> Answer:
        """Send a POST, and return the answer once its head is there. Raise Unsent, NoAnswer or Garbled."""
        if self._session is None:
            self._session = self._new_session()
        body = io.BytesIO(message.body) if len(message.body) > _LARGE_BYTES else message.body
        try:
            response = await self._session.post(
                message.url,
                data=body,
                headers=message.headers,
                allow_redirects=False,
                proxy=_proxy_for(message.url),
            )
        except _UNSENT as error:
            raise Unsent(type(error).__name__) from None
        except aiohttp.ClientResponseError as error:
            raise Garbled(type(error).__name__) from None
        except (aiohttp.ClientError, OSError) as error:
            raise NoAnswer(type(error).__name__) from None
        return Answer(response)

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            await asyncio.sleep(0)  # aiohttp closes the sockets in the next turn of the loop
            self._session = None

    @property
    def busy_connections(self) -> int:
        """How many connections have a request; those that are kept for the next one do not count."""
        connector = self._session.connector if self._session is not None else None
        return 0 if connector is None else len(connector._acquired)

    def _new_session(self) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            # Without limits of its own: `slots.py` has them, and a queue here would be one that no deadline knows.
            connector=aiohttp.TCPConnector(
                limit=0, limit_per_host=0, keepalive_timeout=KEEP_ALIVE_SECONDS, ttl_dns_cache=RESOLVED_SECONDS
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=self._timeout,
            auto_decompress=False,
            # The proxy of the environment is looked up once, and passwords of ~/.netrc never.
            trust_env=False,
            skip_auto_headers=("Accept", "Accept-Encoding"),
        )


@lru_cache(maxsize=64)
def _proxy_for(url: str) -> URL | None:
    """Return the proxy that HTTPS_PROXY and NO_PROXY name for an address."""
    try:
        proxy, login = get_env_proxy_for_url(URL(url))
    except LookupError:
        return None
    return proxy.with_user(login.login).with_password(login.password) if login is not None else proxy
