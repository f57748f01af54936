"""The shapes of the answers, for the OpenAPI document. Nothing is serialised here: publication renders documents.

A test holds every answer against these shapes, so they cannot lag.
"""

from __future__ import annotations

from rest_framework import serializers
from rest_framework.serializers import Serializer

from catalog import registry
from catalog.records import Availability, ModelType, Source

_MONEY = r"^[0-9]+(\.[0-9]+)?$"


def _text(help_text: str, *, null: bool = False) -> serializers.CharField:
    return serializers.CharField(help_text=help_text, allow_null=null)


def _money(help_text: str, *, required: bool = True) -> serializers.RegexField:
    return serializers.RegexField(_MONEY, help_text=help_text, allow_null=required, required=required)


def _count(help_text: str, *, null: bool = False) -> serializers.IntegerField:
    return serializers.IntegerField(help_text=help_text, allow_null=null)


def _words(help_text: str, *, null: bool = False) -> serializers.ListField:
    return serializers.ListField(child=serializers.CharField(), help_text=help_text, allow_null=null)


def _choice(help_text: str, choices: list[str], *, null: bool = False) -> serializers.ChoiceField:
    return serializers.ChoiceField(choices, help_text=help_text, allow_null=null)


def _moment(help_text: str, *, null: bool = False) -> serializers.DateTimeField:
    return serializers.DateTimeField(help_text=help_text, allow_null=null)


class PricesSerializer(Serializer[object]):
    """US dollars as decimal text in plain notation; a key is there only where the price is known."""

    request = _money("Per request, beside its tokens.", required=False)
    image = _money("Per image that goes in; per token of one where it equals `image_token`.", required=False)
    image_token = _money("Per token of an image that goes in.", required=False)
    image_output = _money("Per token of an image that comes out.", required=False)
    audio = _money("Per token of audio that goes in.", required=False)
    audio_output = _money("Per token of audio that comes out.", required=False)
    input_audio_cache = _money("Per token of audio that is read from a cache.", required=False)
    web_search = _money("Per search of the web.", required=False)
    internal_reasoning = _money("Per token of reasoning; without it, `completion` holds.", required=False)
    input_cache_read = _money("Per input token that is read from a cache; without it, `prompt` holds.", required=False)
    input_cache_write = _money("Per input token that is written to a cache, for the usual time.", required=False)
    input_cache_write_1h = _money("Per input token that is written to a cache for an hour.", required=False)
    character = _money("Per character that is read aloud.", required=False)
    page = _money("Per page of a document that is read.", required=False)
    audio_minute = _money("Per minute of audio that goes in.", required=False)
    generated_image = _money("Per image that comes out, of the size and quality that is made unasked.", required=False)
    generated_video_second = _money("Per second of video that comes out.", required=False)
    rerank_search = _money("Per search whose results are sorted.", required=False)
    step = _money("Per step of a diffusion model.", required=False)
    hourly_rate = _money(
        "Per hour of one instance. What the offer costs only where `price_basis` is `hourly`.", required=False
    )


class PricingOverrideSerializer(PricesSerializer):
    """Prices that replace the ones of the same keys in `pricing` while all conditions hold."""

    conditions = serializers.ListField(
        child=serializers.ListField(child=serializers.JSONField(), min_length=3, max_length=3),
        help_text='Dimension, operator and value: `["prompt_tokens", ">=", 200001]` is the size of the prompt and '
        'reprices the whole request; `["utc_window", "during", "16:30-00:30"]` is the time of day, without its end; '
        '`["execution_mode", "=", "batch"]` holds for requests that ask for that mode.',
    )
    prompt = _money("Per input token.", required=False)
    completion = _money("Per output token.", required=False)


class PricingSerializer(PricesSerializer):
    """US dollars as decimal text in plain notation. `"0"` is free; null, or no key, is unknown, never free."""

    prompt = _money("Per input token. Where `price_basis` is `hourly`, the hourly rate divided by 1,000,000.")
    completion = _money("Per output token; see `prompt`.")
    overrides = PricingOverrideSerializer(
        many=True,
        required=False,
        help_text="Prices under conditions. Of those that hold at once, later ones replace earlier ones key by key.",
    )


class PricePerMillionSerializer(Serializer[object]):
    input = _money("US dollars per million input tokens.")
    output = _money("US dollars per million output tokens.")


class ArchitectureSerializer(Serializer[object]):
    modality = _text("Such as `text->text`.", null=True)
    input_modalities = _words("What goes in.", null=True)
    output_modalities = _words("What comes out.", null=True)
    tokenizer = _text("The family of the tokeniser.", null=True)
    instruct_type = _text("The format of instructions.", null=True)


class TopProviderSerializer(Serializer[object]):
    """The host that the gateway prefers."""

    context_length = _count("Tokens; it may be less than the model itself can read.", null=True)
    max_completion_tokens = _count("Tokens.", null=True)
    is_moderated = serializers.BooleanField(allow_null=True, help_text="Whether prompts are moderated.")


