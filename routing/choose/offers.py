"""The facts of an offer that decide whether it can run a request, read once for each snapshot. Pure."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal

from catalog.memory.orders import SortValue
from catalog.memory.rows import SORT_VALUES, Row
from catalog.pricing import billing
from catalog.records import ModelType

_PLACES = {name: place for place, name in enumerate(SORT_VALUES)}
_SIGNS_OF_A_WHOLE_LIST = frozenset({"max_tokens", "temperature", "top_p"})
"""Every model takes these. A list without them has only what its gateway mentions, such as `tools`."""
_EMBEDDING = "embedding"
_NEVER_CHAT = frozenset({ModelType.EMBEDDINGS.value, ModelType.SPEECH_TO_TEXT.value})
"""Models of these types have addresses of their own, even if text comes out."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Offer:
    """None, and a missing word, mean unknown."""

    row: Row
    gateway: str
    id: str
    model: str
    """The slug of its model, or `gateway/id` if it belongs to none."""
    model_type: str
    inputs: frozenset[str] | None
    outputs: frozenset[str] | None
    parameters: frozenset[str]
    """The request parameters that its gateway mentions."""
    has_all_parameters: bool
    """Whether a parameter that is not among them is known to be missing."""
    quantizations: frozenset[str]
    variant: str
    """Empty for a standard offer of its model."""
    words: frozenset[str]
    """The words of its variant: `fp8-tee` has two."""
    context_tokens: int | None
    most_completion_tokens: int | None
    is_standard: bool
    """Whether it answers at once; others are batch offers, or of an unknown mode."""
    is_free: bool
    is_offline: bool
    why_no_chat: str
    """Why it takes no chat, as the rest of a sentence about it; empty if it may."""
    why_no_text: str
    """Likewise, why an answer cannot be text."""
    why_no_embeddings: str


def offer_of(row: Row) -> Offer:
    facts: dict[str, set[str]] = defaultdict(set)
    for name, value in row.facets:
        facts[name].add(value)
    variant = row.identity.variant if row.identity is not None else ""
    parameters = frozenset(facts["supported_parameters"])
    model_type = next(iter(facts["model_type"]), "")
    outputs = frozenset(facts["output_modalities"]) or None
    return Offer(
        row=row,
        gateway=row.gateway,
        id=row.id,
        model=row.identity.model if row.identity is not None else f"{row.gateway}/{row.id}",
        model_type=model_type,
        inputs=frozenset(facts["input_modalities"]) or None,
        outputs=outputs,
        parameters=parameters,
        has_all_parameters=not parameters.isdisjoint(_SIGNS_OF_A_WHOLE_LIST),
        quantizations=frozenset(facts["quantization"]),
        variant=variant,
        words=frozenset(variant.split("-")) - {""},
        context_tokens=_whole(row.sort_values[_PLACES["context_length"]]),
        most_completion_tokens=_whole(row.sort_values[_PLACES["max_completion_tokens"]]),
        is_standard=facts["execution_mode"] == {billing.STANDARD},
        is_free="free" in facts["price_status"],
        is_offline="offline" in facts["availability"],
        why_no_chat=f"its type is {model_type}, which takes no chat" if model_type in _NEVER_CHAT else "",
        why_no_text="" if outputs is None or "text" in outputs else "it puts out no text",
        why_no_embeddings=_why_no_embeddings(model_type, outputs),
    )


def _why_no_embeddings(model_type: str, outputs: frozenset[str] | None) -> str:
    is_embedding = model_type == ModelType.EMBEDDINGS.value or (outputs is not None and _EMBEDDING in outputs)
    is_unclear = model_type == ModelType.OTHER.value and outputs is None
    return "" if is_embedding or is_unclear else "it makes no embeddings"


def _whole(value: SortValue) -> int | None:
    return int(value) if isinstance(value, int | Decimal) else None
