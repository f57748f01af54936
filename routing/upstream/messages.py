"""What is sent to a gateway, and what can go wrong on the way."""

from __future__ import annotations

from collections.abc import Mapping


class Unsent(Exception):
    """The request did not reach the gateway whole, so nothing is billed."""


class NoAnswer(Exception):
    """The request was sent, and the connection ended before there was an answer: it may be billed."""


class Garbled(Exception):
    """What the gateway answered is not HTTP."""


class Cut(Exception):
    """The connection ended within the answer. `received` is what had arrived and was not read."""

    def __init__(self, received: bytes) -> None:
        super().__init__("the connection ended within the answer")
        self.received = received


class Message:
    """A POST. The client adds `Host` and `Content-Length` to the headers, so they are not among them."""

    __slots__ = ("body", "headers", "url")

    def __init__(self, *, url: str, headers: Mapping[str, str], body: bytes) -> None:
        self.url, self.headers, self.body = url, headers, body

    def __repr__(self) -> str:
        return f"Message(url={self.url!r})"  # headers have keys, and bodies are the client's
