"""Sends HTTP requests to gateways. This is the only module that uses the network; a linter rule enforces that.

No behaviour of an upstream can exceed the limits. One request ends within `Limits.total_seconds`, keeps at most
`Limits.max_bytes` and takes at most `Limits.attempts` attempts. A failure is a GatewayError whose text names the
gateway, the host and the path, and never contains a key or a query.

Proxies: the environment variables HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY are honoured, as are SSL_CERT_FILE
and SSL_CERT_DIR, because many operators have no other way out. Requests to this machine never use a proxy.
"""

from __future__ import annotations

import asyncio
import errno
import io
import logging
import os
import random
import re
import ssl
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cache
from http import HTTPStatus
from http.cookiejar import CookieJar, DefaultCookiePolicy
from types import TracebackType
from typing import Self
from urllib.parse import quote

import httpx2

from catalog.adapter.contract import Gateway, Request
from catalog.adapter.errors import BadPayload, GatewayError, RateLimited, Refused, Unreachable

logger = logging.getLogger(__name__)

_MIB = 1024 * 1024
_PART = 256 * 1024  # bytes of a body that are decompressed at a time
_GZIP = zlib.MAX_WBITS | 16
_MOST_REDIRECTS = 3
_LONGEST_RETRY_AFTER = 86_400.0  # seconds; a longer Retry-After is taken for a mistake
_QUOTED_CHARACTERS = 200
_QUOTED_BYTES = 4096  # read from an error response for the quoted characters
_LOOPBACK = ("all://localhost", "all://127.0.0.1", "all://[::1]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Limits on the time, size and number of requests."""

    connect_seconds: float = 10.0
    """Time to resolve the name, connect and complete the TLS handshake."""
    idle_seconds: float = 20.0
    """Longest time without a single byte received."""
    total_seconds: float = 90.0
    """Longest time for one request with all its redirects, retries and waits."""
    max_bytes: int = 64 * _MIB
    """Largest size of a decompressed body."""
    max_ratio: int = 100
    """Largest compression ratio, once a body exceeds a MiB. Listings reach about 20."""
    attempts: int = 3
    backoff_seconds: float = 1.0
    """Wait before the second attempt. It doubles for each further attempt, with a random jitter of up to half."""
    longest_wait_seconds: float = 30.0
    """Longest `Retry-After` to wait for within the request. After a longer one, the next run asks the gateway again."""


class Fetcher:
    """Sends the requests of one run to one gateway over persistent connections. A context manager; not thread-safe."""

    def __init__(
        self,
        gateway: Gateway,
        *,
        bases: Mapping[str, str],
        key: str | None,
        limits: Limits,
        user_agent: str,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """`bases` maps hosts of the gateway to addresses; a missing host keeps the adapter's default address.

        Raises Refused if the environment names a proxy or certificates that cannot be used.
        """
        self._gateway = gateway
        self._bases = {**gateway.hosts, **bases}
        self._key = (key or "").strip()
        self._limits = limits
        self._user_agent = user_agent
        self._sleep = sleep
        self._silent: set[str] = set()
        """Hosts whose last request found no server to connect to."""
        self._client = _client(gateway, limits)
        self._runner = asyncio.Runner()

    def __enter__(self) -> Self:
        self._runner.get_loop().set_default_executor(_NameLookups())
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        try:
            self._runner.run(self._client.aclose())
        finally:
            self._runner.close()

    def get(self, request: Request) -> bytes:
        """Return the decompressed body of the response, which is not empty. Raises GatewayError."""
        deadline = time.monotonic() + self._limits.total_seconds
        url, headers = self._url(request), self._headers(request.host)
        # A host that was unreachable a moment ago gets a single attempt; retries are for short disturbances.
        attempt = self._limits.attempts if request.host in self._silent else 1
        while True:
            try:
                body = self._runner.run(self._attempt(url, headers, seconds=deadline - time.monotonic()))
            except (Unreachable, RateLimited) as error:
                wait = _seconds_to_wait(error, attempt=attempt, limits=self._limits)
                if wait is None or time.monotonic() + wait >= deadline:
                    if isinstance(error.__cause__, httpx2.ConnectError | httpx2.ConnectTimeout):
                        self._silent.add(request.host)
                    raise
                logger.info("%s; asking again in %.1f seconds", error, wait)
            else:
                self._silent.discard(request.host)
                return body
            self._sleep(wait)
            attempt += 1

    async def _attempt(self, url: httpx2.URL, headers: Mapping[str, str], *, seconds: float) -> bytes:
        where, limits = self._where(url), self._limits
        try:
            # This timeout covers everything: the client's own timeout restarts with every byte that arrives.
            async with asyncio.timeout(seconds):
                return await self._answer(url, headers)
        except TimeoutError as error:
            raise Unreachable(f"{where} did not finish its answer within {limits.total_seconds:g} seconds") from error
        except httpx2.ConnectTimeout as error:
            raise Unreachable(f"{where} took no connection within {limits.connect_seconds:g} seconds") from error
        except httpx2.TimeoutException as error:
            raise Unreachable(f"{where} sent nothing for {limits.idle_seconds:g} seconds") from error
        except httpx2.ProxyError as error:
            raise Unreachable(f"{where} cannot be reached through the proxy: {_cause(error)}") from error
        except httpx2.ConnectError as error:
            raise Unreachable(f"{where} cannot be reached: {_cause(error)}") from error
        except (httpx2.HTTPError, OSError) as error:
            raise Unreachable(f"{where} gave no answer: {_cause(error)}") from error

    async def _answer(self, url: httpx2.URL, headers: Mapping[str, str]) -> bytes:
        asked = url
        for _ in range(1 + _MOST_REDIRECTS):
            async with self._client.stream("GET", url, headers=headers) as response:
                if not response.has_redirect_location:
                    return await self._body(response)
                url = self._redirected(response)
        raise Refused(f"{self._where(asked)} redirects more than {_MOST_REDIRECTS} times")

    async def _body(self, response: httpx2.Response) -> bytes:
        where = self._where(response.url)
        if response.status_code != HTTPStatus.OK:
            raise _failure(where, response, words=await self._words(response), now=datetime.now(UTC))
        body = _Body(where, encoding=response.headers.get("content-encoding", ""), limits=self._limits)
        body.announce(response.headers.get("content-length", "0"))
        try:
            async with aclosing(response.aiter_raw()) as pieces:
                async for piece in pieces:
                    body.add(piece)
        except (httpx2.ProtocolError, httpx2.NetworkError) as error:
            raise Unreachable(f"{where} broke off after {body.received:,} bytes") from error
        content = body.finished()
        logger.debug("%s gave %d bytes, sent as %d", where, len(content), body.received)
        return content

    async def _words(self, response: httpx2.Response) -> str:
        """Return the beginning of an error response's body, for the error message. Empty if its encoding is unknown."""
        encoding = response.headers.get("content-encoding", "")
        try:
            body = _Body(self._where(response.url), encoding=encoding, limits=Limits(max_bytes=_QUOTED_BYTES))
        except BadPayload:
            return ""
        try:
            async with asyncio.timeout(self._limits.idle_seconds), aclosing(response.aiter_raw()) as pieces:
                async for piece in pieces:
                    body.add(piece)
        except (GatewayError, httpx2.HTTPError, TimeoutError):
            pass  # the part that was received is enough
        text = body.so_far().decode("utf-8", "replace")
        # Some upstreams repeat the key that they reject.
        return self._shown(text)

    def _redirected(self, response: httpx2.Response) -> httpx2.URL:
        where = self._where(response.url)
        try:
            url = response.url.join(response.headers["location"])
        except httpx2.InvalidURL as error:
            raise Refused(f"{where} redirects to what is no address") from error
        if url.userinfo:
            raise Refused(f"{where} redirects to an address with a password; that is not followed")
        if _origin(url) != _origin(response.url):
            # The key must not be sent to another host, and another host's listing is not the gateway's.
            target = f"{url.scheme}://{url.netloc.decode('ascii', 'replace')}"
            raise Refused(f"{where} redirects to another host, {_cleaned(target)}; that is not followed")
        return url

    def _url(self, request: Request) -> httpx2.URL:
        setting = f"{self._gateway.slug}_{request.host}_base".upper()
        try:
            base = httpx2.URL(self._bases[request.host])
        except httpx2.InvalidURL as error:
            raise Refused(f"{self._gateway.name}: {setting} is no address") from error
        if base.scheme not in {"http", "https"} or not base.host:
            raise Refused(f"{self._gateway.name}: {setting} must be an http:// or https:// address")
        if base.userinfo or base.query or base.fragment:
            raise Refused(f"{self._gateway.name}: {setting} must be host and path only, without password, ? or #")
        # The path is set, not appended to the address: so a path from an upstream's response cannot name another host.
        path = quote(f"{base.path.rstrip('/')}/{request.path.lstrip('/')}", safe="/:@!$&'()*+,;=~")
        return base.copy_with(raw_path=path.encode()).copy_merge_params(dict(request.query))

    def _where(self, url: httpx2.URL) -> str:
        return f"{self._gateway.name}: {url.netloc.decode('ascii', 'replace')}{self._shown(url.path)}"

    def _shown(self, text: str) -> str:
        """Return the upstream's text on one clean line, without the key, which it may repeat."""
        return _cleaned(text.replace(self._key, "[key]") if self._key else text)

    def _headers(self, host: str) -> dict[str, str]:
        headers = {"User-Agent": self._user_agent}
        auth = self._gateway.auth
        if self._key and (auth.hosts is None or host in auth.hosts):
            headers[auth.header] = f"{auth.scheme}{self._key}"
        for name, value in headers.items():
            if not (value.isascii() and value.isprintable()):
                # Checked here, because the client's own error would repeat the value.
                raise Refused(f"{self._gateway.name}: the value for {name} has characters that no header can carry")
        return headers


def _client(gateway: Gateway, limits: Limits) -> httpx2.AsyncClient:
    try:
        return httpx2.AsyncClient(
            headers={"Accept": "application/json", "Accept-Encoding": "gzip"},
            timeout=httpx2.Timeout(limits.idle_seconds, connect=limits.connect_seconds),
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),  # accepts no cookies
            mounts=dict.fromkeys(_LOOPBACK),
            verify=_trusted_certificates(os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR")),
        )
    except OSError as error:
        raise Refused(f"{gateway.name}: no certificates can be read from SSL_CERT_FILE or SSL_CERT_DIR") from error
    except (httpx2.InvalidURL, ValueError, ImportError) as error:
        # The text of the error is left out: it repeats the address, which may contain a password.
        raise Refused(f"{gateway.name}: the proxy that the environment names cannot be used") from error


@cache
def _trusted_certificates(file: str | None, folder: str | None) -> ssl.SSLContext:
    """Read the certificates. `file` and `folder` are what the environment names; the client looks them up itself."""
    # Cached: reading the certificates takes longer than most requests.
    return httpx2.create_ssl_context()


class _NameLookups(ThreadPoolExecutor):
    """A thread pool that abandons a lookup that hangs in the system's resolver instead of waiting for it at the end."""

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        super().shutdown(wait=False, cancel_futures=True)


class _Body:
    """Collects and decompresses a body piece by piece, and refuses a body that exceeds the limits.

    It does not use the client's decoder. That decoder accepts a truncated gzip without an error, and keeps data that
    follows the gzip.
    """

    def __init__(self, where: str, *, encoding: str, limits: Limits) -> None:
        if encoding.strip().lower() not in {"", "identity", "gzip", "x-gzip"}:
            raise BadPayload(f"{where} answered in the encoding {_cleaned(encoding)}, which was not asked for")
        self.received = 0
        self._where = where
        self._limits = limits
        self._kept = io.BytesIO()
        self._is_packed = encoding.strip().lower() in {"gzip", "x-gzip"}
        self._member = zlib.decompressobj(_GZIP)

    def announce(self, length: str) -> None:
        """Refuse a body whose Content-Length exceeds the limit, before it is read."""
        if length.isdecimal() and int(length) > self._limits.max_bytes:
            raise self._too_large()

    def add(self, piece: bytes) -> None:
        self.received += len(piece)
        for part in self._unpacked(piece) if self._is_packed else (piece,):
            self._keep(part)
        if self.received > self._limits.max_bytes:
            raise self._too_large()

    def so_far(self) -> bytes:
        return self._kept.getvalue()

    def finished(self) -> bytes:
        if self.received and self._is_packed and not self._member.eof:
            raise Unreachable(f"{self._where} broke off after {self.received:,} bytes, within its gzip")
        if not self._kept.tell():
            raise BadPayload(f"{self._where} answered with an empty body")
        return self._kept.getvalue()

    def _unpacked(self, piece: bytes) -> Iterator[bytes]:
        try:
            while piece:
                if self._member.eof:
                    self._member = zlib.decompressobj(_GZIP)  # a gzip may consist of several members
                while part := self._member.decompress(piece, _PART):
                    yield part
                    piece = self._member.unconsumed_tail
                piece = self._member.unused_data
        except zlib.error as error:
            raise BadPayload(f"{self._where} answered with a broken gzip") from error

    def _keep(self, part: bytes) -> None:
        self._kept.write(part)
        size = self._kept.tell()
        if size > self._limits.max_bytes:
            raise self._too_large()
        if size > max(_MIB, self._limits.max_ratio * self.received):
            raise BadPayload(f"{self._where} answered with a gzip of over {self._limits.max_ratio} times its size")

    def _too_large(self) -> BadPayload:
        return BadPayload(f"{self._where} answered with more than {self._limits.max_bytes:,} bytes")


def _failure(where: str, response: httpx2.Response, *, words: str, now: datetime) -> GatewayError:
    """Return the error for a status other than 200. 408, 425, 429 and 5xx may pass and are retried; others are not."""
    status = response.status_code
    # The upstream's own reason phrase is not used: it could contain anything.
    answer = f"{where} answered {status} {httpx2.codes.get_reason_phrase(status)}".rstrip()
    tail = f": {words}" if words else ""
    retry_after = _retry_after(response.headers.get("retry-after"), now=now)
    if status == HTTPStatus.TOO_MANY_REQUESTS or (status >= 500 and retry_after is not None):
        asks = "" if retry_after is None else f" and asks to wait {retry_after:g} seconds"
        return RateLimited(f"{answer}{asks}{tail}", retry_after=retry_after)
    if status >= 500 or status in {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY}:
        return Unreachable(answer + tail)
    if 200 <= status < 300:
        return BadPayload(f"{answer}, which is no listing{tail}")
    return Refused(answer + tail)


def _seconds_to_wait(error: Unreachable | RateLimited, *, attempt: int, limits: Limits) -> float | None:
    """Return the seconds to wait before the next attempt, or None if there should be no further attempt."""
    if attempt >= limits.attempts:
        return None
    if isinstance(error, RateLimited) and error.retry_after is not None:
        return error.retry_after if error.retry_after <= limits.longest_wait_seconds else None
    # The jitter spreads installations that fail at the same moment; it has no security purpose.
    return limits.backoff_seconds * 2.0 ** (attempt - 1) * random.uniform(0.5, 1.5)  # noqa: S311


def _retry_after(value: str | None, *, now: datetime) -> float | None:
    """Return the seconds that the header asks for, as a number or as a date. Return None if it is neither."""
    if value is None:
        return None
    if re.fullmatch(r"[0-9]+", value.strip()):
        return min(float(value), _LONGEST_RETRY_AFTER)
    try:
        until = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    # A date without a zone is in UTC, as HTTP defines it.
    seconds = (until if until.tzinfo else until.replace(tzinfo=UTC)) - now
    return min(max(seconds.total_seconds(), 0.0), _LONGEST_RETRY_AFTER)


def _origin(url: httpx2.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port  # the port is None if it is the scheme's default


def _cause(error: BaseException) -> str:
    """Return the text of the innermost error: the outer errors only report that all attempts failed."""
    if isinstance(error, BaseExceptionGroup):
        return _cause(error.exceptions[0])  # one error for each address of the name
    # The client's transport layer passes the original error on as an argument of its own error.
    for inner in (error.__cause__, *error.args[:1]):
        if isinstance(inner, BaseException):
            return _cause(inner)
    if isinstance(error, OSError) and not isinstance(error, ssl.SSLError) and error.errno in errno.errorcode:
        return os.strerror(error.errno or 0)  # asyncio's own text is only "Connect call failed"
    words = error.strerror if isinstance(error, OSError) else None
    return _cleaned(words or str(error)) or type(error).__name__


def _cleaned(text: str) -> str:
    """Return a line that is safe in logs, terminals and pages: no tags, no control or invisible characters."""
    without_tags = re.sub(r"<[^<>]*>", " ", text)
    printable = "".join(character if character.isprintable() else " " for character in without_tags)
    return " ".join(printable.split())[:_QUOTED_CHARACTERS]
