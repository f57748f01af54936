"""The test suite that every adapter must pass. `tests/catalog/gateways/test_contract.py` runs it for all gateways."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from random import Random
from typing import Any

from catalog import records
from catalog.adapter.contract import Config, Gateway, Listing, Page, Request
from catalog.adapter.errors import BadPayload, UnusableRow
from catalog.pricing.meters import METERS

Json = Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """A request that a walk makes, and the response that it gets."""

    request: Request
    answer: Json


def check_identity(gateway: Gateway) -> None:
    """Check that file, class and slug agree, and that everything that people and the fetcher read is present."""
    kind = type(gateway)
    assert kind.__module__ == f"catalog.gateways.{gateway.slug}"
    assert kind.__name__.lower() == gateway.slug
    assert gateway.site_url.startswith("https://")
    assert gateway.docs_url.startswith("https://")
    assert gateway.name
    assert gateway.requests
    assert gateway.bundled_facts
    assert gateway.bundled_from
    assert gateway.auth.header
    assert gateway.hosts
    assert set(gateway.auth.hosts or ()) <= gateway.hosts.keys()
    assert gateway.explained.keys() - {"key"} == {*gateway.hosts, *gateway.options}
    assert all(sentence.endswith(".") for sentence in gateway.explained.values())
    assert not (gateway.lends_contexts and gateway.borrows_contexts)
    for option, words in gateway.options.items():
        assert option.isidentifier(), f"{option} becomes a part of the name of a setting"
        assert words, f"{option} has no default"
    for host, address in gateway.hosts.items():
        assert host.isidentifier(), f"{host} becomes a part of the name of a setting"
        assert address.startswith("https://")
        assert not address.endswith("/"), f"{address} must not end with a slash"


def check_walk(gateway: Gateway, exchanges: Sequence[Exchange], *, config: Config | None = None) -> Listing:
    """Check that the walk makes exactly these requests, in this order, and gives the same result each time.

    That must hold with a key and without one, unless the exchanges belong to one configuration.
    """
    configs = [config] if config else [Config(has_key=has_key, options=gateway.options) for has_key in (False, True)]
    listings = [_walked(gateway, exchanges, config=each) for each in (*configs, configs[0])]
    assert all(listing == listings[0] for listing in listings)
    return listings[0]


def _walked(gateway: Gateway, exchanges: Sequence[Exchange], *, config: Config) -> Listing:
    with closing(gateway.walk(config)) as walk:
        asked = next(walk)
        for exchange in exchanges:
            _check_request(gateway, asked)
            assert asked == exchange.request
            try:
                asked = walk.send(Page(payload=exchange.answer))
            except StopIteration as end:
                assert exchange is exchanges[-1], "the walk ended before all was read"
                listing = end.value
                assert isinstance(listing, Listing)
                return listing
    raise AssertionError(f"the walk asks for more: {asked}")


def _check_request(gateway: Gateway, request: Request) -> None:
    assert request.host in gateway.hosts
    assert request.path.startswith("/")
    assert "?" not in request.path, "the query must not be in the path"
    assert all(isinstance(part, str) for item in request.query.items() for part in item)


def check_any_walk(gateway: Gateway, answers: Iterable[Json], *, config: Config | None = None) -> Listing | None:
    """Check that the walk ends in a listing or in a BadPayload with a message, for any JSON in the answers.

    Return None if the walk raised BadPayload or the answers ran out.
    """
    with closing(gateway.walk(config or Config(has_key=False, options=gateway.options))) as walk:
        try:
            request = next(walk)
            for answer in answers:
                _check_request(gateway, request)
                request = walk.send(Page(payload=answer))
        except BadPayload as refusal:
            assert str(refusal)
        except StopIteration as end:
            listing = end.value
            assert isinstance(listing, Listing)
            return listing
    return None


def check_rows(gateway: Gateway, rows: Iterable[Json]) -> list[records.OfferRecord]:
    """Check that good rows give records that survive storage, are equal each time, and have the id that `row_id`
    returns."""
    return [_checked(gateway, row, gateway.record(row)) for row in rows]


def _checked(gateway: Gateway, row: Json, record: records.OfferRecord) -> records.OfferRecord:
    assert gateway.record(row) == record, f"{record.id}: a second reading differs"
    assert gateway.row_id(row) == record.id
    assert gateway.availability(row) == record.availability, f"{record.id}: `availability` states something else"
    stored = records.dump(record)
    assert records.load(stored) == record, f"{record.id}: storing loses something"
    assert records.dump(records.load(stored)) == stored, f"{record.id}: storing is not canonical"
    assert all(price.meter in METERS for price in record.prices)
    return record


def check_refuses(gateway: Gateway, row: Json) -> str:
    """Check that any JSON gives either a record or an UnusableRow with a reason, and nothing else."""
    gateway.row_id(row)
    gateway.availability(row)
    try:
        record = gateway.record(row)
    except UnusableRow as refusal:
        assert refusal.reason
        return refusal.reason
    _checked(gateway, row, record)
    return ""


def check_refuses_payload(gateway: Gateway, payload: Json) -> None:
    """Check that a bundled catalogue that is not a list raises BadPayload."""
    try:
        gateway.bundled_listing(payload)
    except BadPayload as refusal:
        assert str(refusal)
    else:
        raise AssertionError(f"{payload!r} was taken for a listing")


def aged(payload: Json, random: Random, *, volatile: Collection[str]) -> Json:
    """Return the same answer as of a minute later: the `volatile` fields, which carry no information, have other
    values."""
    if isinstance(payload, list):
        return [aged(item, random, volatile=volatile) for item in payload]
    if not isinstance(payload, dict):
        return payload
    return {
        key: random.choice([None, random.randrange(10**9), [], {"usd": 5}])
        if key in volatile
        else aged(value, random, volatile=volatile)
        for key, value in payload.items()
    }


def shuffled(payload: Json, random: Random, *, ordered: Collection[str] = ()) -> Json:
    """Return the same answer in another order. Lists under the keys `ordered` keep theirs, because it carries
    information."""
    if isinstance(payload, list):
        return random.sample([shuffled(item, random, ordered=ordered) for item in payload], len(payload))
    if not isinstance(payload, dict):
        return payload
    return {
        key: value if key in ordered else shuffled(value, random, ordered=ordered)
        for key, value in random.sample(sorted(payload.items()), len(payload))
    }