class OfferSerializer(Serializer[object]):
    """One gateway's offer of one model. Null means unknown."""

    id = _text("The gateway's id of the offer, case-sensitive.")
    slug = _text("The model's own id.")
    canonical_slug = _text("The gateway's permanent name of the model.")
    name = _text("For people.")
    description = _text("The gateway's words, or ours where it has none.")
    provider_slug = _text("Who made or published the model, as the gateway spells it.", null=True)
    source_gateway = _text("The gateway that sells it.")
    host = _text("Who runs the model, where the gateway routes to others.", null=True)
    model_type = _choice("What the model is for.", [kind.value for kind in ModelType])
    tags = _words("Labels, of the gateway or of a curator.")
    pricing = PricingSerializer()
    price_status = _choice("What is known of the price.", ["priced", "free", "dynamic", "unknown"])
    price_basis = _choice(
        "What the offer is billed by: tokens of text, hours, or only other units.",
        ["token", "hourly", "unit"],
        null=True,
    )
    price_tier = _choice(
        "By `hourly_rate` in US dollars: 0; below 2; below 6; below 22; from 22.",
        ["free", "budget", "standard", "premium", "enterprise"],
        null=True,
    )
    price_per_million = PricePerMillionSerializer(allow_null=True, help_text="Only where `price_basis` is `token`.")
    held_prices = _words("Keys of `pricing` whose newest price is not served before a curator has looked at it.")
    architecture = ArchitectureSerializer()
    quantization = _text("The number format of the weights, such as `fp8`.", null=True)
    is_confidential = serializers.BooleanField(
        allow_null=True, help_text="Whether it runs in a trusted execution environment."
    )
    knowledge_cutoff = serializers.DateField(
        allow_null=True, help_text="The day up to which the model knows the world."
    )
    context_length = _count("Tokens.", null=True)
    top_provider = TopProviderSerializer()
    per_request_limits = serializers.DictField(allow_null=True, help_text="Limits of a single request.")
    supported_parameters = _words("Parameters that a request may have.", null=True)
    default_parameters = serializers.DictField(allow_null=True, help_text="Values of parameters that are not given.")
    hugging_face_id = _text("The repository of the model's weights.", null=True)
    created = _count("When the model was made, in Unix seconds.", null=True)
    availability = _choice("Whether the gateway can serve it now.", [state.value for state in Availability])
    expires = serializers.DateField(allow_null=True, help_text="The day from which the gateway will no longer sell it.")
    provider_site_url = serializers.URLField(allow_null=True, help_text="The provider's site.")
    model_logo_url = _text("The provider's mark, as a reference relative to this service.", null=True)
    canonical_model = _text("The model itself, whoever sells it.", null=True)
    first_seen = _moment("When the catalogue first had the offer.")
    withdrawn_at = _moment("Since when the gateway no longer lists it.", null=True)
    source = _choice("Where the gateway was read.", [source.value for source in Source])
    recorded_at = serializers.DateField(allow_null=True, help_text="The day of the facts, where `source` is `bundled`.")


class StampSerializer(Serializer[object]):
    revision = _count("The published revision that the whole answer shows.")
    timestamp = _moment("When that revision was published.")


class ListSerializer(StampSerializer):
    total = _count("Rows after filtering, before paging.")
    returned = _count("Rows in `data`.")
    offset = _count("Rows skipped.")
    limit = _count("Rows asked for.")
    gateway = _choice("The gateway asked for.", [*registry.GATEWAYS, "all"])
    note = _text("What the answer shows, in words.")
    next = _text("The next page, relative to this address; null on the last.", null=True)


class ModelListSerializer(ListSerializer):
    data = OfferSerializer(many=True)


class ModelDetailSerializer(StampSerializer):
    data = OfferSerializer(help_text="The offer of the first gateway.")
    offers = OfferSerializer(many=True, help_text="The offers of all gateways under this id.")


class ComparedOfferSerializer(Serializer[object]):
    offer = OfferSerializer()
    cost = _text("What the workload costs there, in US dollars; null where it cannot be said.", null=True)
    is_comparable = serializers.BooleanField(help_text="Whether it has a cost.")
    reasons = _words("Why it has none.")
    notes = _words("What was assumed.")
    variant = _text("How it differs from the model itself: `free`, `fp8`, `tee`.", null=True)
    identity_rule = _text("What tied it to the model: docs/identity.md.", null=True)
    identity_evidence = _text("Why, in a sentence that can be checked.", null=True)


class CheapestSerializer(Serializer[object]):
    source_gateway = _text("Where it is cheapest.")
    id = _text("The offer's id there.")
    cost = _text("What the workload costs there, in US dollars.")


class WorkloadSerializer(Serializer[object]):
    input_tokens = _count("Tokens that go in.")
    cached_percent = _count("The share of them that is read from a cache.")
    output_tokens = _count("Tokens that come out.")
    requests = _count("Requests; 0 is not stated.")


