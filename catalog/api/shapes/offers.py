"""The shape of an offer."""

from __future__ import annotations

from rest_framework import serializers
from rest_framework.serializers import Serializer

from catalog.api.shapes import fields
from catalog.pricing import billing
from catalog.records import Availability, ModelType, Source


class PricesSerializer(Serializer[object]):
    """US dollars as decimal text in plain notation. A missing key means that no such price is published. Null means
    unknown: the gateway publishes a price that cannot be read or contradicts itself. No other price replaces it."""

    request = fields.price("Per request, in addition to its tokens.")
    image = fields.price("Per input image; per token of an image if it equals `image_token`.")
    image_token = fields.price("Per token of an input image.")
    image_output = fields.price("Per token of an output image.")
    audio = fields.price("Per token of input audio.")
    audio_output = fields.price("Per token of output audio.")
    input_audio_cache = fields.price("Per token of input audio that is read from a cache.")
    web_search = fields.price("Per web search.")
    internal_reasoning = fields.price("Per reasoning token. Without it, `completion` applies.")
    input_cache_read = fields.price("Per input token that is read from a cache. Without it, `prompt` applies.")
    input_cache_write = fields.price("Per input token that is written to a cache for the default time.")
    input_cache_write_1h = fields.price("Per input token that is written to a cache for one hour.")
    character = fields.price("Per character that is converted to speech.")
    page = fields.price("Per page of an input document.")
    audio_minute = fields.price("Per minute of input audio.")
    generated_image = fields.price("Per output image, of the default size and quality.")
    generated_video_second = fields.price("Per second of output video.")
    rerank_search = fields.price("Per search with reranked results.")
    step = fields.price("Per step of a diffusion model.")
    hourly_rate = fields.money(
        "Per hour of one instance. The offer is billed by it only if `price_basis` is `hourly`.",
        required=False,
        null=True,
    )


class PricingOverrideSerializer(PricesSerializer):
    """Prices that replace those with the same keys in `pricing` while all conditions hold. A null replaces too."""

    conditions = serializers.ListField(
        child=serializers.ListField(child=serializers.JSONField(), min_length=3, max_length=3),
        help_text='Dimension, operator and value. `["prompt_tokens", ">=", 200001]` is the size of the prompt; the '
        'price applies to the whole request. `["utc_window", "during", "16:30-00:30"]` is the time of day; the end is '
        'excluded. `["execution_mode", "=", "batch"]` applies to requests in that mode.',
    )
    prompt = fields.price("Per input token.")
    completion = fields.price("Per output token.")


class PricingSerializer(PricesSerializer):
    """US dollars as decimal text in plain notation. `"0"` is free. Null or a missing key is unknown, never free."""

    prompt = fields.money("Per input token. If `price_basis` is `hourly`, the hourly rate divided by 1,000,000.")
    completion = fields.money("Per output token; see `prompt`.")
    overrides = PricingOverrideSerializer(
        many=True,
        required=False,
        help_text="Prices under conditions. If several apply at once, later ones replace earlier ones key by key.",
    )


class PricePerMillionSerializer(Serializer[object]):
    input = fields.money("US dollars per million input tokens.")
    output = fields.money("US dollars per million output tokens.")


class HeldPriceSerializer(Serializer[object]):
    """A price that the gateway reports and that this service does not believe yet."""

    meter = fields.text("What the price counts.")
    pricing_key = fields.text("Its key in `pricing`.")
    conditions = serializers.ListField(
        child=serializers.ListField(child=serializers.JSONField(), min_length=3, max_length=3),
        help_text="The conditions under which the price applies; empty for the base price.",
    )
    reported = fields.money("What the gateway charges per unit, in US dollars.")
    served = fields.money("The price that is served instead; null if it is served as unknown.")
    since = fields.moment("When the gateway first reported approximately this amount.")
    reason = fields.text("Why the price is not believed.")


class ArchitectureSerializer(Serializer[object]):
    modality = fields.text("Such as `text->text`.", null=True)
    input_modalities = fields.words("What the model accepts.", null=True)
    output_modalities = fields.words("What the model produces.", null=True)
    tokenizer = fields.text("The tokeniser family.", null=True)
    instruct_type = fields.text("The instruction format.", null=True)


class TopProviderSerializer(Serializer[object]):
    """The host that the gateway prefers."""

    context_length = fields.count("The context length in tokens; may be less than that of the model itself.", null=True)
    max_completion_tokens = fields.count("The most tokens in one answer.", null=True)
    is_moderated = serializers.BooleanField(allow_null=True, help_text="Whether prompts are moderated.")


