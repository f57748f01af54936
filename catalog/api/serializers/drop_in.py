"""Models as OpenRouter and OpenAI list them, and LiteLLM's map."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers
from rest_framework.serializers import Serializer

from catalog.api.serializers import fields
from catalog.formats.drop_in import PRICING

Json = Any


class DropInPricingSerializer(Serializer[object]):
    """US dollars as decimal text in plain notation. A key exists only if the price is known; no value is null."""

    def get_fields(self) -> dict[str, serializers.Field]:  # type: ignore[type-arg]  # DRF's fields are generic in its stubs alone
        needed = {"prompt": "Per input token.", "completion": "Per output token."}
        return {
            key: serializers.RegexField(
                fields.MONEY, required=key in needed, help_text=needed.get(key, "As in `/catalog/models`.")
            )
            for key in PRICING
        }


class KnownPricingSerializer(DropInPricingSerializer):
    """The prices of an offer; empty if all of them are unknown."""

    def get_fields(self) -> dict[str, serializers.Field]:  # type: ignore[type-arg]  # DRF's fields are generic in its stubs alone
        known = super().get_fields()
        for field in known.values():
            field.required = False
        return known


class DropInArchitectureSerializer(Serializer[object]):
    modality = fields.text("Such as `text->text`.")
    input_modalities = fields.words("What the model accepts.")
    output_modalities = fields.words("What the model produces.")
    tokenizer = serializers.CharField(required=False, help_text="The tokeniser family; missing if it is unknown.")
    instruct_type = fields.text("The instruction format.", null=True)


class DropInTopProviderSerializer(Serializer[object]):
    context_length = fields.count("The context length, in tokens.", null=True)
    max_completion_tokens = fields.count("The most tokens in one answer.", null=True)
    is_moderated = serializers.BooleanField(help_text="Whether prompts are moderated.")


class LinksSerializer(Serializer[object]):
    details = fields.text("The model's offers, as a reference relative to this service.")


class EndpointSerializer(Serializer[object]):
    """One gateway's offer of the model."""

    name = fields.text("The name of the host or gateway that serves it, and the id there.")
    model_id = fields.text("The gateway's id of the offer.")
    model_name = fields.text("The gateway's name of the offer.")
    source_gateway = fields.text("The gateway that sells it.")
    variant = fields.text("How the offer differs from the model itself: `free`, `fp8`, `tee`.", null=True)
    provider_name = fields.text("The host that the gateway routes to; otherwise the gateway.")
    tag = fields.text("The slug of `provider_name`, as in `/api/v1/providers`.")
    context_length = serializers.IntegerField(required=False, help_text="The context length, in tokens.")
    max_completion_tokens = fields.count("The most tokens in one answer.", null=True)
    max_prompt_tokens = fields.count("Always null: it is unknown.", null=True)
    quantization = fields.text("The number format of the weights; `unknown` if it is not known, as at OpenRouter.")
    pricing = KnownPricingSerializer()
    supported_parameters = serializers.ListField(
        child=serializers.CharField(), required=False, help_text="Parameters that a request may have."
    )
    uptime_last_5m = serializers.FloatField(allow_null=True, help_text="Always null: it is not measured here.")
    uptime_last_1d = serializers.FloatField(allow_null=True, help_text="Always null: it is not measured here.")
    uptime_last_30m = serializers.FloatField(allow_null=True, help_text="Always null: it is not measured here.")
    latency_last_30m = serializers.FloatField(allow_null=True, help_text="Always null: it is not measured here.")
    throughput_last_30m = serializers.FloatField(allow_null=True, help_text="Always null: it is not measured here.")
    status = serializers.IntegerField(
        required=False, help_text="0 if the gateway reports that it can serve the model now."
    )


