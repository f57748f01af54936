"""The shape of an offer."""

from __future__ import annotations

from rest_framework import serializers
from rest_framework.serializers import Serializer

from catalog.api.serializers import fields
from catalog.pricing import billing
from catalog.records import Availability, ModelType, Source


class PricesSerializer(Serializer[object]):
    """US dollars as decimal text in plain notation. Without its key a price is not stated; null is unknown: the gateway
    charges it, and what it states cannot be read or contradicts itself. No other price replaces it."""

    request = fields.price("Per request, beside its tokens.")
    image = fields.price("Per image that goes in; per token of one where it equals `image_token`.")
    image_token = fields.price("Per token of an image that goes in.")
    image_output = fields.price("Per token of an image that comes out.")
    audio = fields.price("Per token of audio that goes in.")
    audio_output = fields.price("Per token of audio that comes out.")
    input_audio_cache = fields.price("Per token of audio that is read from a cache.")
    web_search = fields.price("Per search of the web.")
    internal_reasoning = fields.price("Per token of reasoning; without it, `completion` holds.")
    input_cache_read = fields.price("Per input token that is read from a cache; without it, `prompt` holds.")
    input_cache_write = fields.price("Per input token that is written to a cache, for the usual time.")
    input_cache_write_1h = fields.price("Per input token that is written to a cache for an hour.")
    character = fields.price("Per character that is read aloud.")
    page = fields.price("Per page of a document that is read.")
    audio_minute = fields.price("Per minute of audio that goes in.")
    generated_image = fields.price("Per image that comes out, of the size and quality that is made unasked.")
    generated_video_second = fields.price("Per second of video that comes out.")
    rerank_search = fields.price("Per search whose results are sorted.")
    step = fields.price("Per step of a diffusion model.")
    hourly_rate = fields.money(
        "Per hour of one instance. What the offer costs only where `price_basis` is `hourly`.",
        required=False,
        null=True,
    )


class PricingOverrideSerializer(PricesSerializer):
    """Prices that replace the ones of the same keys in `pricing` while all conditions hold, also where one is null."""

    conditions = serializers.ListField(
        child=serializers.ListField(child=serializers.JSONField(), min_length=3, max_length=3),
        help_text='Dimension, operator and value: `["prompt_tokens", ">=", 200001]` is the size of the prompt and '
        'reprices the whole request; `["utc_window", "during", "16:30-00:30"]` is the time of day, without its end; '
        '`["execution_mode", "=", "batch"]` holds for requests that ask for that mode.',
    )
    prompt = fields.price("Per input token.")
    completion = fields.price("Per output token.")


class PricingSerializer(PricesSerializer):
    """US dollars as decimal text in plain notation. `"0"` is free; null, or no key, is unknown, never free."""

    prompt = fields.money("Per input token. Where `price_basis` is `hourly`, the hourly rate divided by 1,000,000.")
    completion = fields.money("Per output token; see `prompt`.")
    overrides = PricingOverrideSerializer(
        many=True,
        required=False,
        help_text="Prices under conditions. Of those that hold at once, later ones replace earlier ones key by key.",
    )


class PricePerMillionSerializer(Serializer[object]):
    input = fields.money("US dollars per million input tokens.")
    output = fields.money("US dollars per million output tokens.")


class HeldPriceSerializer(Serializer[object]):
    """A price that the gateway reports and that this service does not believe yet."""

    meter = fields.text("What it counts.")
    pricing_key = fields.text("Its key in `pricing`.")
    conditions = serializers.ListField(
        child=serializers.ListField(child=serializers.JSONField(), min_length=3, max_length=3),
        help_text="Under which the price holds; none: the base price.",
    )
    reported = fields.money("What the gateway asks for one unit, in US dollars.")
    served = fields.money("What is served instead; null: it is served as unknown.")
    since = fields.moment("When the gateway first reported about this amount.")
    reason = fields.text("Why it is not believed.")


class ArchitectureSerializer(Serializer[object]):
    modality = fields.text("Such as `text->text`.", null=True)
    input_modalities = fields.words("What goes in.", null=True)
    output_modalities = fields.words("What comes out.", null=True)
    tokenizer = fields.text("The family of the tokeniser.", null=True)
    instruct_type = fields.text("The format of instructions.", null=True)


