"""Documents with equal prices and holds share one tariff, and no tariff outlives them."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import orjson
import pytest

from catalog.documents import rendering
from catalog.documents.tariffs import tariff_of
from catalog.pricing import meters
from tests.factories import held_price, hourly, offer_facts, offer_record, per_token


def document(*held: rendering.HeldPrice, **fields: Any) -> Any:
    record = offer_record(**fields)
    return orjson.loads(orjson.dumps(rendering.build(record, offer_facts(holds=held))))


TOKENS = per_token(prompt="1E-6", completion="2E-6")


def test_offers_with_equal_prices_share_one_tariff() -> None:
    first = tariff_of(document(model_id="maker/a", name="A", prices=TOKENS))

    assert tariff_of(document(model_id="maker/b", name="B", prices=TOKENS)) is first


@pytest.mark.parametrize(
    "other",
    [
        document(prices=per_token(prompt="1E-6", completion="3E-6")),
        document(prices=TOKENS, execution_mode="batch"),
        document(prices=TOKENS, is_dynamic=True),
        document(prices=TOKENS, output_modalities=("image",)),
        document(held_price(meters.INPUT_TEXT), prices=TOKENS),
    ],
    ids=["price", "mode", "status", "outputs", "hold"],
)
def test_a_fact_that_changes_a_cost_makes_another_tariff(other: Any) -> None:
    first = tariff_of(document(prices=TOKENS))

    assert tariff_of(other) is not first


def test_a_hold_is_part_of_the_tariff_but_not_when_it_began() -> None:
    held = document(held_price(meters.INPUT_TEXT), prices=TOKENS)
    since = orjson.loads(orjson.dumps(held))
    since["holds"][0] |= {"since": "2026-11-21T08:00:00Z", "reason": "another"}
    first = tariff_of(held)

    assert first.held == {(meters.INPUT_TEXT, ())}
    assert tariff_of(since) is first


def test_a_tariff_is_freed_with_the_last_offer_that_has_it() -> None:
    tariff = tariff_of(document(prices=(hourly("123.45"),)))
    is_there = weakref.ref(tariff)

    del tariff
    gc.collect()

    assert is_there() is None
