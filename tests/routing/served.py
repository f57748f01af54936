"""Our service with a fake gateway behind it, over real sockets: the books and the choice are doubles, nothing else.

The model of a request names the candidates: `openrouter=any!H R cut | chutes=any!J` is the offer `any!H R cut` of
OpenRouter, then `any!J` of Chutes. `upstream_server` carries out what comes after the `!`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import orjson

from access.keys import Key, Keys, WrongKey
from access.models import INFER, READ
from routing.choose.candidates import Candidate, Choice
from routing.choose.health import Observed
from routing.door import Door, Switches
from routing.ledger.rows import Begun, Ended
from routing.money.budgets import Reservation
from routing.parts import Deadlines, Parts
from routing.relay import Relay
from routing.slots import Slots
from routing.upstream.client import Client
from routing.upstream.credentials import Credentials
from routing.upstream.registry import DIALECTS
from routing.wire.request import InferenceRequest
from tests.factories import per_token, served_row, token_priced_record
from tests.front.servers import Client as Browser
from tests.front.servers import Got, Served, serving
from tests.routing.upstream_server import PATIENCE_SECONDS, UpstreamServer, upstream_server

SECRET, READER = "gwz_" + "a" * 43, "gwz_" + "b" * 43
KEYS = {slug: (f"key-of-{slug}",) for slug in DIALECTS}
DEADLINES = Deadlines(first_content=5.0, unary=5.0, idle=5.0, total=20.0)
ROW = served_row(token_priced_record())
DEAR_ROW = served_row(token_priced_record(prices=per_token(prompt="0.001", completion="0.01")))
UNKNOWN, DEAR = "unknown:", "dear:"
"""Before a gateway in the name of a model: an offer without a price, and one that is dear."""


class SomeKeys(Keys):
    def key_of(self, *, authorization: str = "", api_key: str = "") -> Key | None:
        sent = authorization.removeprefix("Bearer ") or api_key
        scopes = {SECRET: INFER, READER: READ}
        if sent in scopes:
            number = 1 if sent == SECRET else 2
            return Key(id=number, scopes=frozenset({scopes[sent]}), per_minute=0, expires_at=None)
        if sent.startswith("gwz_"):
            raise WrongKey("This key does not exist, has expired or was revoked.")
        return None


class Books:
    """Implements `Ledger` and `Budgets`, in memory."""

    def __init__(self) -> None:
        self.begun: list[Begun] = []
        self.ended: list[Ended] = []
        self.reserved_now: dict[int, Reservation] = {}
        self.settled: list[Decimal | None] = []
        self.refusal: Exception | None = None

    def begin(self, row: Begun) -> None:
        self.begun.append(row)

    def end(self, row: Ended) -> None:
        self.ended.append(row)

    async def durable(self) -> None:
        return None

    async def reserved(self, key_id: int, amount: Decimal | None) -> Reservation:
        if self.refusal is not None:
            raise self.refusal
        reservation = Reservation(key_id, amount, 0)
        self.reserved_now[id(reservation)] = reservation
        return reservation

    def settle(self, reservation: Reservation, spent: Decimal | None) -> None:
        if self.reserved_now.pop(id(reservation), None) is not None:
            self.settled.append(spent)

    @property
    def outcomes(self) -> list[str]:
        return [row.outcome for row in self.ended]


def candidates_of(model: str) -> tuple[Candidate, ...]:
    offers = [offer.strip().partition("=") for offer in model.split("|")]
    return tuple(
        Candidate(
            gateway=gateway.removeprefix(UNKNOWN).removeprefix(DEAR),
            offer_id=offer_id,
            model="maker/model",
            asked="maker/model",
            row=DEAR_ROW if gateway.startswith(DEAR) else ROW,
            reason="",
            expected=None,
            why_no_cost="unknown price" if gateway.startswith(UNKNOWN) else "",
            most_output=100,
        )
        for gateway, _, offer_id in offers
    )


def choose(request: InferenceRequest, snapshot: object, **_: Any) -> Choice:
    return Choice(candidates=candidates_of(request.models[0]), left_out=(), revision=7)


@dataclass
class Routed:
    upstream: UpstreamServer
    served: Served
    relay: Relay
    books: Books
    clients: list[Browser] = field(default_factory=list)

    def connect(self) -> Browser:
        return self.served.connect()

    def ask(self, model: str, *, path: str = "/v1/chat/completions", **fields: Any) -> Got:
        return self.connect().ask(path, method="POST", body=body_of(model, **fields), **HEADERS)

    def stream(self, model: str, **fields: Any) -> Got:
        return self.ask(model, stream=True, **fields)

    def settle(self) -> None:
        """Wait until all that was begun has ended, and everything is given back."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not self.is_settled and time.monotonic() < deadline:
            self.connect().ask("/quick")  # gives the loop of the server its turns
        assert self.is_settled, (self.books.reserved_now, self.relay.background.open, self.relay.background.draining)

    @property
    def is_settled(self) -> bool:
        books = self.books
        used = sum(self.relay.parts.slots.used(gateway) for gateway in DIALECTS)
        return len(books.begun) == len(books.ended) and not (
            books.reserved_now or self.relay.background.open or self.relay.background.draining or used
        )


HEADERS = {"authorization": f"Bearer {SECRET}", "content_type": "application/json"}


def body_of(model: str, **fields: Any) -> bytes:
    return orjson.dumps({"model": model, "messages": [{"role": "user", "content": "Hi"}]} | fields)


@contextmanager
def routed(
    *,
    deadlines: Deadlines = DEADLINES,
    keys: Mapping[str, tuple[str, ...]] = KEYS,
    slots: Mapping[str, int | None] | None = None,
    is_on: bool = True,
    connect_seconds: float = 5.0,
    origins: tuple[str, ...] = (),
    bases: Mapping[str, str] | None = None,
    shell: str = "protocol",
) -> Iterator[Routed]:
    """`shell`: the server, one of `tests.front.servers.PROTOCOLS`."""
    books = Books()
    with upstream_server() as upstream:
        parts = Parts(
            client=Client(connect_seconds=connect_seconds),
            ledger=books,
            budgets=books,  # type: ignore[arg-type]  # a double
            health=Observed(clock=time.monotonic),
            slots=Slots(slots or {}, processes=1, most_seconds=60),
            credentials=Credentials(keys, clock=time.monotonic),
            dialects=DIALECTS,
            bases=dict.fromkeys(DIALECTS, upstream.base) | dict(bases or {}),
            deadlines=deadlines,
            is_strict=True,
            own_headers={"User-Agent": "tests"},
            now=lambda: datetime.now(UTC),
            clock=time.monotonic,
        )
        relay = Relay(parts)
        settings = [f"{slug.upper()}_INFERENCE_KEYS" for slug in DIALECTS]
        door = Door(
            relay,
            Switches(is_on=is_on, key_settings=settings, origins=origins),
            snapshot=lambda: None,  # type: ignore[arg-type,return-value]  # the choice is a double too
            choose=choose,
        )
        with serving(shell, inference=door, keys=SomeKeys()) as served:
            yield Routed(upstream, served, relay, books)