class TopProviderSerializer(Serializer[object]):
    """The host that the gateway prefers."""

    context_length = fields.count("Tokens; it may be less than the model itself can read.", null=True)
    max_completion_tokens = fields.count("Tokens.", null=True)
    is_moderated = serializers.BooleanField(allow_null=True, help_text="Whether prompts are moderated.")


class OfferSerializer(Serializer[object]):
    """One gateway's offer of one model. Null means unknown."""

    id = fields.text("The gateway's id of the offer, case-sensitive.")
    slug = fields.text("The model's own id.")
    canonical_slug = fields.text("The gateway's permanent name of the model.")
    name = fields.text("For people.")
    description = fields.text("The gateway's words, or ours where it has none.")
    provider_slug = fields.text("Who made or published the model, as the gateway spells it.", null=True)
    source_gateway = fields.text("The gateway that sells it.")
    host = fields.text("Who runs the model, where the gateway routes to others.", null=True)
    model_type = fields.choice("What the model is for.", [kind.value for kind in ModelType])
    tags = fields.words("Labels, of the gateway or of a curator.")
    pricing = PricingSerializer()
    price_status = fields.choice("What is known of the price.", ["priced", "free", "dynamic", "unknown"])
    price_basis = fields.choice(
        "What the offer is billed by: tokens of text, hours, or only other units.",
        ["token", "hourly", "unit"],
        null=True,
    )
    price_tier = fields.choice(
        "By `hourly_rate` in US dollars: 0; below 2; below 6; below 22; from 22.",
        ["free", "budget", "standard", "premium", "enterprise"],
        null=True,
    )
    execution_mode = fields.choice(
        "The mode that the offer is sold in. A `batch` offer takes only batch requests; null is a variant of a kind "
        "that is not known. Prices of either are in `pricing`, and no filter, order or comparison of prices uses them.",
        [*billing.EXECUTION_MODES],
        null=True,
    )
    price_per_million = PricePerMillionSerializer(
        allow_null=True, help_text="Only where `price_basis` is `token` and `execution_mode` is `standard`."
    )
    held_prices = fields.words("Keys of `pricing` whose newest price is not believed yet; `holds` has the amounts.")
    holds = HeldPriceSerializer(
        many=True,
        help_text="Prices that the gateway reports and that are not served until the gateway has repeated them for "
        "some days, or a curator has looked at them.",
    )
    notes = fields.words(
        "What of the gateway's prices is unknown because it cannot be read or contradicts itself, in sentences."
    )
    architecture = ArchitectureSerializer()
    quantization = fields.text("The number format of the weights, such as `fp8`.", null=True)
    is_confidential = serializers.BooleanField(
        allow_null=True, help_text="Whether it runs in a trusted execution environment."
    )
    knowledge_cutoff = serializers.DateField(
        allow_null=True, help_text="The day up to which the model knows the world."
    )
    context_length = fields.count("Tokens.", null=True)
    top_provider = TopProviderSerializer()
    per_request_limits = serializers.DictField(allow_null=True, help_text="Limits of a single request.")
    supported_parameters = fields.words("Parameters that a request may have.", null=True)
    default_parameters = serializers.DictField(allow_null=True, help_text="Values of parameters that are not given.")
    hugging_face_id = fields.text("The repository of the model's weights.", null=True)
    created = fields.count("When the model was made, in Unix seconds.", null=True)
    availability = fields.choice("Whether the gateway can serve it now.", [state.value for state in Availability])
    expires = serializers.DateField(allow_null=True, help_text="The day from which the gateway will no longer sell it.")
    provider_site_url = serializers.URLField(allow_null=True, help_text="The provider's site.")
    model_logo_url = fields.text("The provider's mark, as a reference relative to this service.", null=True)
    canonical_model = fields.text("The model itself, whoever sells it.", null=True)
    variant = fields.text("How the offer differs from the model itself: `free`, `batch`, `fp8`, `tee`.", null=True)
    first_seen = fields.moment("When the catalogue first had the offer.")
    withdrawn_at = fields.moment("Since when the gateway no longer lists it.", null=True)
    source = fields.choice("Where the gateway was read.", [source.value for source in Source])
    recorded_at = serializers.DateField(allow_null=True, help_text="The day of the facts, where `source` is `bundled`.")
    stale_since = fields.moment(
        "Since when the gateway lists the offer in a form that cannot be used; what is shown is older.", null=True
    )
