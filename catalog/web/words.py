"""The words in which pages say what the API says in values. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from catalog.records import ModelType

KINDS: Mapping[str, str] = {
    ModelType.LLM: "chat",
    ModelType.IMAGE_GENERATION: "images",
    ModelType.TEXT_TO_SPEECH: "text to speech",
    ModelType.SPEECH_TO_TEXT: "speech to text",
    ModelType.EMBEDDINGS: "embeddings",
    ModelType.CONTENT_MODERATION: "moderation",
    ModelType.VIDEO: "video",
    ModelType.MUSIC_GENERATION: "music",
    ModelType.OTHER: "other",
}
"""What a model does, by its `model_type`."""

ABILITIES: Mapping[str, str] = {
    "tools": "tools",
    "structured_outputs": "structured output",
    "response_format": "JSON output",
    "reasoning": "reasoning",
    "seed": "seed",
    "logprobs": "log probabilities",
}
"""The request parameters that people choose a model by, with the words for what they make possible."""
FILTERED_ABILITIES = ("tools", "structured_outputs", "response_format", "reasoning")

PRICES: Mapping[str, str] = {
    "free": "free",
    "token": "by the token",
    "hourly": "by the hour",
    "unit": "by other units",
    "dynamic": "varies",
    "unknown": "not published",
}
"""How an offer is priced, by the values of the page's `price`."""

NOT_PUBLISHED = "not published"

SENSES: Mapping[str, str] = {
    "image": "sees images",
    "audio": "hears audio",
    "video": "sees video",
    "file": "reads files",
}
"""What an input beside text makes possible."""

UNITS: Mapping[str, tuple[str, str]] = {
    "token": ("per 1M tokens", "US$ per 1M tokens"),
    "hour": ("per hour", "US$ per hour of an instance"),
    "request": ("per request", "US$ per request"),
    "image": ("per image", "US$ per image"),
    "step": ("per step", "US$ per step"),
    "search": ("per search", "US$ per search"),
    "character": ("per 1M characters", "US$ per 1M characters"),
    "page": ("per page", "US$ per page"),
    "minute": ("per minute", "US$ per minute"),
    "second": ("per second", "US$ per second"),
}
"""How the price of a unit is called in a cell and in a header."""
IN_MILLIONS = frozenset({"token", "character"})
"""The units whose prices are shown for a million."""

METERS: Mapping[str, str] = {
    "input.text": "input",
    "output.text": "output",
    "input.text.cache_read": "cached input",
    "input.text.cache_write": "cache writes",
    "input.text.cache_write_1h": "cache writes for an hour",
    "input.audio": "audio input",
    "input.audio.cache_read": "cached audio",
    "input.image": "image input",
    "input.image_token": "image tokens",
    "input.character": "characters",
    "input.page": "pages",
    "input.audio_minute": "audio",
    "output.reasoning": "reasoning",
    "output.audio": "audio output",
    "output.image_token": "image output",
    "output.image": "images",
    "output.video_second": "video",
    "request": "requests",
    "search.web": "web searches",
    "search.rerank": "rerank searches",
    "step": "steps",
    "compute.hour": "an instance",
}
"""What each meter of `catalog/pricing/meters.py` counts; a test compares the names."""


def kind(model_type: str) -> str:
    return KINDS.get(model_type, model_type)


def abilities(inputs: Sequence[str] | None, parameters: Iterable[str] | None) -> list[str]:
    """Return what a model can do beyond text, in two words at most: `sees images`, `tools`."""
    senses = [words for word, words in SENSES.items() if word in (inputs or ())][:1]
    return [*senses, *(["tools"] if "tools" in (parameters or ()) else [])]
