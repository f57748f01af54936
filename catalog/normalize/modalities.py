"""Modalities: what goes into a model and what comes out."""

from __future__ import annotations

from catalog.records import ModelType

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


def of_model_type(model_type: ModelType) -> tuple[tuple[str, ...] | None, tuple[str, ...] | None]:
    """Inputs and outputs where a gateway tells only the type; both unknown for `Other`."""
    return _OF_MODEL_TYPE.get(model_type, (None, None))


def arrow(inputs: tuple[str, ...] | None, outputs: tuple[str, ...] | None) -> str | None:
    """OpenRouter's notation: `text+image->text`."""
    if inputs is None or outputs is None:
        return None
    return f"{'+'.join(inputs)}->{'+'.join(outputs)}"
