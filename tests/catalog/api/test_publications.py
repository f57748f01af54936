"""What is published is what is served, once the process has read it: new offers, withdrawn ones, curated values."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from catalog.curation import overrides
from catalog.memory import following
from catalog.memory.snapshot import Snapshot
from catalog.models import Offer
from tests.catalog.api.reading import ids, read
from tests.factories import hourly, offer_record, publish

R1 = "deepseek-ai/DeepSeek-R1"


@pytest.fixture
def one_withdrawn(db: None) -> None:
    """`maker/stays` is sold, `gone/left` no longer is."""
    publish(offer_record("maker/stays", tags=("hot",)), offer_record("gone/left", provider_slug="gone", tags=("hot",)))
    with time_machine.travel(datetime(2100, 11, 22, 8, tzinfo=UTC), tick=False):
        publish(offer_record("maker/stays", tags=("hot",)))
    following.FOLLOWER.refresh()


@pytest.mark.parametrize(
    "query",
    ["", "gateway=chutes", "tags=hot", "model_type=LLM", "sort=-name", "limit=1"],
    ids=lambda query: query or "-",
)
def test_a_withdrawn_offer_is_in_no_list_and_no_total(client: Client, one_withdrawn: None, query: str) -> None:
    answer = read(client, f"/catalog/models?{query}")

    assert ids(answer) == ["maker/stays"]
    assert (answer["total"], answer["next"]) == (1, None)


def test_who_made_only_withdrawn_offers_is_no_provider(client: Client, one_withdrawn: None) -> None:
    assert read(client, "/catalog/models?provider=gone")["total"] == 0
    assert [provider["slug"] for provider in read(client, "/catalog/providers")["data"]] == ["maker"]


def test_a_withdrawn_offer_still_answers_by_its_id_and_says_since_when(client: Client, one_withdrawn: None) -> None:
    detail = read(client, "/catalog/models/gone/left")

    assert detail["data"]["withdrawn_at"] == "2100-11-22T08:00:00Z"
    assert [offer["withdrawn_at"] for offer in detail["offers"]] == ["2100-11-22T08:00:00Z"]
    assert read(client, "/catalog/models/maker/stays")["data"]["withdrawn_at"] is None


def test_an_offer_that_is_sold_again_is_listed_again(client: Client, one_withdrawn: None) -> None:
    with time_machine.travel(datetime(2100, 11, 23, 8, tzinfo=UTC), tick=False):
        publish(offer_record("maker/stays", tags=("hot",)), offer_record("gone/left", provider_slug="gone"))
    following.FOLLOWER.refresh()

    assert ids(read(client, "/catalog/models")) == ["gone/left", "maker/stays"]
    assert read(client, "/catalog/models/gone/left")["data"]["withdrawn_at"] is None


def test_a_new_price_is_served_from_the_refresh_on_in_lists_and_details(client: Client, db: None) -> None:
    publish(offer_record(prices=(hourly("4"),)))
    following.FOLLOWER.refresh()
    publish(offer_record(prices=(hourly("0"),)))
    stale = read(client, "/catalog/models")["data"]

    following.FOLLOWER.refresh()

    [row] = read(client, "/catalog/models")["data"]
    assert stale[0]["pricing"]["hourly_rate"] == "4.0"
    assert row["pricing"] == {"prompt": "0", "completion": "0", "hourly_rate": "0.0"}
    assert (row["price_status"], row["price_tier"]) == ("free", "free")
    assert read(client, "/catalog/models/maker/model")["data"] == row


def test_a_curated_price_is_served_after_the_refresh_and_gone_once_it_is_cleared(
    client: Client, catalogue: Snapshot
) -> None:
    offer = Offer.objects.get(model_id=R1)
    gateways_own = read(client, f"/catalog/models/{R1}")
    overrides.set_override(
        offer,
        field="hourly_rate",
        value={"amount": "5.5", "unit": "usd_per_hour"},
        reason="seen on the vendor's page",
        author=None,
        is_confirmed=True,
        now=timezone.now(),
    )
    before_refresh = read(client, f"/catalog/models/{R1}")

    following.FOLLOWER.refresh()
    curated = read(client, f"/catalog/models/{R1}")
    overrides.clear_override(offer, field="hourly_rate", author=None, now=timezone.now())
    following.FOLLOWER.refresh()
    cleared = read(client, f"/catalog/models/{R1}")

    assert before_refresh == gateways_own
    assert curated["revision"] == gateways_own["revision"] + 1
    assert curated["data"]["pricing"] == {"prompt": "0.0000055", "completion": "0.0000055", "hourly_rate": "5.5"}
    assert curated["data"]["price_tier"] == "standard"
    assert curated["data"]["description"].endswith("Pricing: $5.5/hr.")
    assert cleared["data"] == gateways_own["data"]


def test_a_curated_tag_is_found_by_the_filter(client: Client, catalogue: Snapshot) -> None:
    overrides.set_override(
        Offer.objects.get(model_id="Qwen/Qwen3-14B"),
        field="tags",
        value={"add": ["hot"], "remove": []},
        reason="promoted",
        author=None,
        is_confirmed=False,
        now=timezone.now(),
    )
    following.FOLLOWER.refresh()

    assert ids(read(client, "/catalog/models?tags=hot")) == ["Qwen/Qwen3-14B", R1]
