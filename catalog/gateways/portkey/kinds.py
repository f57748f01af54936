"""What kind of model a row describes, and whose it is."""

from __future__ import annotations

import re

from catalog.gateways.portkey.rows import Row, leaves
from catalog.normalize import model_ids
from catalog.pricing import billing
from catalog.records import ModelType

# The first rule that matches is used if the type is missing: one of the lyria models has clip in its name too.
_TYPES_OF_WORDS = tuple(
    (model_type, frozenset(words.split()))
    for model_type, words in (
        (ModelType.MUSIC_GENERATION, "lyria"),
        (ModelType.SPEECH_TO_TEXT, "whisper transcribe"),
        (ModelType.TEXT_TO_SPEECH, "tts aura kokoro orpheus zonos chatterbox csm"),
        (ModelType.OTHER, "rerank reranker ocr olmocr paddleocr"),
        (ModelType.CONTENT_MODERATION, "guard safeguard moderation safety"),
        (ModelType.EMBEDDINGS, "embed embedding embeddings embeddinggemma ada bert bge clip e5 gte minilm mpnet"),
        (ModelType.EMBEDDINGS, "retrieval text2vec uae"),
        (ModelType.VIDEO, "veo sora video t2v seedance kling hailuo pixverse vidu"),
        (ModelType.IMAGE_GENERATION, "image imagen dall flux sdxl sd3.5 diffusion t2i ideogram seedream seededit"),
        (ModelType.IMAGE_GENERATION, "hidream dreamshaper juggernaut"),
    )
)
_TYPES_OF_MAKERS = dict.fromkeys(("black-forest-labs", "bria", "clarityai"), ModelType.IMAGE_GENERATION)
_TYPES_OF_PRICES = (
    ("additional_units.video", ModelType.VIDEO),
    ("additional_units.megapixels", ModelType.IMAGE_GENERATION),
    ("image.", ModelType.IMAGE_GENERATION),
)
_TYPES_STATED = {
    "embedding": ModelType.EMBEDDINGS,
    "moderation": ModelType.CONTENT_MODERATION,
    "image": ModelType.IMAGE_GENERATION,
    "image_generation": ModelType.IMAGE_GENERATION,
    "video": ModelType.VIDEO,
    "rerank": ModelType.OTHER,
    "ocr": ModelType.OTHER,
}
"""Portkey's types that leave no doubt. `chat` and `text` are used for much else too, `audio` for three things."""

_MAKERS = frozenset({"anthropic", "cohere", "deepseek", "google", "mistral-ai", "moonshot", "openai", "x-ai", "z-ai"})
"""Hosts that run only models of their own."""
_OWN_MODELS = {"perplexity-ai": {"sonar", "pplx", "r1"}}
"""Hosts that run models of their own and of others, with the words that only their own models have."""


def model_type_of(listed: Row) -> ModelType:
    # The words with and without the digits in them: `flux.1` is a flux.
    name = model_ids.short_name(listed.model).casefold()
    words = model_ids.words(name) | set(re.split(r"[^a-z]+", name))
    keys = [key for key, _ in leaves(listed.lists.get(billing.STANDARD))]
    found = (
        _TYPES_STATED.get(listed.type.primary or ""),
        _TYPES_OF_MAKERS.get((model_ids.owner(listed.model) or "").casefold()),
        *(model_type for model_type, tokens in _TYPES_OF_WORDS if words & tokens),
        *(model_type for start, model_type in _TYPES_OF_PRICES if any(key.startswith(start) for key in keys)),
    )
    return next((model_type for model_type in found if model_type), ModelType.LLM)


def provider_of(listed: Row) -> str | None:
    is_own = bool(_OWN_MODELS.get(listed.host, set()) & model_ids.words(listed.model))
    return model_ids.owner(listed.model) or (listed.host if listed.host in _MAKERS or is_own else None)
