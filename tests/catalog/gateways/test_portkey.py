"""What is odd about Portkey; the contract suite and its payloads cover the rest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator
from typing import Any

import pytest

from catalog.adapter import testing
from catalog.adapter.contract import Config, Listing, Page, Request
from catalog.adapter.errors import BadPayload, GatewayError, RateLimited, Unreachable
from catalog.gateways.portkey import Portkey
from catalog.pricing import money, status
from catalog.records import ModelType, OfferRecord
from tests.catalog.gateways.cases import bundled

Json = Any
PORTKEY = Portkey()


def tokens(request: Json = 0.0002, response: Json = 0.001, **more: Json) -> Json:
    """The prices of a text model, in cents."""
    return {
        key: {"price": str(price)} for key, price in {"request_token": request, "response_token": response}.items()
    } | more


def entry(pay_as_you_go: Json = None, **more: Json) -> Json:
    return {"pricing_config": {"pay_as_you_go": tokens() if pay_as_you_go is None else pay_as_you_go}} | more


def record(offer_id: str = "@openai/heron", pay_as_you_go: Json = None, **more: Json) -> OfferRecord:
    return PORTKEY.record({"id": offer_id, **entry(pay_as_you_go), **more})


def prices(found: OfferRecord) -> dict[str, str]:
    """Return the prices of an offer by meter and conditions, as text."""
    return {
        " ".join([price.meter, *(str(part) for condition in price.conditions for part in condition)]): money.plain(
            price.amount
        )
        for price in found.prices
    }


def unclear(found: OfferRecord) -> dict[str, str]:
    """Return the reasons of the unclear prices by meter and conditions."""
    return {
        " ".join([price.meter, *(str(part) for condition in price.conditions for part in condition)]): price.reason
        for price in found.unclear
    }


def walked(
    answers: dict[str, Json], *, has_key: bool = False, providers: tuple[str, ...] = ("openai", "google")
) -> Listing:
    """The listing of a walk that gets these answers by path; an error is thrown, and so is what is missing."""
    walk = PORTKEY.walk(Config(has_key=has_key, options={"providers": providers}))
    request = next(walk)
    try:
        while True:
            found = answers.get(request.path, Unreachable(f"nothing answers {request.path}"))
            request = walk.throw(found) if isinstance(found, GatewayError) else walk.send(Page(payload=found))
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]


def files(*providers: str, **models: Json) -> dict[str, Json]:
    return {f"/pricing/{provider}.json": models or {"heron": entry()} for provider in providers}


def workspace(*ids: str, total: Json = None) -> dict[str, Json]:
    rows = [{"id": offer_id, "slug": "x", "canonical_slug": "x", "object": "model"} for offer_id in ids]
    return {"/v1/models": {"object": "list", "total": len(rows) if total is None else total, "data": rows}}


def ids_of(listing: Listing) -> list[str | None]:
    return [PORTKEY.row_id(row) for row in listing.rows]


# The bundled facts


def test_all_1039_bundled_models_are_offers() -> None:
    records = testing.check_rows(PORTKEY, bundled(PORTKEY).rows)

    assert Counter(found.model_type for found in records) == {
        ModelType.LLM: 834,
        ModelType.IMAGE_GENERATION: 88,
        ModelType.EMBEDDINGS: 54,
        ModelType.OTHER: 18,
        ModelType.VIDEO: 15,
        ModelType.CONTENT_MODERATION: 13,
        ModelType.TEXT_TO_SPEECH: 11,
        ModelType.SPEECH_TO_TEXT: 6,
    }
    assert Counter(map(status.price_status, records)) == {"priced": 940, "unknown": 93, "free": 6}
    assert Counter(found.host for found in records).keys() == set(PORTKEY.options["providers"])


# Units


def test_a_price_is_in_cents_for_one_token() -> None:
    found = record(pay_as_you_go=tokens(0.00025, 0.001))

    assert prices(found) == {"input.text": "0.0000025", "output.text": "0.00001"}
    assert status.price_basis(found) == "token"


@pytest.mark.parametrize(
    ("offer_id", "pay_as_you_go", "expected"),
    [
        ("@cohere/rerank-v9", tokens(0.2, 0), {"search.rerank": "0.002"}),
        ("@mistral-ai/mistral-ocr-9", tokens(0.4, 0), {"input.page": "0.004"}),
        ("@openai/tts-1-hd", tokens(0.003, 0), {"input.character": "0.00003"}),
        # The key of tokens was in dollars in 2025 and in cents in 2026; the unit next to it was in cents in both.
        *(
            (
                "@openai/whisper-1",
                tokens(stated, 0, additional_units={"request_audio_token": {"price": "0.6"}}),
                {"input.audio_minute": "0.006"},
            )
            for stated in (0.006, 0.6)
        ),
        (
            "@openai/gpt-4o-transcribe",
            tokens(0.00025, 0.001, request_audio_token={"price": "0.6"}),
            {"input.text": "0.0000025", "output.text": "0.00001"},
        ),
        (
            "@openai/gpt-4o-transcribe-diarize",
            tokens(0.00025, 0.001, request_audio_token={"price": "0.0006"}),
            {"input.text": "0.0000025", "output.text": "0.00001", "input.audio": "0.000006"},
        ),
        ("@deepinfra/acme/Sift-Reranker-8B", tokens(0.000005, 0), {"input.text": "0.00000005"}),
        (
            "@openai/dall-e-9",
            {"image": {"default": {"default": {"price": 4}}, "hd": {"default": {"price": 8}}}},
            {"output.image": "0.04"},
        ),
        ("@google/veo-9", {"additional_units": {"video_seconds": {"price": 40}}}, {"output.video_second": "0.4"}),
    ],
)
def test_what_is_not_billed_by_tokens_of_text_has_the_unit_that_is_named_for_it(
    offer_id: str, pay_as_you_go: Json, expected: dict[str, str]
) -> None:
    assert prices(record(offer_id, pay_as_you_go)) == expected


@pytest.mark.parametrize(
    ("offer_id", "pay_as_you_go"),
    [
        ("@acme/rerank-9", tokens(0.2, 0)),
        ("@acme/ledger-ocr", tokens(0.4, 0)),
        ("@acme/aura-2", tokens(0.003, 0)),
        ("@acme/whisper-1", tokens(0.6, 0)),
        ("@deepinfra/acme/Reed-TTS", tokens(0.0002, 0)),
        ("@together-ai/acme/flux.9", {"additional_units": {"megapixels": {"price": "0.05"}}}),  # in dollars
        ("@together-ai/acme/mosaic", {"image": {"default": {"default": {"price": "0.04"}}}}),  # in dollars
        ("@together-ai/acme/reel", {"additional_units": {"video_seconds": {"price": "0.114"}}}),  # in dollars
        ("@openai/sora-pro", {"additional_units": {"video_a": {"price": 30}, "video_b": {"price": 50}}}),
        ("@google/gemini-9-pro", {"additional_units": {"input_image": {"price": "0.0011"}}}),  # in dollars
    ],
)
def test_a_price_whose_unit_is_not_known_is_unknown(offer_id: str, pay_as_you_go: Json) -> None:
    found = record(offer_id, pay_as_you_go)

    assert found.prices == ()
    assert status.price_status(found) == "unknown"


def test_another_currency_is_not_converted() -> None:
    yuan = {"pricing_config": {"pay_as_you_go": tokens(), "batch_config": tokens(), "currency": "CNY"}}

    assert PORTKEY.record({"id": "@acme/heron", **yuan}).prices == ()
    assert record(pricing_config={"pay_as_you_go": tokens(), "currency": "usd"}).prices != ()


# Zeros


def test_zeros_are_no_price_and_no_evidence() -> None:
    found = record(pay_as_you_go=tokens(0, 0, additional_units={"web_search": {"price": 0}}))

    assert found.prices == ()
    assert status.price_status(found) == "unknown"


def test_zeros_are_free_under_an_id_that_ends_in_free() -> None:
    found = record("@deepinfra/acme/heron:free", tokens(0, 0, cache_read_input_token={"price": 0}))

    assert prices(found) == {"input.text": "0", "output.text": "0"}
    assert status.price_status(found) == "free"


@pytest.mark.parametrize("offer_id", ["@openai/heron-embedding", "@openrouter/acme/heron-embed:free"])
def test_what_puts_out_no_text_has_no_price_of_it(offer_id: str) -> None:
    assert prices(record(offer_id, tokens(0.000002, 0))) == {"input.text": "0.00000002"}


@pytest.mark.parametrize(
    ("offer_id", "mode"),
    [
        ("@openrouter/acme/heron", "standard"),
        ("@openrouter/acme/heron:batch", "batch"),
        ("@openrouter/acme/heron:later", None),
        ("@openai/ft:heron", "standard"),
    ],
)
def test_the_words_of_openrouters_ids_mean_what_they_mean_there(offer_id: str, mode: str | None) -> None:
    assert record(offer_id).execution_mode == mode


@pytest.mark.parametrize("pricing", [None, {}, {"pay_as_you_go": None}, {"pay_as_you_go": {}}])
def test_a_model_without_prices_is_listed_without_one(pricing: Json) -> None:
    assert record(pricing_config=pricing).prices == ()


# Halves

WHOLE = {"input.text": "0.000002", "output.text": "0.00001"}


def halves(**entries: Json) -> OfferRecord:
    """Return the offer that the keys of a price file become; `_` replaces a dash."""
    models = {key.replace("_", "-"): value for key, value in entries.items()}
    [row] = walked(files("google", **models), providers=("google",)).rows
    return PORTKEY.record(row)


def test_two_halves_are_one_offer_with_a_price_for_long_prompts() -> None:
    found = halves(atlas_lte_128k=entry(tokens(0.0001, 0.001)), atlas_gt_128k=entry(tokens(0.0002, 0.001)))

    assert found.id == "@google/atlas"
    assert prices(found) == {
        "input.text": "0.000001",
        "input.text prompt_tokens >= 128001": "0.000002",
        "output.text": "0.00001",
    }


def test_halves_beside_the_whole_model_tell_what_it_leaves_out() -> None:
    half = entry(tokens(cache_read_input_token={"price": "0.00002"}))

    found = halves(atlas=entry(), atlas_lte_128k=half, atlas_gt_128k=half)

    assert prices(found) == prices(record(pay_as_you_go=half["pricing_config"]["pay_as_you_go"]))


LONG = {"input.text prompt_tokens >= 128001": "0.000002", "output.text prompt_tokens >= 128001": "0.00001"}
LONGER = {"input.text prompt_tokens >= 200001": "0.000002", "output.text prompt_tokens >= 200001": "0.00001"}
TWICE = "the price file states it more than once, and the amounts differ"
ONE_HALF = "the price file states it only for prompts"


@pytest.mark.parametrize(
    ("entries", "clear", "unknown"),
    [
        (("atlas_lte_128k", "atlas_gt_128k", "atlas_lte_200k", "atlas_gt_200k"), WHOLE, {}),
        (("atlas_lte_128k", "atlas_gt_200k"), WHOLE | LONGER, dict.fromkeys(LONG, f"{ONE_HALF} up to 128,000 and")),
        (("atlas_lte_128k",), WHOLE, dict.fromkeys(LONG, f"{ONE_HALF} up to 128,000 tokens")),
        (("atlas", "atlas_lte_128k"), WHOLE, dict.fromkeys(LONG, f"{ONE_HALF} up to 128,000 tokens")),
        (("atlas_gt_128k",), LONG, dict.fromkeys(WHOLE, f"{ONE_HALF} above 128,000 tokens")),
    ],
)
def test_what_no_half_is_for_is_unknown_and_not_guessed(
    entries: tuple[str, ...], clear: dict[str, str], unknown: dict[str, str]
) -> None:
    found = halves(**dict.fromkeys(entries, entry()))

    assert prices(found) == clear
    assert unclear(found).keys() == unknown.keys()
    assert all(reason.startswith(unknown[key]) for key, reason in unclear(found).items())


def test_halves_of_two_sizes_are_known_where_they_agree() -> None:
    short, long = entry(tokens(0.0002, 0.0012)), entry(tokens(0.0004, 0.0018))

    found = halves(atlas_lte_128k=short, atlas_gt_128k=long, atlas_lte_200k=short, atlas_gt_200k=long)

    assert prices(found) == {
        "input.text": "0.000002",
        "input.text prompt_tokens >= 200001": "0.000004",
        "output.text": "0.000012",
        "output.text prompt_tokens >= 200001": "0.000018",
    }
    assert unclear(found) == {
        "input.text prompt_tokens >= 128001": TWICE,
        "output.text prompt_tokens >= 128001": TWICE,
    }


def test_a_half_that_contradicts_the_whole_model_leaves_the_other_prices_known() -> None:
    found = halves(atlas=entry(), atlas_lte_128k=entry(tokens(0.0003)), atlas_gt_128k=entry(tokens(0.0004, 0.002)))

    assert unclear(found) == {"input.text": TWICE}
    assert prices(found) == {
        "input.text prompt_tokens >= 128001": "0.000004",
        "output.text": "0.00001",
        "output.text prompt_tokens >= 128001": "0.00002",
    }


def test_a_price_whose_halves_are_many_times_each_other_is_unknown_for_every_prompt() -> None:
    found = halves(atlas_lte_128k=entry(tokens(0.00003, 0.0000039)), atlas_gt_128k=entry(tokens(0.00003, 0.00025)))

    assert prices(found) == {"input.text": "0.0000003"}
    assert unclear(found) == {"output.text": "the prices for short and for long prompts differ more than 10-fold"}


def test_batch_prices_that_differ_are_unknown_in_that_mode_alone() -> None:
    def of_batch(cents: float) -> Json:
        return {"pricing_config": {"pay_as_you_go": tokens(), "batch_config": tokens(cents, 0.0005)}}

    found = halves(atlas=of_batch(0.0001), atlas_lte_128k=of_batch(0.00015), atlas_gt_128k=of_batch(0.0001))

    assert unclear(found)["input.text execution_mode = batch"] == TWICE
    assert prices(found).items() >= prices(record()).items()


@pytest.mark.parametrize(
    ("pricing", "unknown"),
    [
        ({"pay_as_you_go": tokens("cheap")}, {"input.text": "its amount must be a decimal number, not 'cheap'"}),
        ({"pay_as_you_go": tokens(-1)}, {"input.text": "its amount must not be negative: -1"}),
        ({"pay_as_you_go": "by agreement"}, dict.fromkeys(WHOLE, "its price list must be an object, not a text")),
        ("by agreement", dict.fromkeys(WHOLE, "its price list must be an object, not a text")),
        ({"currency": 5}, dict.fromkeys(WHOLE, "its price list cannot be read")),
        (
            {"pay_as_you_go": tokens(), "batch_config": []},
            dict.fromkeys((f"{meter} execution_mode = batch" for meter in WHOLE), "its price list must be an object"),
        ),
    ],
)
def test_prices_that_cannot_be_read_are_unknown_and_the_row_stays(pricing: Json, unknown: dict[str, str]) -> None:
    found = unclear(record(pricing_config=pricing))

    assert found.keys() == unknown.keys()
    assert all(reason.startswith(unknown[key]) for key, reason in found.items())


def test_custom_prices_that_cannot_be_read_are_noted() -> None:
    found = record(custom_pricing="by agreement")

    assert prices(found) == prices(record())
    assert found.notes == (
        "Its prices for long prompts and for execution modes may be missing: custom_pricing cannot be read.",
    )


# Execution modes


def test_prices_of_a_mode_that_are_the_standard_ones_are_not_repeated() -> None:
    found = record(pricing_config={"pay_as_you_go": tokens(), "batch_config": tokens(0.0001, 0.001)})

    assert prices(found) == prices(record()) | {"input.text execution_mode = batch": "0.000001"}


def test_only_custom_prices_that_apply_everywhere_and_are_new_count() -> None:
    def region(pay_as_you_go: Json, *modes: str) -> Json:
        return {"execution_modes": dict.fromkeys(modes, entry(pay_as_you_go))}

    regions = {
        "default": region(tokens(9, 9), "standard", "batch", "flex", "unheard-of"),
        "us,eu": region(tokens(8, 8), "priority"),
    }
    found = record(
        pricing_config={"pay_as_you_go": tokens(), "batch_config": tokens(0.0001, 0.0005)},
        custom_pricing={"regions": regions},
    )

    assert prices(found) == prices(record()) | {
        "input.text execution_mode = batch": "0.000001",
        "output.text execution_mode = batch": "0.000005",
        "input.text execution_mode = flex": "0.09",
        "output.text execution_mode = flex": "0.09",
    }


def test_a_context_tier_is_a_price_for_long_prompts_if_its_size_is_stated() -> None:
    tiers = {"short": entry(), "long": entry(tokens(0.0004)), "endless": entry(tokens(0.0009))}
    custom = {
        "context_tier_map": {"0": "short", "272000": "long"},
        "regions": {"default": {"execution_modes": {"standard": {"context_tiers": tiers}}}},
    }

    assert prices(record(custom_pricing=custom)) == prices(record()) | {
        "input.text prompt_tokens >= 272001": "0.000004"
    }


# Names


@pytest.mark.parametrize(
    ("offer_id", "host", "model", "name", "provider"),
    [
        ("@openai/heron", "openai", "heron", "heron", "openai"),
        ("@deepinfra/acme/Atlas/v2", "deepinfra", "acme/Atlas/v2", "v2", "acme"),
        ("@groq/heron", "groq", "heron", "heron", None),
        ("@our-own/heron", "our-own", "heron", "heron", None),
        ("@perplexity-ai/sonar-pro", "perplexity-ai", "sonar-pro", "sonar-pro", "perplexity-ai"),
        (
            "@perplexity-ai/mixtral-8x7b-instruct",
            "perplexity-ai",
            "mixtral-8x7b-instruct",
            "mixtral-8x7b-instruct",
            None,
        ),
        ("@openrouter/~acme/atlas-latest", "openrouter", "~acme/atlas-latest", "atlas-latest", "acme"),
    ],
)
def test_an_id_is_parted_at_its_first_slash(
    offer_id: str, host: str, model: str, name: str, provider: str | None
) -> None:
    found = record(offer_id)

    assert (found.id, found.host, found.slug, found.name, found.provider_slug) == (
        offer_id,
        host,
        model,
        name,
        provider,
    )


@pytest.mark.parametrize("offer_id", ["openai/heron", "@openai", "@openai/", "@/heron", "@openai/he ron", "", "@"])
def test_an_id_is_host_and_model(offer_id: str) -> None:
    assert testing.check_refuses(PORTKEY, {"id": offer_id, **entry()}).startswith("id: ")


@pytest.mark.parametrize(
    ("offer_id", "stated", "expected"),
    [
        ("@acme/atlas", "embedding", ModelType.EMBEDDINGS),
        ("@acme/atlas", "rerank", ModelType.OTHER),
        ("@acme/atlas", "image_generation", ModelType.IMAGE_GENERATION),
        ("@acme/sora-2", "text", ModelType.VIDEO),
        ("@acme/black-forest-labs/atlas", "chat", ModelType.IMAGE_GENERATION),
        ("@acme/FLUX.1.1-pro", "chat", ModelType.IMAGE_GENERATION),
        ("@acme/whisper-large-v3", "audio", ModelType.SPEECH_TO_TEXT),
        ("@acme/tts-1", "audio", ModelType.TEXT_TO_SPEECH),
        ("@acme/gpt-audio", "audio", ModelType.LLM),
        ("@acme/lyria-3-clip-preview", None, ModelType.MUSIC_GENERATION),
        ("@acme/clip-ViT-B-32", None, ModelType.EMBEDDINGS),
        ("@acme/gpt-oss-safeguard-20b", None, ModelType.CONTENT_MODERATION),
        ("@acme/vanguard-9", None, ModelType.LLM),
        ("@acme/imagine-this", None, ModelType.LLM),
    ],
)
def test_the_type_follows_from_the_stated_type_then_from_the_name(
    offer_id: str, stated: str | None, expected: ModelType
) -> None:
    assert record(offer_id, type={"primary": stated}).model_type is expected


def test_what_a_model_supports_decides_its_inputs() -> None:
    found = record(type={"primary": "chat", "supported": ["tools", "image", "chat"]})

    assert (found.input_modalities, found.supported_parameters) == (("text", "image"), ("tools",))


# The walk


def test_without_a_key_the_price_files_are_asked_for_and_nothing_else() -> None:
    walk = PORTKEY.walk(Config(has_key=False, options=PORTKEY.options))
    asked = [next(walk)]
    try:
        while True:
            asked.append(walk.send(Page(payload={"heron": entry()})))
    except StopIteration:
        pass

    assert asked == [Request(host="pricing", path=f"/pricing/{name}.json") for name in PORTKEY.options["providers"]]


@pytest.mark.parametrize(
    "broken", [Unreachable("no"), {}, [], "no", {"error": "not found"}, {"default": entry()["pricing_config"]}]
)
def test_a_price_file_that_cannot_be_read_leaves_the_listing_incomplete(broken: Json) -> None:
    listing = walked(files("google") | {"/pricing/openai.json": broken})

    assert ids_of(listing) == ["@google/heron"]
    assert not listing.is_complete


def test_where_no_price_file_can_be_read_the_run_fails_as_the_last_of_them_did() -> None:
    with pytest.raises(RateLimited, match="slower"):
        walked({"/pricing/google.json": RateLimited("slower", retry_after=60)})


def test_the_template_of_a_price_file_is_no_model() -> None:
    assert ids_of(walked(files("openai", default=entry(), heron=entry()), providers=("openai",))) == ["@openai/heron"]


def test_with_a_key_only_the_workspace_and_its_price_files_are_read() -> None:
    models = workspace("@openai/heron", "@our-own/heron", "@openai/unpriced", "@nebius/heron")

    listing = walked(models | files("openai", heron=entry(), other=entry()), has_key=True)

    assert listing.is_complete
    assert listing.postponed == frozenset()
    assert {found.id: bool(found.prices) for found in map(PORTKEY.record, listing.rows)} == {
        "@nebius/heron": False,  # not among the providers whose files are read
        "@openai/heron": True,
        "@openai/unpriced": False,
        "@our-own/heron": False,
    }


def test_models_of_a_host_whose_price_file_cannot_be_read_are_listed_and_postponed() -> None:
    listing = walked(workspace("@openai/heron", "@google/atlas") | files("google", atlas=entry()), has_key=True)

    assert ids_of(listing) == ["@google/atlas", "@openai/heron"]
    assert listing.postponed == {"@openai/heron"}
    assert listing.is_complete


@pytest.mark.parametrize(("total", "is_complete"), [(1, True), (0, False)])
def test_a_workspace_is_complete_if_it_has_as_many_models_as_are_counted(total: int, is_complete: bool) -> None:
    assert walked(workspace("@a/b", total=total), has_key=True).is_complete is is_complete


def test_a_field_that_the_workspace_may_have_one_day_is_not_taken_for_one_of_ours() -> None:
    models = workspace("@our-own/heron")
    models["/v1/models"]["data"][0] |= {"type": "model", "above": 5, "pricing_config": "by agreement"}

    [row] = walked(models, has_key=True).rows

    assert PORTKEY.record(row).id == "@our-own/heron"


def test_pages_are_asked_for_by_what_has_been_received_and_come_to_an_end() -> None:
    def pages(data: list[Json], total: int) -> Generator[Request, None, None]:
        walk = PORTKEY.walk(Config(has_key=True, options={"providers": ("openai",)}))
        yield next(walk)
        while True:
            yield walk.send(Page(payload={"total": total, "data": data}))

    asked = pages([{"id": "@a/b"}] * 3, 10_000)
    assert [next(asked).query["offset"] for _ in range(100)] == [str(3 * number) for number in range(100)]
    with pytest.raises(BadPayload, match="do not end: 100 were read"):
        next(asked)


@pytest.mark.parametrize(
    "answer",
    [
        None,
        [],
        {"data": None},
        {"data": []},
        {"data": [], "total": True},
        {"success": False, "data": {"message": "no"}},
    ],
)
def test_an_answer_that_is_no_list_of_models_is_refused(answer: Json) -> None:
    with pytest.raises(BadPayload):
        walked({"/v1/models": answer}, has_key=True)


def test_its_prices_come_from_files_that_other_people_edit() -> None:
    assert PORTKEY.prices_are_edited
