"""The shapes of OpenRouter's lists, for the OpenAPI document."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from catalog.formats.openrouter_rows import PRICING
from catalog.formats.shapes import MONEY, array, constant, count, flag, number, record, ref, text, words

Json = Any

_NEEDED = {"prompt": "Per input token.", "completion": "Per output token."}
PRICES: Mapping[str, Json] = {key: text(_NEEDED.get(key, "As in `/catalog/models`."), pattern=MONEY) for key in PRICING}
_ORDINARY_OR_DYNAMIC = r"^(-1|[0-9]+(\.[0-9]+)?)$"
_NOT_MEASURED = number("Always null: it is not measured here.", null=True)

ARCHITECTURE: Mapping[str, Json] = {
    "modality": text("Such as `text->text`."),
    "input_modalities": words("What the model accepts."),
    "output_modalities": words("What the model produces."),
    "instruct_type": text("The instruction format.", null=True),
}
_ARCHITECTURE = record(
    ARCHITECTURE,
    optional={"tokenizer": text("The tokeniser family; missing if it is unknown.")},
)
_ENDPOINT = record(
    {
        "name": text("The service that runs the offer, and the offer's id there."),
        "model_id": text("The gateway's id of the offer."),
        "model_name": text("The gateway's name of the offer."),
        "source_gateway": text("The gateway that sells it."),
        "variant": text("How the offer differs from the model itself: `free`, `fp8`, `tee`.", null=True),
        "provider_name": text("The service that runs it: the host that the gateway routes to, else the gateway."),
        "tag": text("The slug of that service; `/api/v1/providers` has it."),
        "context_length": count("The context length, in tokens."),
        "max_completion_tokens": count("The most tokens in one answer.", null=True),
        "max_prompt_tokens": count("Always null: it is unknown.", null=True),
        "quantization": text("The number format of the weights; `unknown` if it is not known, as at OpenRouter."),
        "pricing": ref("DropInPricing"),
        "supported_parameters": words("Parameters that a request may have."),
        "native_tools": {"type": "object", "description": "Always empty: it is unknown.", "maxProperties": 0},
        "service_tier": text("Always null: offers of other tiers are left out.", null=True),
        "supports_diarization": flag("Always false: it is unknown."),
        "supports_implicit_caching": flag(
            "True if a cache read has a price and a cache write has none; false means that it is not known."
        ),
        "supports_tool_choice": record(
            {
                "auto": flag(
                    "Whether the gateway reports `tools` and `tool_choice`; false means that it is not known."
                ),
                **{name: flag("Always false: it is unknown.") for name in ("function", "none", "required")},
            }
        ),
        "uptime_last_5m": _NOT_MEASURED,
        "uptime_last_30m": _NOT_MEASURED,
        "uptime_last_1d": {
            "type": ["number", "null"],
            "minimum": 0,
            "maximum": 100,
            "description": "The percentage of the last day in which we observed that the offer can be used; null if "
            "its state was unknown for more than half of it.",
        },
        "latency_last_30m": _NOT_MEASURED,
        "throughput_last_30m": _NOT_MEASURED,
    },
    optional={"status": count("0 if the gateway reports that it can serve the offer now.")},
    description="One gateway's offer of the model.",
)
_MODEL = record(
    {
        "id": text("OpenRouter's id of the offer."),
        "object": constant("model"),
        "owned_by": text("The provider that made it."),
        "canonical_slug": text("OpenRouter's permanent slug of the model."),
        "hugging_face_id": text("The Hugging Face repository of its weights.", null=True),
        "name": text("The display name."),
        "created": count("When it was made; if that is unknown, when the catalogue first had it. Unix seconds."),
        "description": text("OpenRouter's text."),
        "context_length": count("The context length, in tokens."),
        "architecture": ref("DropInArchitecture"),
        "pricing": ref("DropInPricing"),
        "top_provider": record(
            {
                "context_length": count("The context length, in tokens.", null=True),
                "max_completion_tokens": count("The most tokens in one answer.", null=True),
                "is_moderated": flag("Whether prompts are moderated."),
            }
        ),
        "per_request_limits": {"type": ["object", "null"], "description": "Always null: there are none."},
        "supported_parameters": words("Parameters that a request may have."),
        "supported_voices": words("Always null: it is unknown.", null=True),
        "default_parameters": {
            "type": ["object", "null"],
            "description": "The values of parameters that a request leaves out.",
        },
        "knowledge_cutoff": text("The last day that its knowledge covers.", null=True, format="date"),
        "expiration_date": text("The day from which it will no longer be sold.", null=True, format="date"),
        "links": record({"details": text("The model's offers, as a reference relative to this service.")}),
    },
    description="One of OpenRouter's offers, with its prices there: OpenRouter's shape with OpenAI's fields.",
)

SHAPES: Mapping[str, Json] = {
    "DropInArchitecture": _ARCHITECTURE,
    "DropInPricing": record(
        {key: text(_NEEDED[key], pattern=_ORDINARY_OR_DYNAMIC) for key in _NEEDED},
        optional={key: shape for key, shape in PRICES.items() if key not in _NEEDED},
        description="US dollars as decimal text; `-1` if the price is decided when a request runs. Keys other than "
        "`prompt` and `completion` are present only if the price is known.",
    ),
    "Endpoint": _ENDPOINT,
    "DropInModel": _MODEL,
    "DropInList": record(
        {
            "object": constant("list"),
            "data": array(ref("DropInModel")),
            "total_count": count("Rows that match the parameters, on all pages."),
            "links": record({"next": text("The next page, relative to this service; null at the end.", null=True)}),
        }
    ),
}
