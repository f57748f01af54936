"""An inference request as it was sent, and the body that a gateway gets in its place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from routing.wire.preferences import Preferences


class Kind(StrEnum):
    CHAT = "chat/completions"
    EMBEDDINGS = "embeddings"


class BadRequest(Exception):
    """The request cannot be understood. The message names what is wrong."""

    def __init__(self, message: str, *, param: str | None = None) -> None:
        super().__init__(message)
        self.param = param
        """The member of the body that is wrong, as `provider.sort`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InferenceRequest:
    kind: Kind
    body: bytes
    """The body as the client sent it."""
    parsed: Mapping[str, Any]
    models: tuple[str, ...]
    """What the client asks for: `model`, then the rest of `models`, without repeats."""
    preferences: Preferences
    is_stream: bool
    wants_usage: bool
    """Whether the client asked for the usage of a stream."""
    most_output: int | None
    """The most tokens that may come out, as the client limits them."""
    most_input: int
    """No fewer tokens than go in: an upper estimate from the length of the body."""
    needs: frozenset[str]
    """What an offer must support: `tools`, `response_format`, `image` and so on, in the catalogue's words."""


def read_request(body: bytes, kind: Kind, *, only: str | None = None) -> InferenceRequest:
    """Read a body. `only`: the one gateway that may run it unless `provider` names another. Raise BadRequest."""
    raise NotImplementedError


def body_for(request: InferenceRequest, model: str, *, asks_usage: bool) -> bytes:
    """Return the body for a gateway: the client's bytes but for `model`, the members that only we read, and, if
    `asks_usage`, the question for a stream's usage."""
    raise NotImplementedError
