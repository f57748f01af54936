"""What a request passes before a gateway hears of it: the switch, keys, scopes, origins and the form of the body.

It implements `front.routes.Inference`. Its errors are OpenAI's, and it never answers 401 because of our own keys.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from access.keys import Key
from access.models import INFER
from catalog.memory import following
from catalog.memory.snapshot import Snapshot
from front.counts import Source
from front.replies import Push, Reply
from front.requests import Request
from routing import refusals
from routing.choose.candidates import Choice, NoCandidate, UnknownModel, choose
from routing.exhausted import is_unknown
from routing.idempotency import HEADER, Idempotency
from routing.relay import Relay
from routing.wire.request import BadRequest, InferenceRequest, Kind, read_request

PATHS: Mapping[str, tuple[Kind, str | None]] = {
    "/v1/chat/completions": (Kind.CHAT, None),
    "/v1/embeddings": (Kind.EMBEDDINGS, None),
    "/api/v1/chat/completions": (Kind.CHAT, "openrouter"),
    "/api/v1/embeddings": (Kind.EMBEDDINGS, "openrouter"),
}
"""What is asked at each address, and the one gateway that may run it unless `provider` names another."""
MOST_BYTES = 10 * 1_024 * 1_024
DOCS = "docs/routing.md"
_LARGE_BYTES = 65_536
"""Larger bodies are read in a thread."""
_CHALLENGE = [("WWW-Authenticate", 'Bearer realm="gatewayz"')]
_PREFLIGHT = [
    ("Access-Control-Allow-Methods", "POST, OPTIONS"),
    ("Access-Control-Allow-Headers", "*, Authorization"),
    ("Access-Control-Max-Age", "86400"),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Switches:
    is_on: bool
    key_settings: Collection[str]
    """The names of the settings with the keys of gateways."""
    origins: Collection[str]
    """The sites whose scripts may send requests."""


class Door:
    paths: Collection[str] = PATHS.keys()
    most_bytes: int = MOST_BYTES

    def __init__(
        self,
        relay: Relay,
        switches: Switches,
        *,
        snapshot: Callable[[], Snapshot] = lambda: following.FOLLOWER.current(),
        choose: Callable[..., Choice] = choose,
    ) -> None:
        """`snapshot` returns the catalogue that is served, or raises `following.NotReady`."""
        self.relay = relay
        self._switches = switches
        self._idempotency = Idempotency(now=relay.parts.now)
        self._snapshot, self._choose = snapshot, choose
        dialects = relay.parts.dialects.values()
        self._subscriptions = frozenset(each.gateway for each in dialects if each.is_subscription)
        self._gateways = frozenset(relay.parts.credentials.gateways) & relay.parts.dialects.keys()

    # --- before the body ---------------------------------------------------------------------------------------------
    def refuse(self, request: Request, key: Key | None) -> Reply | None:
        """Return the refusal of a request whose body has not been read; None if the body is needed."""
        if not self._switches.is_on:
            return refusals.error(
                404,
                f"This service does not run models. Set INFERENCE=on and start it again; {DOCS} explains how.",
                type=refusals.NOT_FOUND,
                code="inference_off",
            )
        origin = request.headers.get("origin")
        if "cookie" in request.headers or (origin is not None and origin not in self._switches.origins):
            return refusals.error(
                403,
                "Requests with cookies, or from sites that are not in INFERENCE_ORIGINS, do not reach models.",
                type=refusals.PERMISSION,
                code="origin_not_allowed",
            )
        if request.method == "OPTIONS" and origin is not None:
            return Reply(204, [*_PREFLIGHT], b"", Source.PREFLIGHT)
        if request.method != "POST":
            return refusals.error(
                405, f"{request.method} is not allowed here; send a POST.", headers=[("Allow", "POST")], code="method"
            )
        return self._refuse_key(key) or self._refuse_type(request)

    def _refuse_key(self, key: Key | None) -> Reply | None:
        if not self._gateways:
            return refusals.error(
                503,
                "No gateway can run models: set the keys of at least one in "
                + " or ".join(self._switches.key_settings),
                type=refusals.SERVER,
                code="no_gateway_key",
            )
        if key is None:
            return refusals.error(
                401,
                "A key of this service with the scope infer is required, sent as `Authorization: Bearer gwz_…`.",
                type=refusals.AUTHENTICATION,
                code="invalid_api_key",
                headers=_CHALLENGE,
            )
        if INFER not in key.scopes:
            return refusals.error(
                403, "This key lacks the scope infer.", type=refusals.PERMISSION, code="insufficient_scope"
            )
        return None

    def _refuse_type(self, request: Request) -> Reply | None:
        stated = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if stated == refusals.JSON:
            return None
        return refusals.error(415, "Content-Type must be application/json.", code="unsupported_media_type")

    # --- the answer --------------------------------------------------------------------------------------------------
    async def answer(self, request: Request, key: Key | None, body: bytes) -> Reply | Push:
        """Return the answer of a model, or an error. Cancelled when the client leaves."""
        if key is None:
            raise RuntimeError("a request without a key has passed")
        kind, only = PATHS[request.path]
        try:
            asked = await _read(body, kind, only)
            choice = self._choice(asked)
        except BadRequest as error:
            return refusals.error(400, str(error), param=error.param, code="invalid_request")
        except UnknownModel as error:
            return refusals.error(404, str(error), type=refusals.NOT_FOUND, param="model", code="model_not_found")
        except NoCandidate as error:
            return self._none(error)
        except following.NotReady:
            return refusals.error(
                503, "The catalogue is not loaded yet.", type=refusals.SERVER, code="not_ready", retry_after=1.0
            )
        once = request.headers.get(HEADER)
        if once is None:
            return await self._relayed(request, key, asked, choice)
        claiming = asyncio.ensure_future(
            self._idempotency.claim(once, key_id=key.id, path=request.path, body=body, request_id=request.id)
        )
        try:
            refused = await asyncio.shield(claiming)
        except asyncio.CancelledError:  # nothing was sent, so the client may send it again
            self.relay.background.do(self._unclaim(claiming, once, key_id=key.id, request_id=request.id))
            raise
        if refused is not None:
            return refused
        found = await self._relayed(request, key, asked, choice)
        if isinstance(found, Reply) and found.status >= 400 and not is_unknown(found):
            await self._idempotency.free(once, key_id=key.id, request_id=request.id)
        return found

    async def _unclaim(
        self, claiming: asyncio.Future[Reply | None], once: str, *, key_id: int, request_id: str
    ) -> None:
        await claiming
        await self._idempotency.free(once, key_id=key_id, request_id=request_id)

    async def _relayed(self, request: Request, key: Key, asked: InferenceRequest, choice: Choice) -> Reply | Push:
        return await self.relay.answer(asked, choice, request_id=request.id, key_id=key.id, sent=request.headers)

    def drain(self) -> None:
        self.relay.drain()

    async def close(self) -> None:
        await self.relay.close()

    def _choice(self, asked: InferenceRequest) -> Choice:
        parts = self.relay.parts
        return self._choose(
            asked,
            self._snapshot(),
            gateways=self._gateways,
            health=parts.health,
            now=parts.now(),
            chance=random.random,
            subscriptions=self._subscriptions,
        )

    def _none(self, error: NoCandidate) -> Reply:
        if error.rests_until is not None:
            wait = error.rests_until - self.relay.parts.clock()
            return refusals.error(503, str(error), type=refusals.SERVER, code="all_resting", retry_after=wait)
        left_out = [
            {"gateway": each.gateway, "id": each.offer_id, "reason": each.reason} for each in error.left_out[:50]
        ]
        return refusals.error(
            404, str(error), type=refusals.NOT_FOUND, param="model", code="no_candidate", left_out=left_out
        )


async def _read(body: bytes, kind: Kind, only: str | None) -> InferenceRequest:
    if len(body) <= _LARGE_BYTES:
        return read_request(body, kind, only=only)
    return await asyncio.to_thread(read_request, body, kind, only=only)
