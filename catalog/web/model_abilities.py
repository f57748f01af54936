"""What a model can do at each gateway, as far as the gateway says it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from catalog import registry
from catalog.memory.rows import Row
from catalog.web import figures, offers, words

View = dict[str, Any]


def matrix_view(rows: Sequence[Row]) -> View:
    """Return what the model can do at each gateway, as far as the gateway says."""
    by_gateway: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        by_gateway.setdefault(row.gateway, []).append(offers.document_of(row.document))
    gateways = [slug for slug in registry.GATEWAYS if slug in by_gateway] or list(by_gateway)
    lines = []
    for parameter, label in words.ABILITIES.items():
        cells = [_can(by_gateway[slug], parameter) for slug in gateways]
        lines.append({"name": figures.first_upper(label), "cells": cells})
    for label, path in _SIZES:
        sizes = [[size for document in by_gateway[slug] if (size := _at(document, path))] for slug in gateways]
        lines.append({"name": label, "cells": [f"{max(found):,}" if found else words.NOT_PUBLISHED for found in sizes]})
    differing = sum(len({cell for cell in line["cells"] if cell != words.NOT_PUBLISHED}) > 1 for line in lines)
    silent = [
        offers.gateway_name(slug)
        for number, slug in enumerate(gateways)
        if all(line["cells"][number] == words.NOT_PUBLISHED for line in lines[:-2])
    ]
    sentence = f"The gateways differ in {differing} of {len(lines)}." if differing else "The gateways do not differ."
    if len(gateways) == 1:
        sentence = ""
    if silent:
        sentence += f" {figures.listed(silent)} publish{'es' if len(silent) == 1 else ''} no parameters."
    return {"gateways": [offers.gateway_name(slug) for slug in gateways], "lines": lines, "sentence": sentence.strip()}


_SIZES = (
    ("Longest answer, tokens", ("top_provider", "max_completion_tokens")),
    ("Context, tokens", ("context_length",)),
)


def _at(document: Any, path: Sequence[str]) -> Any:
    for part in path:
        document = document[part]
    return document


def _can(documents: Sequence[Mapping[str, Any]], parameter: str) -> str:
    published = [
        document["supported_parameters"] for document in documents if document["supported_parameters"] is not None
    ]
    if not published:
        return words.NOT_PUBLISHED
    return "yes" if any(parameter in names for names in published) else "no"
