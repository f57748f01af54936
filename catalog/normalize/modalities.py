"""Modalities: what goes into a model and what comes out."""

from __future__ import annotations

from collections.abc import Iterable

from catalog.records import ModelType

_SYNONYMS = {"embeddings": "embedding", "speech": "audio", "transcription": "text"}
"""Kinds of output that some gateways tell apart, in the catalogue's words."""

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
    """In the catalogue's words, each once, text first: upstream their order is noise."""
    words = {_SYNONYMS.get(word, word) for word in (spelling.casefold() for spelling in spellings)}
    return tuple(sorted(words, key=lambda word: (word != "text", word)))


def of_model_type(model_type: ModelType) -> tuple[tuple[str, ...] | None, tuple[str, ...] | None]:
    """Inputs and outputs where a gateway tells only the type; both unknown for `Other`."""
    return _OF_MODEL_TYPE.get(model_type, (None, None))


def arrow(inputs: tuple[str, ...] | None, outputs: tuple[str, ...] | None) -> str | None:
    """OpenRouter's notation: `text+image->text`."""
    if inputs is None or outputs is None:
        return None
    return f"{'+'.join(inputs)}->{'+'.join(outputs)}"