class OfferSerializer(Serializer[object]):
    """One gateway's offer of one model. Null means unknown."""

    id = fields.text("The gateway's id of the offer, case-sensitive.")
    slug = fields.text("The model's own id.")
    canonical_slug = fields.text("The gateway's permanent name of the model.")
    name = fields.text("The display name.")
    description = fields.text("The gateway's description, or a generated one if it has none.")
    provider_slug = fields.text(
        "The organisation that made or published the model, as the gateway spells it.", null=True
    )
    source_gateway = fields.text("The gateway that sells it.")
    host = fields.text("The host that runs the model, if the gateway routes to other hosts.", null=True)
    model_type = fields.choice("What the model is for.", [kind.value for kind in ModelType])
    tags = fields.words("Labels from the gateway or a curator.")
    pricing = PricingSerializer()
    price_status = fields.choice("What is known about the price.", ["priced", "free", "dynamic", "unknown"])
    price_basis = fields.choice(
        "How the offer is billed: by tokens of text, by the hour, or only by other units.",
        ["token", "hourly", "unit"],
        null=True,
    )
    price_tier = fields.choice(
        "The tier of `hourly_rate`, in US dollars: 0; below 2; below 6; below 22; 22 or more.",
        ["free", "budget", "standard", "premium", "enterprise"],
        null=True,
    )
    execution_mode = fields.choice(
        "The mode that the offer is sold in. A `batch` offer accepts only batch requests; null means a variant of an "
        "unknown kind. Both have their prices in `pricing`, and no filter, order or comparison of prices uses them.",
        [*billing.EXECUTION_MODES],
        null=True,
    )
    price_per_million = PricePerMillionSerializer(
        allow_null=True, help_text="Null unless `price_basis` is `token` and `execution_mode` is `standard`."
    )
    held_prices = fields.words(
        "Keys of `pricing` with a newest price that is not believed yet; `holds` has the amounts."
    )
    holds = HeldPriceSerializer(
        many=True,
        help_text="Reported prices that are not served until the gateway has repeated them for some days, or a "
        "curator has released them.",
    )
    notes = fields.words(
        "Sentences that explain which prices are unknown because they cannot be read or are contradictory."
    )
    architecture = ArchitectureSerializer()
    quantization = fields.text("The number format of the weights, such as `fp8`.", null=True)
    is_confidential = serializers.BooleanField(
        allow_null=True, help_text="Whether it runs in a trusted execution environment."
    )
    knowledge_cutoff = serializers.DateField(
        allow_null=True, help_text="The last day that the model's knowledge covers."
    )
    context_length = fields.count("The context length, in tokens.", null=True)
    top_provider = TopProviderSerializer()
    per_request_limits = serializers.DictField(allow_null=True, help_text="Limits of a single request.")
    supported_parameters = fields.words("Parameters that a request may have.", null=True)
    default_parameters = serializers.DictField(allow_null=True, help_text="Default values of request parameters.")
    hugging_face_id = fields.text("The Hugging Face repository of the model's weights.", null=True)
    created = fields.count("When the model was created, in Unix seconds.", null=True)
    availability = fields.choice("Whether the gateway can serve it now.", [state.value for state in Availability])
    expires = serializers.DateField(allow_null=True, help_text="The day from which the gateway will no longer sell it.")
    provider_site_url = serializers.URLField(allow_null=True, help_text="The provider's website.")
    model_logo_url = fields.text("The provider's logo, as a reference relative to this service.", null=True)
    canonical_model = fields.text("The slug of the canonical model.", null=True)
    variant = fields.text("How the offer differs from the canonical model: `free`, `batch`, `fp8`, `tee`.", null=True)
    first_seen = fields.moment("When the offer was first listed.")
    is_featured = serializers.BooleanField(help_text="Whether a curator recommends the offer.")
    is_hidden = serializers.BooleanField(help_text="Whether a curator hid the offer; `withdrawn_at` then has the time.")
    withdrawn_at = fields.moment(
        "Since when the offer is not listed: its gateway no longer lists it, or a curator hid it.", null=True
    )
    source = fields.choice(
        "Whether the offer was read from the API or from the bundled catalogue.", [source.value for source in Source]
    )
    recorded_at = serializers.DateField(allow_null=True, help_text="The day of the data, if `source` is `bundled`.")
    stale_since = fields.moment(
        "Since when the gateway lists the offer in a form that cannot be read; the values are older.", null=True
    )
