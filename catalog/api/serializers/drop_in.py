"""Models as OpenRouter and OpenAI list them, and LiteLLM's map."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers
from rest_framework.serializers import Serializer

from catalog.api.serializers import fields
from catalog.formats.model_list import PRICING

Json = Any


class DropInPricingSerializer(Serializer[object]):
    """US dollars as decimal text in plain notation; a key is there only where the price is known. Never null."""

    def get_fields(self) -> dict[str, serializers.Field]:  # type: ignore[type-arg]  # DRF's fields are generic in its stubs alone
        needed = {"prompt": "Per input token.", "completion": "Per output token."}
        return {
            key: serializers.RegexField(
                fields.MONEY, required=key in needed, help_text=needed.get(key, "As in `/catalog/models`.")
            )
            for key in PRICING
        }


class KnownPricingSerializer(DropInPricingSerializer):
    """The same, of an offer whose price may be unknown altogether: then it is empty."""

    def get_fields(self) -> dict[str, serializers.Field]:  # type: ignore[type-arg]  # DRF's fields are generic in its stubs alone
        known = super().get_fields()
        for field in known.values():
            field.required = False
        return known


class DropInArchitectureSerializer(Serializer[object]):
    modality = fields.text("Such as `text->text`.")
    input_modalities = fields.words("What goes in.")
    output_modalities = fields.words("What comes out.")
    tokenizer = serializers.CharField(required=False, help_text="The family of the tokeniser, if it is known.")
    instruct_type = fields.text("The format of instructions.", null=True)


class DropInTopProviderSerializer(Serializer[object]):
    context_length = fields.count("Tokens.", null=True)
    max_completion_tokens = fields.count("Tokens.", null=True)
    is_moderated = serializers.BooleanField(help_text="Whether prompts are moderated.")


class LinksSerializer(Serializer[object]):
    details = fields.text("The model's offers, as a reference relative to this service.")


class EndpointSerializer(Serializer[object]):
    """One gateway's offer of the model."""

    name = fields.text("Who serves it, and the id there.")
    model_id = fields.text("The gateway's id of the offer.")
    model_name = fields.text("The gateway's name of the offer.")
    source_gateway = fields.text("The gateway that sells it.")
    variant = fields.text("How it differs from the model itself: `free`, `fp8`, `tee`.", null=True)
    provider_name = fields.text("Who serves it: the host that the gateway leads to, else the gateway.")
    tag = fields.text("The same as a slug; `/api/v1/providers` has it.")
    context_length = serializers.IntegerField(required=False, help_text="Tokens.")
    max_completion_tokens = fields.count("Tokens.", null=True)
    max_prompt_tokens = fields.count("Always null: it is unknown.", null=True)
    quantization = fields.text("The number format of the weights; `unknown` is a value of OpenRouter's.")
    pricing = KnownPricingSerializer()
    supported_parameters = serializers.ListField(
        child=serializers.CharField(), required=False, help_text="Parameters that a request may have."
    )
    uptime_last_5m = serializers.FloatField(allow_null=True, help_text="Always null: it is not measured here.")
    uptime_last_1d = serializers.FloatField(allow_null=True, help_text="Always null: it is not measured here.")
    uptime_last_30m = serializers.FloatField(allow_null=True, help_text="Always null: it is not measured here.")
    latency_last_30m = serializers.FloatField(allow_null=True, help_text="Always null: it is not measured here.")
    throughput_last_30m = serializers.FloatField(allow_null=True, help_text="Always null: it is not measured here.")
    status = serializers.IntegerField(required=False, help_text="0 where the gateway says that it can serve it now.")


class DropInModelSerializer(Serializer[object]):
    """One model with the prices of its cheapest offer: OpenRouter's shape, with the fields of OpenAI's beside it."""

    id = fields.text("OpenRouter's id where it sells the model, else the slug of the catalogue.")
    object = fields.choice("Always `model`.", ["model"])
    owned_by = fields.text("Who made it.")
    canonical_slug = fields.text("The model's slug in the catalogue, which it keeps.")
    hugging_face_id = fields.text("The repository of its weights.", null=True)
    name = fields.text("For people.")
    created = fields.count("When it was made; where nobody tells, when the catalogue first had it. Unix seconds.")
    description = fields.text("The gateway's words.")
    context_length = fields.count("Tokens.")
    architecture = DropInArchitectureSerializer()
    pricing = DropInPricingSerializer(help_text="Of the first offer in `endpoints` that is no free tier.")
    top_provider = DropInTopProviderSerializer()
    per_request_limits = serializers.DictField(allow_null=True, help_text="Always null: there are none.")
    supported_parameters = fields.words("Parameters that a request may have.")
    default_parameters = serializers.DictField(allow_null=True, help_text="Values of parameters that are not given.")
    knowledge_cutoff = serializers.DateField(allow_null=True, help_text="The day up to which it knows the world.")
    expiration_date = serializers.DateField(allow_null=True, help_text="The day from which it will not be sold.")
    links = LinksSerializer()
    endpoints = EndpointSerializer(many=True, help_text="All offers of the model, cheapest first.")


class NoPagesSerializer(Serializer[object]):
    next = fields.text("Always null: the list comes whole.", null=True)


class DropInListSerializer(Serializer[object]):
    object = fields.choice("Always `list`.", ["list"])
    data = DropInModelSerializer(many=True)
    total_count = fields.count("Rows in `data`.")
    links = NoPagesSerializer()


class DropInModelInDataSerializer(Serializer[object]):
    data = DropInModelSerializer()


class CountSerializer(Serializer[object]):
    count = fields.count("Rows of the list with the same parameters.")


class DropInCountSerializer(Serializer[object]):
    data = CountSerializer()


class EndpointsSerializer(Serializer[object]):
    id = fields.text("The id of the row in the list.")
    name = fields.text("For people.")
    created = fields.count("Unix seconds.")
    description = fields.text("The gateway's words.")
    architecture = DropInArchitectureSerializer()
    endpoints = EndpointSerializer(many=True, help_text="All offers of the model, cheapest first.")


class EndpointListSerializer(Serializer[object]):
    data = EndpointsSerializer()


class SellerSerializer(Serializer[object]):
    name = fields.text("For people.")
    slug = fields.text("What `tag` is in the endpoints of models.")
    privacy_policy_url = serializers.URLField(allow_null=True, help_text="Its privacy policy.")
    terms_of_service_url = serializers.URLField(allow_null=True, help_text="Its terms of service.")
    status_page_url = serializers.URLField(allow_null=True, help_text="Where it tells of outages.")
    headquarters = fields.text("ISO code of the country of its headquarters.", null=True)
    datacenters = fields.words("Always null: it is unknown.", null=True)


class SellerListSerializer(Serializer[object]):
    data = SellerSerializer(many=True)


LITELLM_MAP: Json = {
    "type": "object",
    "description": "By LiteLLM's name of the model. Prices are US dollars; further ones stand beside, and abilities.",
    "additionalProperties": {
        "type": "object",
        "required": ["litellm_provider", "input_cost_per_token"],
        "properties": {
            "litellm_provider": {"type": "string"},
            "mode": {"type": "string", "description": "Only where it is known which interface the model answers."},
            "input_cost_per_token": {"type": "number", "minimum": 0},
            "output_cost_per_token": {"type": "number", "minimum": 0},
            "max_input_tokens": {"type": "integer"},
            "max_output_tokens": {"type": "integer"},
            "max_tokens": {"type": "integer"},
        },
        "additionalProperties": {"type": ["number", "boolean", "string"]},
    },
}
"""Not a serializer: a serializer describes an object whose keys are known."""
