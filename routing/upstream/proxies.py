"""The proxies that HTTP_PROXY, HTTPS_PROXY and NO_PROXY name. Requests to this machine never use one."""

from __future__ import annotations

import base64
import ipaddress
import logging
from typing import NamedTuple
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

logger = logging.getLogger(__name__)


class Proxy(NamedTuple):
    host: str
    port: int
    login: str
    """The value of `Proxy-Authorization`; empty if the address has no login."""

    def __repr__(self) -> str:
        return f"Proxy({self.host}:{self.port})"


def proxy_for(scheme: str, host: str, port: int) -> Proxy | None:
    """Return the proxy of an address; None if it has none. Raise ValueError for one that is not supported."""
    address = getproxies().get(scheme)
    if not address or _is_this_machine(host) or proxy_bypass(host if ":" in host else f"{host}:{port}"):
        return None
    found = urlsplit(address if "://" in address else f"http://{address}")
    if found.scheme == "https":
        logger.warning("proxies with https:// are not supported; %s is used without one", host)
        return None
    if found.scheme != "http" or not found.hostname:
        raise ValueError("proxies are http://host:port")
    login = ""
    if found.username is not None:
        named = f"{unquote(found.username)}:{unquote(found.password or '')}"
        login = "Basic " + base64.b64encode(named.encode()).decode()
    return Proxy(found.hostname, found.port or 80, login)


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