class CanonicalDataSerializer(Serializer[object]):
    slug = _text("The model's own slug, which it keeps.")
    gateways = _words("Where it is or was sold.")
    workload = WorkloadSerializer(help_text="What the offers are compared by.")
    cheapest = CheapestSerializer(allow_null=True, help_text="The first of the comparable offers.")
    differences = serializers.DictField(
        child=serializers.ListField(child=serializers.JSONField(allow_null=True)),
        help_text="Fields in which the offers differ, with the value of each offer in the order of `offers`.",
    )
    offers = ComparedOfferSerializer(many=True, help_text="Cheapest first; those that cannot be compared last.")


class CanonicalSerializer(StampSerializer):
    data = CanonicalDataSerializer()


class CandidateSerializer(Serializer[object]):
    canonical_model = _text("A model that may be meant.")
    evidence = _text("Why.")


class ResolvedSerializer(Serializer[object]):
    id = _text("What was asked for.")
    canonical_model = _text("The model that is meant; null where none or several may be.", null=True)
    rule = _text("How the id was understood; null where nothing is called so.", null=True)
    evidence = _text("The same in words.")
    offers = OfferSerializer(many=True, help_text="All offers of the model.")
    candidates = CandidateSerializer(many=True, help_text="Where several models may be meant.")


class ResolveSerializer(StampSerializer):
    data = ResolvedSerializer()


class ProviderSerializer(Serializer[object]):
    slug = _text("The canonical spelling; the `provider` filter takes this and the aliases, in any case.")
    name = _text("For people.")
    aliases = _words("Other spellings of it that gateways use.")
    site_url = serializers.URLField(allow_null=True, help_text="Its site.")
    logo_url = _text("Its mark, as a reference relative to this service; a lettered one where there is no other.")
    hugging_face = _text("Its organisation at Hugging Face.", null=True)
    headquarters = _text("ISO code of the country of its headquarters.", null=True)
    status_page_url = serializers.URLField(allow_null=True, help_text="Where it tells of outages.")
    terms_url = serializers.URLField(allow_null=True, help_text="Its terms of service.")
    privacy_url = serializers.URLField(allow_null=True, help_text="Its privacy policy.")
    source_gateways = _words("The gateways that offer its models.")
    model_count = _count("Its offers.")
    model_types = serializers.DictField(child=serializers.IntegerField(), help_text="Offers by model type.")


class ProviderListSerializer(ListSerializer):
    data = ProviderSerializer(many=True)


class GatewaySerializer(Serializer[object]):
    slug = _text("The gateway's name in parameters.")
    name = _text("As the vendor writes it.")
    note = _text("The `note` of answers that show it alone.")
    site_url = serializers.URLField(help_text="Its site.")
    models = _count("Its offers that are not withdrawn.")
    source = _choice("Where its offers were read.", [source.value for source in Source], null=True)
    recorded_at = serializers.DateField(allow_null=True, help_text="The day of the facts, where they are bundled.")
    state = _choice(
        "`fresh` within two intervals of the last success, else `stale`; `failing` if the last run failed, `held` if "
        "what it read was not believed and waits for a curator.",
        ["fresh", "stale", "held", "failing", "never"],
    )
    last_checked = _moment("When the last run ended.", null=True)
    last_success = _moment("When its listing was last read whole.", null=True)
    age_seconds = _count("Since the last success.", null=True)
    next_run = _moment("When it will be read again; null is as soon as possible.", null=True)
    last_outcome = _text("How the last run ended.", null=True)
    error = _text("Why the last run failed or is held.", null=True)
    rejected = _count("Rows that the last run could not use.")
    held_prices = _count("Prices that wait for a curator; the ones before them are served meanwhile.")


class GatewayListSerializer(Serializer[object]):
    data = GatewaySerializer(many=True)
    total = _count("Gateways.")
    returned = _count("Gateways in `data`.")
    serving_revision = _count("The revision that this process serves.")
    published_revision = _count("The newest revision in the database.")


class HealthSerializer(Serializer[object]):
    status = _choice("Always `ok`.", ["ok"])


class ReadySerializer(Serializer[object]):
    status = _choice("`ok`, or `not ready` with status 503.", ["ok", "not ready"])
    problems = _words("What is missing.")
    serving_revision = _count("The revision that this process serves.", null=True)
    published_revision = _count("The newest revision in the database.", null=True)


class ParameterProblemSerializer(Serializer[object]):
    parameter = _text("The query parameter.")
    value = _text("What was sent.")
    reason = _text("What is wrong with it.")


class ProblemSerializer(Serializer[object]):
    """An error, as RFC 9457 describes it."""

    type = _text("The address of a page about this kind of error.")
    title = _text("The kind of error.")
    status = _count("The HTTP status.")
    detail = _text("What is wrong this time.")
    instance = _text("The path that was asked for.")
    errors = ParameterProblemSerializer(many=True, required=False)
    request_id = _text("Leads to the log lines of this request.", null=True)
