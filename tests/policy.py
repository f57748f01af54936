"""What a page has that its Content-Security-Policy would block."""

from __future__ import annotations

import base64
import hashlib
from html.parser import HTMLParser
from typing import Protocol


class Response(Protocol):
    @property
    def content(self) -> bytes: ...

    def __getitem__(self, header: str, /) -> str: ...


def blocked(response: Response) -> list[str]:
    """Return the inline scripts, styles and handlers that the policy does not allow, and addresses of other sites."""
    page = _Page()
    page.feed(response.content.decode())
    policy = response["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert policy.startswith("default-src 'none'; ")
    return [*page.blocked, *(text for text in page.inline if f"'sha256-{_hash(text)}'" not in policy)]


def _hash(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=False)
        self.blocked: list[str] = []
        self.inline: list[str] = []
        self._is_inline = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        runs = tag == "style" or (tag == "script" and given.get("type", "text/javascript") == "text/javascript")
        self._is_inline = runs and "src" not in given
        self.blocked += [f"<{tag} {name}>" for name in given if name == "style" or name.startswith("on")]
        if tag in {"script", "link", "img"}:
            address = given.get("src") or given.get("href") or ""
            self.blocked += [address] if "//" in address else []

    def handle_data(self, data: str) -> None:
        if self._is_inline:
            self.inline.append(data)

    def handle_endtag(self, tag: str) -> None:
        self._is_inline = False
