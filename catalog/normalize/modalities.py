"""Modalities: the kinds of input that a model takes and of output that it gives."""

from __future__ import annotations

from collections.abc import Iterable

from catalog.records import ModelType

_SYNONYMS = {"embeddings": "embedding", "speech": "audio", "transcription": "text"}
"""The catalogue's words for kinds of output that some gateways distinguish."""

_OF_MODEL_TYPE: dict[ModelType, tuple[tuple[str, ...], tuple[str, ...]]] = {
    ModelType.LLM: (("text",), ("text",)),
    ModelType.CONTENT_MODERATION: (("text",), ("text",)),
    ModelType.IMAGE_GENERATION: (("text",), ("image",)),
    ModelType.TEXT_TO_SPEECH: (("text",), ("audio",)),
    ModelType.MUSIC_GENERATION: (("text",), ("audio",)),
    ModelType.SPEECH_TO_TEXT: (("audio",), ("text",)),
    ModelType.VIDEO: (("text",), ("video",)),
    ModelType.EMBEDDINGS: (("text",), ("embedding",)),
}


def canonical(spellings: Iterable[str]) -> tuple[str, ...]:
    """Return the catalogue's words without duplicates, text first: their order upstream is noise."""
    words = {_SYNONYMS.get(word, word) for word in (spelling.casefold() for spelling in spellings)}
    return tuple(sorted(words, key=lambda word: (word != "text", word)))


def of_model_type(model_type: ModelType) -> tuple[tuple[str, ...] | None, tuple[str, ...] | None]:
    """Return inputs and outputs if a gateway publishes only the type; for `Other` both are unknown."""
    return _OF_MODEL_TYPE.get(model_type, (None, None))


def arrow(inputs: tuple[str, ...] | None, outputs: tuple[str, ...] | None) -> str | None:
    """Return both in OpenRouter's notation: `text+image->text`."""
    if inputs is None or outputs is None:
        return None
    return f"{'+'.join(inputs)}->{'+'.join(outputs)}"