class DropInModelSerializer(Serializer[object]):
    """One model with the prices of its cheapest offer, in OpenRouter's shape with the fields of OpenAI's added."""

    id = fields.text("OpenRouter's id if OpenRouter sells the model; otherwise the slug of the catalogue.")
    object = fields.choice("Always `model`.", ["model"])
    owned_by = fields.text("The provider of the model.")
    canonical_slug = fields.text("The model's permanent slug in the catalogue.")
    hugging_face_id = fields.text("The Hugging Face repository of its weights.", null=True)
    name = fields.text("The display name.")
    created = fields.count("When the model was created, or if that is unknown, first listed here; in Unix seconds.")
    description = fields.text("The gateway's description.")
    context_length = fields.count("The context length, in tokens.")
    architecture = DropInArchitectureSerializer()
    pricing = DropInPricingSerializer(help_text="The prices of the first offer in `endpoints` that is not a free tier.")
    top_provider = DropInTopProviderSerializer()
    per_request_limits = serializers.DictField(allow_null=True, help_text="Always null: there are none.")
    supported_parameters = fields.words("Parameters that a request may have.")
    default_parameters = serializers.DictField(allow_null=True, help_text="Default values of request parameters.")
    knowledge_cutoff = serializers.DateField(allow_null=True, help_text="The last day that its knowledge covers.")
    expiration_date = serializers.DateField(allow_null=True, help_text="The day from which it will no longer be sold.")
    links = LinksSerializer()
    endpoints = EndpointSerializer(many=True, help_text="All offers of the model, cheapest first.")


class NoPagesSerializer(Serializer[object]):
    next = fields.text("Always null: the list has one page.", null=True)


class DropInListSerializer(Serializer[object]):
    object = fields.choice("Always `list`.", ["list"])
    data = DropInModelSerializer(many=True)
    total_count = fields.count("Rows in `data`.")
    links = NoPagesSerializer()


class DropInModelInDataSerializer(Serializer[object]):
    data = DropInModelSerializer()


class CountSerializer(Serializer[object]):
    count = fields.count("The number of rows of the list with the same parameters.")


class DropInCountSerializer(Serializer[object]):
    data = CountSerializer()


class EndpointsSerializer(Serializer[object]):
    id = fields.text("The id of the row in the list.")
    name = fields.text("The display name.")
    created = fields.count("When the model was created, or if that is unknown, first listed here; in Unix seconds.")
    description = fields.text("The gateway's description.")
    architecture = DropInArchitectureSerializer()
    endpoints = EndpointSerializer(many=True, help_text="All offers of the model, cheapest first.")


class EndpointListSerializer(Serializer[object]):
    data = EndpointsSerializer()


class SellerSerializer(Serializer[object]):
    name = fields.text("The display name.")
    slug = fields.text("The slug, as in `tag` of a model's endpoints.")
    privacy_policy_url = serializers.URLField(allow_null=True, help_text="Its privacy policy.")
    terms_of_service_url = serializers.URLField(allow_null=True, help_text="Its terms of service.")
    status_page_url = serializers.URLField(allow_null=True, help_text="The page that reports its outages.")
    headquarters = fields.text("ISO code of the country of its headquarters.", null=True)
    datacenters = fields.words("Always null: it is unknown.", null=True)


class SellerListSerializer(Serializer[object]):
    data = SellerSerializer(many=True)


LITELLM_MAP: Json = {
    "type": "object",
    "description": "Models by LiteLLM's name. Prices are US dollars; other prices and abilities have further keys.",
    "additionalProperties": {
        "type": "object",
        "required": ["litellm_provider", "input_cost_per_token"],
        "properties": {
            "litellm_provider": {"type": "string"},
            "mode": {
                "type": "string",
                "description": "The interface that the model answers; missing if it is unknown.",
            },
            "input_cost_per_token": {"type": "number", "minimum": 0},
            "output_cost_per_token": {"type": "number", "minimum": 0},
            "max_input_tokens": {"type": "integer"},
            "max_output_tokens": {"type": "integer"},
            "max_tokens": {"type": "integer"},
        },
        "additionalProperties": {"type": ["number", "boolean", "string"]},
    },
}
"""Not a serializer, because a serializer describes an object with fixed keys."""
