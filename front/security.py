"""What every answer has for the safety of browsers, and which hosts and schemes are answered at all."""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import quote

from django.conf import settings
from django.http.request import split_domain_port, validate_host

from front.problems import instance_of
from front.requests import Request

Headers = tuple[tuple[str, str], ...]

_HEADERS: Headers = (
    ("X-Frame-Options", "DENY"),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "same-origin"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
)
_IN_QUERIES = "/?:@!$&'()*+,;=~%-._"
LONGEST_HOST = 255 + len(":65535")


class Security:
    """Django's settings of hosts, HTTPS and headers, applied to every request. Django itself sees only what passes."""

    def __init__(self) -> None:
        self._allowed_hosts = settings.ALLOWED_HOSTS
        self._redirects = settings.SECURE_SSL_REDIRECT
        self._exempt = [re.compile(pattern) for pattern in settings.SECURE_REDIRECT_EXEMPT]
        self._proxy_header = settings.SECURE_PROXY_SSL_HEADER
        self._hsts = _hsts()
        self.is_allowed = lru_cache(maxsize=1_024)(self._is_allowed)

    def is_secure(self, request: Request) -> bool:
        """Whether the client used HTTPS, maybe up to a proxy that is trusted."""
        if self._proxy_header is not None:
            name, secure = self._proxy_header
            sent = request.headers.get(name.removeprefix("HTTP_").replace("_", "-").lower())
            if sent is not None:
                return sent.split(",", 1)[0].strip() == secure
        return request.scheme == "https"

    def location(self, request: Request) -> str | None:
        """Return the address with https to which the request is redirected; None if it may be answered as it is."""
        if not self._redirects or self.is_secure(request):
            return None
        path = request.path.lstrip("/")
        if any(pattern.search(path) for pattern in self._exempt):
            return None
        query = f"?{quote(request.query, safe=_IN_QUERIES, encoding='latin-1')}" if request.query else ""
        return f"https://{host_of(request)}{instance_of(request.path)}{query}"

    def headers(self, *, is_secure: bool) -> Headers:
        """Return the headers of an answer that does not set them itself."""
        return _HEADERS + self._hsts if is_secure else _HEADERS

    def _is_allowed(self, host: str) -> bool:
        """Whether this `Host` is one of ours; a wrong one could get into links and into caches."""
        domain, _ = split_domain_port(host) if len(host) <= LONGEST_HOST else ("", "")
        return bool(domain) and validate_host(domain, self._allowed_hosts)


def host_of(request: Request) -> str:
    """Return the host that the client named. A client of HTTP/1.0 may name none, and gets the same answers."""
    return request.headers.get("host", "localhost")


def _hsts() -> Headers:
    if not settings.SECURE_HSTS_SECONDS:
        return ()
    policy = f"max-age={settings.SECURE_HSTS_SECONDS}"
    policy += "; includeSubDomains" if settings.SECURE_HSTS_INCLUDE_SUBDOMAINS else ""
    policy += "; preload" if settings.SECURE_HSTS_PRELOAD else ""
    return (("Strict-Transport-Security", policy),)
