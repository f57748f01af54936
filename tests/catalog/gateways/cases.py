"""The hand-written upstream answers in `fixtures/payloads`, and the records that they must become.

`python -m tests.catalog.gateways.regenerate` rewrites `fixtures/expected`; read the difference before you commit it.
A payload is a list of exchanges: the requests that a walk makes, in order, each with its answer. Where they depend on
the configuration, it is `{"config": {"has_key", "options"}, "exchanges": [...]}`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from catalog.adapter import testing
from catalog.adapter.contract import Config, Gateway, Listing, Request
from catalog.adapter.testing import Exchange
from catalog.pricing import money
from catalog.records import OfferRecord, PriceRecord
from catalog.registry import GATEWAYS
from catalog.sync.rows import sort_rows

Json = Any
FIXTURES = Path(__file__).parents[3] / "fixtures"


@dataclass(frozen=True, slots=True)
class Case:
    path: Path

    @property
    def name(self) -> str:
        return self.path.stem

    @property
    def gateway(self) -> Gateway:
        return GATEWAYS[self.name.split("-")[0]]

    @property
    def expected_path(self) -> Path:
        return FIXTURES / "expected" / self.path.name

    @property
    def config(self) -> Config | None:
        """Return the configuration that the payload requires; None if it works with any."""
        payload = load(self.path)
        return Config(**payload["config"]) if isinstance(payload, dict) else None

    def exchanges(self) -> list[Exchange]:
        payload = load(self.path)
        exchanges = payload["exchanges"] if isinstance(payload, dict) else payload
        return [Exchange(request=Request(**item["request"]), answer=item["answer"]) for item in exchanges]

    def listing(self) -> Listing:
        return testing.check_walk(self.gateway, self.exchanges(), config=self.config)


CASES = [Case(path) for path in sorted((FIXTURES / "payloads").glob("*.json"))]


def load(path: Path) -> Json:
    """Fractions are exact, as in the product; its own reader would want a configured Django."""
    return json.loads(path.read_bytes().decode("utf-8-sig"), parse_float=Decimal)


def bundled(gateway: Gateway) -> Listing:
    return gateway.bundled_listing(load(FIXTURES / f"{gateway.slug}_catalog.json"))


def expected_text(gateway: Gateway, listing: Listing) -> str:
    """Format a listing for readers: one line for each field and each price; missing values are left out."""
    found = sort_rows(gateway, listing, reader="", accepted={})
    rejected = [json.dumps({"id": each.model_id, "reason": each.reason}) for each in found.rejections]
    return (
        f'{{\n"is_complete": {json.dumps(listing.is_complete)},\n"ignored": {listing.ignored},\n'
        f'"rejected": {_lines(rejected)},\n"records": {_lines(map(_record_text, found.records.values()))}\n}}\n'
    )


_USUAL = {("unclear", "[]"), ("notes", "[]"), ("is_partial", "false")}
"""Values of nearly every record, which would only distract a reader."""


def _record_text(record: OfferRecord) -> str:
    fields = {name: json.dumps(value, default=str) for name, value in asdict(record).items() if value is not None}
    fields = {name: value for name, value in fields.items() if (name, value) not in _USUAL}
    fields["prices"] = _lines(map(_price, record.prices), indent="    ")
    return "{\n" + ",\n".join(f'  "{name}": {value}' for name, value in fields.items()) + "\n}"


def _price(price: PriceRecord) -> str:
    conditions = [f"[{' '.join(map(str, condition))}]" for condition in price.conditions]
    return json.dumps(" ".join([price.meter, money.plain(price.amount), *conditions]))


def _lines(items: Iterable[str], *, indent: str = "") -> str:
    listed = ",\n".join(indent + item for item in items)
    return f"[\n{listed}\n{indent[2:]}]" if listed else "[]"
