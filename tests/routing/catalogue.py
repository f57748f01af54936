"""A small catalogue to route in, without a database; and what is known of the health of its offers."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import orjson

from catalog.documents import rendering
from catalog.memory.rows import Identity, Row
from routing.wire.request import InferenceRequest, Kind, read_request
from tests.factories import offer_facts, offer_record, per_token

Json = Any
R1 = "deepseek-ai/DeepSeek-R1"
NOW = datetime(2026, 11, 22, 8, tzinfo=UTC)
ALL = ("openrouter", "chutes", "featherless", "portkey")


def sold(
    gateway: str,
    offer_id: str = R1,
    *,
    model: str | None = R1,
    variant: str = "",
    prompt: str | None = "0.000001",
    completion: str | None = "0.000001",
    withdrawn_at: datetime | None = None,
    **fields: Any,
) -> Row:
    """An offer of a model for so many dollars a token; `fields` are those of its record."""
    own: dict[str, Any] = {"prices": per_token(prompt=prompt, completion=completion)} | fields
    facts = offer_facts(gateway=gateway, withdrawn_at=withdrawn_at)
    identity = Identity(model=model, variant=variant, rule="id", evidence="") if model else None
    return Row.of(orjson.dumps(rendering.build(offer_record(offer_id, **own), facts)), identity)


def asked(model: str = R1, *, kind: Kind = Kind.CHAT, **members: Json) -> InferenceRequest:
    content = {"messages": [{"role": "user", "content": "Hello"}]} if kind is Kind.CHAT else {"input": "Hello"}
    return read_request(json.dumps({"model": model} | content | members).encode(), kind)


@dataclass
class Seen:
    """Health as a test states it, by gateway."""

    rests: dict[str, float] = field(default_factory=dict)
    failed: set[str] = field(default_factory=set)
    seconds: dict[str, float] = field(default_factory=dict)
    speeds: dict[str, float] = field(default_factory=dict)

    def rests_until(self, gateway: str, offer_id: str) -> float | None:
        return self.rests.get(gateway)

    def failed_lately(self, gateway: str, offer_id: str) -> bool:
        return gateway in self.failed

    def latency(self, gateway: str, offer_id: str) -> float | None:
        return self.seconds.get(gateway)

    def throughput(self, gateway: str, offer_id: str) -> float | None:
        return self.speeds.get(gateway)
