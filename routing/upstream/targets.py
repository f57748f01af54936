"""Where a request goes, read from its URL once: the origin, and the beginning of the head."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import quote, urlsplit

from routing.upstream.proxies import Proxy, proxy_for

_PORTS = {"http": 80, "https": 443}
_IN_TARGETS = "/%:@!$&'()*+,;=~?"


class Origin(NamedTuple):
    """Requests to the same one share connections."""

    scheme: str
    host: str
    port: int
    proxy: Proxy | None

    @property
    def authority(self) -> str:
        """Return host and port as a tunnel is requested with them."""
        return f"{_bracketed(self.host)}:{self.port}"


def read_url(url: str) -> tuple[Origin, str]:
    """Return the origin of a URL, and the first lines of a request to it. Raise ValueError."""
    found = urlsplit(url)
    if found.scheme not in _PORTS or not found.hostname:
        raise ValueError("the address must be http://host or https://host")
    if found.username is not None:
        raise ValueError("the address must have no login")
    host = found.hostname if found.hostname.isascii() else found.hostname.encode("idna").decode()
    default = _PORTS[found.scheme]
    port = found.port or default
    proxy = proxy_for(found.scheme, host, port)
    named = _bracketed(host) if port == default else f"{_bracketed(host)}:{port}"
    path = quote(found.path or "/", safe=_IN_TARGETS) + (
        f"?{quote(found.query, safe=_IN_TARGETS)}" if found.query else ""
    )
    login = ""
    if proxy is not None and found.scheme == "http":
        path = f"http://{named}{path}"
        login = f"Proxy-Authorization: {proxy.login}\r\n" if proxy.login else ""
    return Origin(found.scheme, host, port, proxy), f"POST {path} HTTP/1.1\r\nHost: {named}\r\n{login}"


def head_of(begin: str, headers: Mapping[str, str], length: int) -> bytes:
    """Return the head of a request. Raise ValueError for a header that would end itself, or has NUL."""
    lines = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
    number = len(headers)
    if lines.count("\n") != number or lines.count("\r") != number or "\0" in lines:
        raise ValueError("a header has CR, LF or NUL")
    return f"{begin}{lines}Content-Length: {length}\r\n\r\n".encode()


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
