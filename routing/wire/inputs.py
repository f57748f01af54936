"""What goes into a request: an upper bound of its tokens, and what a model must be able to do for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Json = Any

TOOLS, RESPONSE_FORMAT, STRUCTURED_OUTPUTS = "tools", "response_format", "structured_outputs"
"""Parameters, as `supported_parameters` of offers name them."""
IMAGE, AUDIO, FILE, VIDEO = "image", "audio", "file", "video"
"""Kinds of input, as `input_modalities` of offers name them."""
INPUTS = frozenset({IMAGE, AUDIO, FILE, VIDEO})
OUTPUT_PREFIX = "output_"
"""Before a kind of output that the client asks for besides text: `output_image`."""

_OF_PART: Mapping[str, str] = {
    "image_url": IMAGE,
    "input_image": IMAGE,
    "image": IMAGE,
    "input_audio": AUDIO,
    "audio_url": AUDIO,
    "file": FILE,
    "input_file": FILE,
    "video_url": VIDEO,
    "input_video": VIDEO,
}
"""The kind of input of each type of a part of a message."""
_MOST_TOKENS: Mapping[str, int] = {IMAGE: 16_384, AUDIO: 0, FILE: 131_072, VIDEO: 131_072}
"""The most tokens of one part besides its own text: of images the most that models in wide use make of one. Files and
videos have no limit, so theirs are assumptions. Audio always comes with its bytes, which are more than its tokens."""
_TEMPLATE_TOKENS = 64
"""What a model's template adds before the first message. The JSON around each message has more bytes than tokens are
added for it."""
_TOOL_TEMPLATE_TOKENS = 512
"""What templates add for tools, besides the tools themselves."""


def most_input(parsed: Mapping[str, Json], body: bytes) -> int:
    """Return no fewer tokens than go in.

    A token of text is at least one byte. Images in the body are counted by the image, not by their bytes.
    """
    tokens = len(body) + _TEMPLATE_TOKENS
    if _has_tools(parsed):
        tokens += _TOOL_TEMPLATE_TOKENS
    for kind, part in _parts(parsed):
        tokens += _MOST_TOKENS[kind]
        if kind == IMAGE:
            tokens -= _data_length(part)
    return tokens


def needs_of(parsed: Mapping[str, Json]) -> frozenset[str]:
    """Return what an offer must support, in the catalogue's words."""
    needs = {kind for kind, _ in _parts(parsed)}
    if _has_tools(parsed):
        needs.add(TOOLS)
    form = parsed.get("response_format")
    if isinstance(form, dict) and form.get("type") == "json_schema":
        needs.add(STRUCTURED_OUTPUTS)
    elif isinstance(form, dict) and form.get("type") not in {None, "text"}:
        needs.add(RESPONSE_FORMAT)
    outputs = parsed.get("modalities")
    if isinstance(outputs, list):
        needs |= {f"{OUTPUT_PREFIX}{word}" for word in outputs if isinstance(word, str) and word in INPUTS}
    return frozenset(needs)


def _has_tools(parsed: Mapping[str, Json]) -> bool:
    return bool(parsed.get("tools") or parsed.get("functions"))


def _parts(parsed: Mapping[str, Json]) -> Iterator[tuple[str, Mapping[str, Json]]]:
    """Yield the parts of messages that are no text, with their kind."""
    messages = parsed.get("messages")
    for message in messages if isinstance(messages, list) else ():
        content = message.get("content") if isinstance(message, dict) else None
        for part in content if isinstance(content, list) else ():
            kind = part.get("type") if isinstance(part, dict) else None
            if isinstance(kind, str) and kind in _OF_PART:
                yield _OF_PART[kind], part


def _data_length(part: Mapping[str, Json]) -> int:
    """Return the length of an image that is in the body itself, as a data URL."""
    image = part.get("image_url") or part.get("image")
    url = image.get("url") if isinstance(image, dict) else image
    return len(url) if isinstance(url, str) and url.startswith("data:") else 0
