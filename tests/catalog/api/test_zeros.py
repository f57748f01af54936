"""A zero next to a real price means "not sold by this": what lists, estimates and other services' shapes make of it."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from catalog import registry
from catalog.memory import following
from catalog.models import Price
from tests.catalog.api.reading import body_of, read
from tests.factories import publish

pytestmark = pytest.mark.django_db

Json = Any
TEXT = {"input_tokens": 1_000_000, "output_tokens": 100_000}


def listed(model_id: str, outputs: str, **pricing: str) -> Json:
    """A row of OpenRouter's."""
    return {
        "id": model_id,
        "name": model_id,
        "created": 1_761_000_000,
        "context_length": 8192,
        "architecture": {"input_modalities": ["text"], "output_modalities": [outputs], "tokenizer": "Other"},
        "pricing": pricing,
        "top_provider": {"context_length": 8192, "max_completion_tokens": None, "is_moderated": False},
        "supported_parameters": [],
    }


@pytest.fixture(autouse=True)
def offers() -> None:
    rows = [
        listed("acme/chat", "text", prompt="0.000001", completion="0.000002"),
        listed("acme/chat:free", "text", prompt="0", completion="0"),
        listed("acme/painter", "image", prompt="0", completion="0", image_output="0.00000838323353293413"),
        listed("acme/reader", "text", prompt="0", completion="0", image="0.001"),
        listed("acme/vectors", "embeddings", prompt="0.00000001", completion="0"),
    ]
    publish(*(registry.GATEWAYS["openrouter"].record(row) for row in rows), gateway="openrouter")
    following.FOLLOWER.refresh()


def estimated(client: Client, **workload: int) -> tuple[dict[str, str], dict[str, list[str]]]:
    """Totals of the offers that have one, in their order, and the reasons of the others."""
    body = {"workload": workload, "uncosted_limit": 10}
    answer = body_of(client.post("/catalog/estimate", body, content_type="application/json"))
    return (
        {offer["id"]: offer["total"] for offer in answer["data"]},
        {offer["id"]: offer["reasons"] for offer in answer["uncosted"]["offers"]},
    )


def test_a_workload_of_text_is_costed_only_where_text_is_sold(client: Client) -> None:
    totals, reasons = estimated(client, **TEXT)

    # 1,000,000 x 0.000001 + 100,000 x 0.000002
    assert list(totals.items()) == [("acme/chat:free", "0"), ("acme/chat", "1.2")]
    assert reasons == {
        "acme/painter": ["it puts out no text"],
        "acme/reader": ["its price of input.text is not known", "its price of output.text is not known"],
        "acme/vectors": ["it puts out no text"],
    }


def test_an_embedding_model_answers_a_workload_of_input_alone_and_an_image_model_does_not(client: Client) -> None:
    totals, reasons = estimated(client, input_tokens=1_000_000)

    assert totals == {"acme/chat:free": "0", "acme/vectors": "0.01", "acme/chat": "1"}
    assert reasons["acme/painter"] == ["its price of input.text is not known"]


def test_what_it_is_sold_by_is_costed_exactly(client: Client) -> None:
    assert estimated(client, output_image_tokens=1_000_000)[0] == {"acme/painter": "8.38323353293413"}
    assert estimated(client, images=3)[0] == {"acme/reader": "0.003"}


def test_lists_sorts_and_price_filters_take_no_such_zero_for_a_price(client: Client) -> None:
    def ids(query: str) -> list[str]:
        return [offer["id"] for offer in read(client, f"/catalog/models?{query}")["data"]]

    assert ids("prompt_price_max=0") == ["acme/chat:free"]
    assert ids("completion_price_max=0") == ["acme/chat:free"]
    assert ids("is_free=true") == ["acme/chat:free"]
    assert ids("sort=completion_price&price_basis=token") == ["acme/chat:free", "acme/chat", "acme/vectors"]
    assert ids("price_basis=unit") == ["acme/painter", "acme/reader"]
    figures = read(client, "/catalog/stats")["data"]["prices"]["completion_per_million"]
    assert (figures["free"], figures["offers"]) == (1, 1)


def test_the_cheapest_offer_of_a_model_is_one_that_sells_what_is_compared(client: Client) -> None:
    painter = read(client, "/catalog/canonical/acme/painter")["data"]
    vectors, chat = read(client, "/catalog/compare?ids=acme/vectors,acme/chat")["data"]["models"]

    assert (painter["cheapest"], painter["offers"][0]["reasons"]) == (None, ["it is not billed by tokens of text"])
    assert (vectors["cheapest"], vectors["reasons"]) == (None, ["it puts out no text"])
    assert chat["cheapest"]["cost"] == "0"
    assert read(client, "/catalog/canonical/acme/vectors")["data"]["cheapest"]["cost"] == "0.01"


def test_shapes_of_other_services_say_nothing_that_is_not_so(client: Client) -> None:
    rows = read(client, "/api/v1/models?output_modalities=all")["data"]
    litellm = read(client, "/litellm/model_prices.json")

    # OpenRouter writes 0 for the output of embeddings; 0 for the text of an image model would make it the cheapest.
    assert {row["id"]: row["pricing"] for row in rows} == {
        "acme/chat": {"prompt": "0.000001", "completion": "0.000002"},
        "acme/chat:free": {"prompt": "0", "completion": "0"},
        "acme/vectors": {"prompt": "0.00000001", "completion": "0"},
    }
    assert litellm.keys() == {"openrouter/acme/chat", "openrouter/acme/chat:free", "openrouter/acme/vectors"}
    assert "output_cost_per_token" not in litellm["openrouter/acme/vectors"]


def test_such_a_zero_is_no_dated_price(client: Client) -> None:
    dated = Price.objects.open().filter(offer__model_id__in=["acme/painter", "acme/vectors"])

    assert set(dated.values_list("offer__model_id", "meter")) == {
        ("acme/painter", "output.image_token"),
        ("acme/vectors", "input.text"),
    }
