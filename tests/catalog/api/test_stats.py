"""`GET /catalog/stats`: how many of what, and how prices are distributed."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from catalog.memory import following
from catalog.memory.snapshot import Snapshot
from catalog.registry import GATEWAYS
from catalog.reports.statistics import COUNTED, PERCENTILES, PRICES, nearest_rank
from tests.catalog.api.reading import read
from tests.factories import hourly, offer_record, per_token, publish

Json = Any


@given(st.lists(st.decimals(0, 10, places=2), min_size=1, max_size=60), st.integers(0, 100))
def test_a_percentile_is_the_smallest_value_that_so_many_percent_do_not_exceed(
    values: list[Decimal], percent: int
) -> None:
    [found] = nearest_rank(Counter(values), [percent])

    reached = [value for value in values if sum(other <= value for other in values) * 100 >= percent * len(values)]
    assert found == min(reached)


def test_prices_are_exact_and_free_ones_are_counted_apart(client: Client, db: None) -> None:
    publish(
        *(offer_record(f"m/{n}", prices=per_token(prompt=f"{n}E-7", completion="3E-23")) for n in range(1, 11)),
        offer_record("m/free", prices=per_token(prompt="0", completion="0")),
        offer_record("m/hourly", prices=(hourly("8.58"),)),
        offer_record("m/unknown", prices=()),
    )
    following.FOLLOWER.refresh()

    prices = read(client, "/catalog/stats")["data"]["prices"]

    quartiles = {"min": "0.1", "p10": "0.1", "p25": "0.3", "median": "0.5", "p75": "0.8", "p90": "0.9", "max": "1"}
    assert prices["prompt_per_million"] == {"offers": 10, "free": 1, **quartiles}
    assert prices["completion_per_million"]["median"] == "0.00000000000000003"
    assert prices["hourly_rate"] == {"offers": 1, "free": 0, **dict.fromkeys(PERCENTILES, "8.58")}


@pytest.mark.parametrize("query", ["", "gateway=portkey", "provider=qwen&model_type=LLM", "tags=nobody-has-this"])
def test_figures_are_those_of_the_rows_that_the_list_shows(client: Client, bundled: Snapshot, query: str) -> None:
    figures = read(client, f"/catalog/stats?{query}")["data"]

    rows = read(client, f"/catalog/export.json?{query}")["data"]
    assert figures["offers"] == len(rows)
    told = {"gateway": "source_gateway"}
    for name in COUNTED:
        counted = Counter(row[told.get(name, name)] for row in rows)
        assert figures["counts"][name] == {value: count for value, count in counted.items() if value is not None}
    assert sum(figures["counts"]["provider"].values()) == sum(row["provider_slug"] is not None for row in rows)
    sellers = Counter(model for model, _ in {(row["canonical_model"], row["source_gateway"]) for row in rows})
    assert figures["models"]["total"] == len(sellers)
    assert figures["models"]["by_gateways"] == {
        str(n): list(sellers.values()).count(n) for n in range(1, len(GATEWAYS) + 1)
    }
    assert figures["prices"]["prompt_per_million"] == distribution(rows, "input")
    for gateway, prices in figures["prices_by_gateway"].items():
        mine = [row for row in rows if row["source_gateway"] == gateway]
        assert prices.keys() == PRICES.keys()
        assert prices["completion_per_million"] == distribution(mine, "output")


def distribution(rows: list[Json], side: str) -> Json:
    texts = [row["price_per_million"][side] for row in rows if row["price_per_million"]]
    known = [Decimal(text) for text in texts if text is not None]
    priced = sorted(amount for amount in known if amount)
    figures: dict[str, str | None] = dict.fromkeys(PERCENTILES)
    for name, percent in PERCENTILES.items():
        if priced:
            figures[name] = format(priced[max(1, -(-len(priced) * percent // 100)) - 1], "f")
    return {"offers": len(priced), "free": len(known) - len(priced), **figures}
