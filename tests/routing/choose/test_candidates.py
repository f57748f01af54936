"""Which offers may run a request, and in which order. Numbers are those of the acceptance list."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import time
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.memory.rows import Row
from catalog.memory.saved import Saved
from catalog.memory.snapshot import Snapshot
from catalog.pricing import meters
from catalog.pricing.tariffs import Tariff
from catalog.pricing.workloads import Workload
from catalog.records import Availability, ModelType, PriceRecord
from routing.choose.candidates import Choice, NoCandidate, UnknownModel, choose
from routing.choose.prices import expected_cost
from routing.wire.request import InferenceRequest, Kind
from tests.catalog.memory.generated import rows as any_rows
from tests.factories import hourly, snapshot_of
from tests.routing.catalogue import ALL, NOW, R1, Seen, asked, sold

Json = Any
THREE = (
    sold("chutes", prompt="0.000002", completion="0.000002"),
    sold("openrouter", "deepseek/deepseek-r1", prompt="0.000001", completion="0.000001"),
    sold("portkey", "@bolt/deepseek-r1", prompt="0.000003", completion="0.000003"),
)


def chosen(
    request: InferenceRequest,
    rows: Sequence[Row] | Snapshot = THREE,
    *,
    gateways: Sequence[str] = ALL,
    health: Seen | None = None,
    chance: Any = lambda: 0.0,
    subscriptions: Sequence[str] = (),
) -> Choice:
    snapshot = rows if isinstance(rows, Snapshot) else snapshot_of(*rows)
    return choose(
        request,
        snapshot,
        gateways=gateways,
        health=health or Seen(),
        now=NOW,
        chance=chance,
        subscriptions=subscriptions,
    )


def order(*args: Any, **options: Any) -> list[str]:
    return [each.gateway for each in chosen(*args, **options).candidates]


def ids(*args: Any, **options: Any) -> list[tuple[str, str]]:
    return [(each.gateway, each.offer_id) for each in chosen(*args, **options).candidates]


def left_out(*args: Any, **options: Any) -> dict[str, str]:
    """The reasons by gateway."""
    try:
        found = chosen(*args, **options).left_out
    except NoCandidate as error:
        found = error.left_out
    return {each.gateway: each.reason for each in found}


# --- what a name means -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "name",
    [
        "deepseek-ai/DeepSeek-R1",
        "DEEPSEEK-AI/deepseek-r1",
        "deepseek/deepseek-r1",
        "@bolt/deepseek-r1",
        "DeepSeek-R1",
        "old/r1",
    ],
)
def test_any_name_that_resolves_means_the_model_at_every_gateway(name: str) -> None:
    snapshot = snapshot_of(*THREE)
    snapshot.redirects["old/r1"] = R1

    found = chosen(asked(name), snapshot)

    assert {each.gateway for each in found.candidates} == {"chutes", "openrouter", "portkey"}
    assert {(each.asked, each.model) for each in found.candidates} == {(R1, R1)}
    assert found.revision == 1


@pytest.mark.parametrize("name", [f"chutes/{R1}", f"Chutes/{R1}", "chutes/DeepSeek-R1"])
def test_a_gateway_before_a_name_pins_it(name: str) -> None:
    [found] = chosen(asked(name)).candidates

    assert (found.gateway, found.offer_id, found.model, found.asked) == ("chutes", R1, R1, f"chutes/{R1}")


def test_an_id_that_begins_like_a_gateway_is_read_as_it_is() -> None:
    auto = sold("openrouter", "openrouter/auto", model=None, is_dynamic=True, prices=())

    [found] = chosen(asked("openrouter/auto"), [auto]).candidates

    assert (found.offer_id, found.model, found.asked) == ("openrouter/auto", *["openrouter/openrouter/auto"] * 2)
    assert (found.expected, found.why_no_cost) == (None, "unknown price")


def test_an_unknown_name_is_an_error_that_helps() -> None:
    with pytest.raises(UnknownModel, match='model "nothing/like-this" is the name of no model that is known; /catalog'):
        chosen(asked("nothing/like-this"))
    with pytest.raises(UnknownModel, match='"@cheap" names no saved filter'):
        chosen(asked("@cheap"))
    with pytest.raises(UnknownModel):
        chosen(asked(R1, models=["nothing/like-this"]))


def test_an_id_of_two_models_names_both() -> None:
    rows = [sold("chutes", "same", model="a/one"), sold("openrouter", "same", model="b/two")]

    with pytest.raises(UnknownModel, match="may mean a/one, b/two: name one of these"):
        chosen(asked("same"), rows)


def test_several_models_are_tried_one_after_the_other_and_no_offer_twice() -> None:
    other = sold("featherless", "Qwen/Qwen3", model="Qwen/Qwen3", prompt="0", completion="0", zero_is_free=True)

    found = ids(asked(R1, models=["Qwen/Qwen3", f"chutes/{R1}"]), [*THREE, other])

    assert [gateway for gateway, _ in found] == ["openrouter", "chutes", "portkey", "featherless"]


FREE = sold("openrouter", "deepseek/deepseek-r1:free", variant="free", prompt="0", completion="0")
FAST = sold("openrouter", "deepseek/deepseek-r1:thinking", variant="thinking")
TEE = sold("chutes", f"{R1}-TEE", variant="tee", prompt="0.000005", completion="0.000005")


def test_variants_of_other_terms_run_only_if_they_are_named() -> None:
    rows = [*THREE, FREE, FAST, TEE]

    assert ("openrouter", "deepseek/deepseek-r1:free") not in ids(asked(R1), rows)
    assert ("chutes", f"{R1}-TEE") in ids(asked(R1), rows), "the same model, answered in the same way"
    for name in (f"{R1}:free", "deepseek/deepseek-r1:free", "openrouter/deepseek/deepseek-r1:free"):
        assert ids(asked(name), rows) == [("openrouter", "deepseek/deepseek-r1:free")]
    assert ids(asked(f"{R1}:thinking"), rows) == [("openrouter", "deepseek/deepseek-r1:thinking")]
    assert ids(asked(f"{R1}-TEE"), rows) == [("chutes", f"{R1}-TEE")]


def test_free_also_means_an_offer_whose_price_is_known_to_be_0() -> None:
    rows = [*THREE, sold("featherless", prompt="0", completion="0")]

    assert order(asked(f"{R1}:free"), rows) == ["featherless"]


def test_batch_offers_and_withdrawn_ones_never_run() -> None:
    batch = sold("portkey", "@bolt/r1:batch", variant="batch", execution_mode="batch")
    gone = sold("featherless", withdrawn_at=NOW)

    found = chosen(asked(R1), [*THREE[:2], batch, gone])

    assert [each.gateway for each in found.candidates] == ["openrouter", "chutes"]
    assert {each.gateway: each.reason for each in found.left_out} == {
        "featherless": "Its gateway has withdrawn it.",
        "portkey": "It does not answer at once: it is a batch offer, or of a mode that is not known.",
    }


def with_filter(*rows: Row, expression: str = "supported_parameters=tools") -> Snapshot:
    return replace(snapshot_of(*rows), saved={"cheap-tools": Saved("cheap-tools", "Cheap", expression)})


def test_a_saved_filter_is_a_model_whose_cheapest_offer_runs() -> None:
    rows = [
        sold("chutes", "a", model="m/a", prompt="0.000003", completion="0", supported_parameters=("tools",)),
        sold("openrouter", "b", model="m/b", prompt="0.000002", completion="0", supported_parameters=("tools",)),
        sold("portkey", "@x/c", model="m/c", prompt="0.000001", completion="0"),
        sold("portkey", "@x/d", model="m/d", prompt=None, completion=None, supported_parameters=("tools",)),
        sold("featherless", "e", model="m/e", supported_parameters=("tools",), model_type=ModelType.EMBEDDINGS),
        sold("chutes", "f", model="m/f", supported_parameters=("tools",), withdrawn_at=NOW),
    ]

    found = chosen(asked("@Cheap-Tools", max_tokens=1), with_filter(*rows), chance=lambda: 0.99)

    assert [each.model for each in found.candidates] == ["m/b", "m/a", "m/d"]
    assert {each.asked for each in found.candidates} == {"@cheap-tools"}


def test_a_saved_filter_that_finds_nothing_is_no_candidate() -> None:
    with pytest.raises(NoCandidate, match="none is sold at a gateway that may run it"):
        chosen(asked("@cheap-tools"), with_filter(*THREE))
    with pytest.raises(UnknownModel, match="no longer valid"):
        chosen(asked("@cheap-tools"), with_filter(*THREE, expression="nonsense=1"))


# --- facts -----------------------------------------------------------------------------------------------------------
WHOLE = ("max_tokens", "temperature")


@pytest.mark.parametrize(
    ("fields", "members", "reason"),
    [
        ({"supported_parameters": WHOLE}, {"tools": [{}]}, "It does not take tools"),
        ({"supported_parameters": ("seed", *WHOLE)}, {"response_format": {"type": "json_object"}}, "response_format"),
        ({"supported_parameters": WHOLE}, {"response_format": {"type": "json_schema"}}, "structured_outputs"),
        ({}, {"messages": [{"content": [{"type": "image_url"}]}]}, "It takes no image as input"),
        ({"output_modalities": ("image",), "model_type": ModelType.IMAGE_GENERATION}, {}, "It puts out no text"),
        ({}, {"modalities": ["text", "audio"]}, "It puts out no audio"),
        ({"model_type": ModelType.EMBEDDINGS, "output_modalities": ("embedding",)}, {}, "takes no chat"),
        ({"model_type": ModelType.SPEECH_TO_TEXT}, {}, "takes no chat"),
        ({"context_length": 8_000}, {"max_tokens": 8_000}, "Its context of 8000 tokens is too small"),
        ({"context_length": 8_000}, {"messages": [{"content": "a" * 40_000}]}, "Its context of 8000 tokens"),
        ({"max_completion_tokens": 1_000}, {"max_tokens": 1_001}, "It puts out at most 1000 tokens"),
    ],
)
def test_a_fact_that_a_request_needs_rules_an_offer_out(fields: Json, members: Json, reason: str) -> None:
    offer = sold("chutes", **fields)

    assert reason in left_out(asked(R1, **members), [offer])["chutes"]


@pytest.mark.parametrize(
    ("fields", "members"),
    [
        ({"supported_parameters": None}, {"tools": [{}]}),
        ({"supported_parameters": ("tools",)}, {"response_format": {"type": "json_object"}}),
        ({"supported_parameters": ("response_format", *WHOLE)}, {"response_format": {"type": "json_schema"}}),
        ({"input_modalities": None}, {"messages": [{"content": [{"type": "image_url"}]}]}),
        ({"output_modalities": None}, {"modalities": ["text", "audio"]}),
        ({"model_type": ModelType.OTHER, "output_modalities": None}, {}),
        ({"context_length": None, "max_completion_tokens": None}, {"max_tokens": 10**6}),
    ],
)
def test_an_unknown_fact_rules_nothing_out(fields: Json, members: Json) -> None:
    assert order(asked(R1, **members), [sold("chutes", **fields)]) == ["chutes"]


def test_embeddings_are_made_by_models_for_embeddings() -> None:
    rows = [
        sold("chutes", model_type=ModelType.EMBEDDINGS, output_modalities=("embedding",), completion=None),
        sold("openrouter", "deepseek/r1"),
        sold("portkey", "@x/r1", model_type=ModelType.OTHER, output_modalities=None, input_modalities=None),
    ]

    found = chosen(asked(R1, kind=Kind.EMBEDDINGS), rows)

    assert {each.gateway for each in found.candidates} == {"chutes", "portkey"}
    assert {each.most_output for each in found.candidates} == {0}
    assert found.candidates[0].expected is not None
    assert left_out(asked(R1, kind=Kind.EMBEDDINGS), rows) == {"openrouter": "It makes no embeddings."}


def test_a_gateway_without_a_key_is_left_out() -> None:
    assert order(asked(), gateways=["chutes"]) == ["chutes"]
    assert left_out(asked(), gateways=["chutes"])["openrouter"] == "There is no key for openrouter."


def test_what_may_come_out_is_the_limit_of_the_client_or_of_the_offer() -> None:
    rows = [sold("chutes", max_completion_tokens=4_000, context_length=9_000), sold("openrouter", "r1")]

    def most(**members: Json) -> dict[str, int | None]:
        return {each.gateway: each.most_output for each in chosen(asked(R1, **members), rows).candidates}

    assert most() == {"chutes": 4_000, "openrouter": None}
    assert most(n=2) == {"chutes": 8_000, "openrouter": None}
    assert most(max_tokens=10) == {"chutes": 10, "openrouter": 10}


# --- OpenRouter's preferences ----------------------------------------------------------------------------------------
def test_16_order_comes_first_and_others_follow() -> None:
    assert order(asked(provider={"order": ["portkey", "chutes"]})) == ["portkey", "chutes", "openrouter"]
    assert order(asked(provider={"order": ["featherless"]})) == ["openrouter", "chutes", "portkey"]


def test_16_each_gateway_of_the_order_has_its_turn() -> None:
    rows = [*THREE, sold("portkey", "@zap/r1"), sold("portkey", "@hop/r1", prompt="1", completion="1")]

    found = ids(asked(provider={"order": ["portkey", "openrouter"]}), rows)

    assert found == [
        ("portkey", "@zap/r1"),
        ("openrouter", "deepseek/deepseek-r1"),
        ("portkey", "@bolt/deepseek-r1"),
        ("portkey", "@hop/r1"),
        ("chutes", R1),
    ]


def test_16_only_and_ignore_choose_gateways() -> None:
    assert order(asked(provider={"only": ["portkey", "chutes"]})) == ["chutes", "portkey"]
    assert order(asked(provider={"ignore": ["openrouter"]})) == ["chutes", "portkey"]
    assert left_out(asked(provider={"only": ["chutes"], "ignore": ["chutes"]})) == {
        "chutes": "provider.ignore names its gateway.",
        "openrouter": "provider.only does not name its gateway.",
        "portkey": "provider.only does not name its gateway.",
    }


def test_16_without_fallbacks_only_the_first_or_the_ordered_ones_run() -> None:
    assert order(asked(provider={"allow_fallbacks": False})) == ["openrouter"]
    assert order(asked(provider={"allow_fallbacks": False, "order": ["portkey", "chutes"]})) == ["portkey", "chutes"]
    assert "allow_fallbacks is false" in left_out(asked(provider={"allow_fallbacks": False}))["chutes"]


def test_16_sort_is_strict() -> None:
    health = Seen(seconds={"portkey": 0.2, "chutes": 0.4}, speeds={"portkey": 40, "chutes": 90}, failed={"openrouter"})

    def by(sort: Json) -> list[str]:
        return order(asked(provider={"sort": sort}), health=health, chance=lambda: 0.999)

    assert by("price") == ["openrouter", "chutes", "portkey"]
    assert by("latency") == ["portkey", "chutes", "openrouter"], "what was not measured comes last"
    assert by("throughput") == by({"by": "throughput"}) == ["chutes", "portkey", "openrouter"]


def test_16_sorting_may_cross_the_models() -> None:
    other = sold("featherless", "Qwen/Qwen3", model="Qwen/Qwen3", prompt="0.0000015", completion="0.0000015")
    sort = {"by": "price", "partition": "none"}

    found = order(asked(R1, models=["Qwen/Qwen3"], provider={"sort": sort}), [*THREE, other])

    assert found == ["openrouter", "featherless", "chutes", "portkey"]


def test_16_floor_and_nitro_are_shortcuts_for_sorting() -> None:
    health = Seen(speeds={"portkey": 40, "chutes": 90})

    assert order(asked(f"{R1}:floor"), chance=lambda: 0.999) == ["openrouter", "chutes", "portkey"]
    assert order(asked(f"{R1}:nitro"), health=health) == ["chutes", "portkey", "openrouter"]
    assert order(asked("deepseek/deepseek-r1:floor", provider={"sort": "latency"}), health=health)[0] == "openrouter"


@pytest.mark.parametrize(
    ("max_price", "left"),
    [
        ({"prompt": 2}, ["openrouter", "chutes"]),
        ({"prompt": "1.5"}, ["openrouter"]),
        ({"prompt": 5, "completion": 1}, ["openrouter"]),
        ({"request": 0}, ["openrouter", "chutes", "portkey"]),
    ],
)
def test_16_max_price_is_for_a_million_tokens(max_price: Json, left: list[str]) -> None:
    assert order(asked(provider={"max_price": max_price})) == left


def test_16_a_limit_of_price_requires_a_known_price() -> None:
    rows = [
        sold("chutes", prices=(hourly("2"),)),
        sold("portkey", "r1", prompt=None, completion=None),
        sold("openrouter", "r1", prices=(*THREE[0].tariff.prices, fee("0.5"))),
    ]

    assert left_out(asked(provider={"max_price": {"prompt": 9}}), rows) == {
        "chutes": "Its price for prompt is not known, and provider.max_price limits it.",
        "portkey": "Its price for prompt is not known, and provider.max_price limits it.",
    }
    found = left_out(asked(provider={"max_price": {"request": "0.4"}}), rows)
    assert found["openrouter"] == "Its price for request is above provider.max_price."


def fee(amount: str) -> PriceRecord:
    return PriceRecord(meter=meters.REQUEST, amount=Decimal(amount))


def test_16_max_price_compares_with_the_price_for_a_prompt_of_this_size() -> None:
    large = PriceRecord(meter=meters.INPUT_TEXT, amount=Decimal("0.000009"), conditions=(("prompt_tokens", ">=", 500),))
    rows = [sold("chutes", prices=(*THREE[0].tariff.prices, large))]
    limited: Json = {"provider": {"max_price": {"prompt": 3}}}

    assert order(asked(**limited), rows) == ["chutes"]
    assert "above provider.max_price" in left_out(asked(messages=[{"content": "a" * 4_000}], **limited), rows)["chutes"]


def test_16_required_parameters_must_be_mentioned() -> None:
    rows = [
        sold("chutes", supported_parameters=None),
        sold("openrouter", "r1", supported_parameters=("seed", "max_tokens", "temperature")),
        sold("portkey", "@x/r1", supported_parameters=("tools", "seed", "max_completion_tokens")),
    ]

    def able(**members: Json) -> list[str]:
        return sorted(order(asked(R1, provider={"require_parameters": True}, **members), rows))

    assert able() == ["chutes", "openrouter", "portkey"]
    assert able(seed=1) == ["openrouter", "portkey"]
    assert able(seed=1, max_tokens=5, a_parameter_that_no_offer_mentions=1) == ["openrouter", "portkey"]
    assert able(seed=1, tools=[{}]) == ["portkey"]


def test_16_quantizations_choose_offers_and_unknown_ones_have_a_name() -> None:
    rows = [
        sold("chutes", quantization="FP8"),
        sold("openrouter", "r1"),
        sold("portkey", "r1-int4", variant="int4"),
    ]

    def able(*names: str) -> list[str]:
        return sorted(order(asked(R1, provider={"quantizations": names}), rows))

    assert able("fp8") == ["chutes"]
    assert able("int4", "FP8") == ["chutes", "portkey"]
    assert able("unknown") == ["openrouter", "portkey"]


# --- the order by price ----------------------------------------------------------------------------------------------
def chi_squared(counts: Counter[str], shares: dict[str, float]) -> float:
    total = sum(counts.values())
    return sum((counts[name] - total * share) ** 2 / (total * share) for name, share in shares.items())


def test_17_offers_come_first_by_the_inverse_square_of_their_price() -> None:
    chance, snapshot, request = random.Random(17).random, snapshot_of(*THREE), asked()  # noqa: S311  for a repeatable test
    drawn = [order(request, snapshot, chance=chance) for _ in range(3_000)]

    weights = {"openrouter": 1.0, "chutes": 1 / 4, "portkey": 1 / 9}
    shares = {name: weight / sum(weights.values()) for name, weight in weights.items()}
    # The quantile of 0.999 with 2 and with 1 degrees of freedom.
    assert chi_squared(Counter(each[0] for each in drawn), shares) < 13.8
    after = Counter(each[1] for each in drawn if each[0] == "openrouter")
    assert chi_squared(after, {"chutes": 9 / 13, "portkey": 4 / 13}) < 10.8


def test_17_offers_that_failed_in_the_last_30_seconds_come_last() -> None:
    found = chosen(asked(), health=Seen(failed={"openrouter"}))

    assert [each.gateway for each in found.candidates] == ["chutes", "portkey", "openrouter"]
    assert found.candidates[-1].reason == "It failed within the last 30 seconds, so it comes last."
    assert found.candidates[0].reason == "Drawn by price: it comes first in 69% of requests."


def test_free_offers_come_before_all_others() -> None:
    rows = [*THREE, sold("featherless", prompt="0", completion="0")]

    assert order(asked(), rows, chance=lambda: 0.999)[0] == "featherless"


def test_20_offers_without_a_cost_run_after_all_others_and_say_why() -> None:
    rows = [
        sold("chutes", prices=(hourly("2"),)),
        sold("portkey", "@x/r1", prompt=None, completion=None),
        sold("featherless", "r1", prompt="0.0000001", completion="0.0000001"),
        sold("openrouter", "r1", prompt="0.5", completion="0.5"),
    ]

    found = chosen(asked(), rows, subscriptions=["featherless"]).candidates

    assert [(each.gateway, each.expected is None, each.why_no_cost) for each in found] == [
        ("openrouter", False, ""),
        ("chutes", True, "billed by the hour"),
        ("featherless", True, "subscription"),
        ("portkey", True, "unknown price"),
    ]
    assert "billed by the hour" in found[1].reason


def test_an_offline_offer_and_one_that_may_be_too_small_come_after_others() -> None:
    rows = [
        sold("chutes", prompt="0.0000001", completion="0", availability=Availability.OFFLINE),
        sold("openrouter", "r1", prompt="0.0000001", completion="0", context_length=600),
        sold("portkey", "@x/r1", prompt="1", completion="1"),
    ]

    assert order(asked(messages=[{"content": "a" * 1_800}]), rows) == ["portkey", "openrouter", "chutes"]


def test_12_offers_that_rest_are_left_out() -> None:
    assert order(asked(), health=Seen(rests={"openrouter": 105.0})) == ["chutes", "portkey"]
    assert "It rests" in left_out(asked(), health=Seen(rests={"openrouter": 105.0}))["openrouter"]


def test_12_if_all_rest_the_error_has_the_earliest_end() -> None:
    health = Seen(rests={"openrouter": 105.0, "chutes": 101.5, "portkey": 110.0})

    with pytest.raises(NoCandidate) as refused:
        chosen(asked(), health=health)

    assert refused.value.rests_until == 101.5
    assert len(refused.value.left_out) == 3


def test_an_error_without_a_rest_has_no_end() -> None:
    with pytest.raises(NoCandidate, match="chutes deepseek-ai/DeepSeek-R1: there is no key for chutes; ") as refused:
        chosen(asked(), gateways=[])

    assert refused.value.rests_until is None


@given(any_rows(), st.integers(1, 300_000), st.integers(0, 10_000), st.integers(0, 23))
def test_18_expected_costs_are_those_of_the_catalogues_bills(row: Row, given: int, came: int, hour: int) -> None:
    tariff: Tariff = row.tariff
    at = time(hour)
    bill = tariff.bill(Workload(input_tokens=given, output_tokens=came, requests=1, at=at))

    found = expected_cost(tariff, input_tokens=given, output_tokens=came, at=at)

    assert found.amount == bill.total
    assert (found.amount is None) == bool(found.why_none)
