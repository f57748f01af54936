"""The shapes of OpenAI's list, for the OpenAPI document."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from catalog.formats.openrouter_shapes import PRICES
from catalog.formats.shapes import array, constant, count, flag, record, ref, text, words

Json = Any

_OFFER = record(
    {
        "name": text("The service that runs the offer, and the offer's id there."),
        "model_id": text("The gateway's id of the offer."),
        "model_name": text("The gateway's name of the offer."),
        "source_gateway": text("The gateway that sells it."),
        "provider_name": text("The service that runs it: the host that the gateway routes to, else the gateway."),
        "tag": text("The slug of that service; `/api/v1/providers` has it."),
        "pricing": ref("KnownPricing"),
    },
    optional={
        "variant": text("How the offer differs from the model itself: `free`, `fp8`, `tee`."),
        "max_completion_tokens": count("The most tokens in one answer."),
        "quantization": text("The number format of the weights."),
        "context_length": count("The context length, in tokens."),
        "supported_parameters": words("Parameters that a request may have."),
        "status": count("0 if the gateway reports that it can serve the offer now."),
    },
    description="One gateway's offer of the model. Facts that are not known are missing.",
)
_MODEL = record(
    {
        "id": text("The model's permanent slug in the catalogue."),
        "object": constant("model"),
        "created": count("When it was made; if no gateway reports it, when the catalogue first had it. Unix seconds."),
        "owned_by": text("The provider that made it."),
        "canonical_slug": text("The same as `id`."),
        "name": text("The display name."),
    },
    optional={
        "description": text("The gateway's text."),
        "hugging_face_id": text("The Hugging Face repository of its weights."),
        "context_length": count("The context length, in tokens."),
        "architecture": record(
            {},
            optional={
                "modality": text("Such as `text->text`."),
                "input_modalities": words("What the model accepts."),
                "output_modalities": words("What the model produces."),
                "instruct_type": text("The instruction format."),
                "tokenizer": text("The tokeniser family."),
            },
        ),
        "pricing": ref("KnownPricing"),
        "top_provider": record(
            {},
            optional={
                "context_length": count("The context length, in tokens."),
                "max_completion_tokens": count("The most tokens in one answer."),
                "is_moderated": flag("Whether prompts are moderated."),
            },
        ),
        "supported_parameters": words("Parameters that a request may have."),
        "default_parameters": {"type": "object", "description": "Values of parameters that a request leaves out."},
        "knowledge_cutoff": text("The last day that its knowledge covers.", format="date"),
        "expiration_date": text("The day from which it will no longer be sold.", format="date"),
        "endpoints": array(ref("ModelOffer"), "The offers of the model, cheapest first."),
    },
    description="A canonical model: OpenAI's four fields, and what else is known. Other facts are missing.",
)

SHAPES: Mapping[str, Json] = {
    "KnownPricing": record(
        {},
        optional=PRICES,
        description="US dollars as decimal text; that of a model is of its cheapest offer that is no free tier. A key "
        "is present only if the price is known.",
    ),
    "ModelOffer": _OFFER,
    "CanonicalModelRow": _MODEL,
    "CanonicalModelList": record(
        {
            "object": constant("list"),
            "data": array(ref("CanonicalModelRow")),
            "total_count": count("Rows in `data`."),
            "links": record({"next": text("Always null: the list is complete.", null=True)}),
        }
    ),
}
