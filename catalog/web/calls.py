"""How a model is called at a gateway: the address, the id and the key, as commands that can be copied. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from access.models import INFER
from catalog import registry
from catalog.adapter.contract import Gateway
from catalog.memory.rows import Row
from catalog.parameters.endpoints import Query
from catalog.records import ModelType
from catalog.reports.comparison import Compared
from catalog.web import offers

View = dict[str, Any]


HERE = "here"
"""The value of the parameter `call` that stands for this service."""
_OWN_KEY = "GATEWAYZ_API_KEY"
_OWN_NOTE = "Requests go to a gateway that sells the model, to cheaper ones more often."


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a model can be called."""

    words: str
    base_url: str
    model: str
    """What `model` is in a request there."""
    is_embedding: bool
    key: str
    """The usual name of the variable that has the key."""
    header: str = "Authorization"
    scheme: str = "Bearer "
    scope: str = ""
    """The scope that the key must have; empty if its keys have none."""
    docs: str
    docs_words: str = "The gateway's own docs"
    note: str = ""


def call_views(query: Query, compared: Sequence[Compared], *, slug: str, own_url: str) -> View | None:
    """Return the call at the chosen place, by default the first: this service if it runs models, then the gateway with
    the cheapest offer. None if no gateway has an API for this kind of model. `own_url`: empty, or this service's."""
    places: dict[str, Place] = {}
    for row in (offer.row for offer in compared if not offer.row.is_withdrawn and _is_callable(offer.row)):
        if own_url:
            places.setdefault(HERE, _own(own_url, slug, is_embedding=_is_embedding(row)))
        places.setdefault(row.gateway, _of_gateway(registry.GATEWAYS[row.gateway], row))
    if not places:
        return None
    chosen = query.values["call"] if query.values["call"] in places else next(iter(places))
    place = places[chosen]
    return {
        "switch": [
            {
                "words": each.words,
                "href": f"{query.path}?{query.filters.canonical(call=name)}#call",
                "is_current": name == chosen,
            }
            for name, each in places.items()
        ],
        "key": place.key,
        "scope": place.scope,
        "note": place.note,
        "docs": place.docs,
        "docs_words": place.docs_words,
        "is_own": chosen == HERE,
        "curl": curl(place),
        "python": python(place),
    }


def _own(url: str, slug: str, *, is_embedding: bool) -> Place:
    return Place(
        words="Gatewayz",
        base_url=url,
        model=slug,
        is_embedding=is_embedding,
        key=_OWN_KEY,
        scope=INFER,
        docs="/docs/api/chat",
        docs_words="Guide: requests to models",
        note=_OWN_NOTE,
    )


def _of_gateway(gateway: Gateway, row: Row) -> Place:
    return Place(
        words=offers.gateway_name(gateway.slug),
        base_url=gateway.completions_url,
        model=row.id,
        is_embedding=_is_embedding(row),
        key=f"{gateway.slug.upper().replace('-', '_')}_API_KEY",
        header=gateway.auth.header,
        scheme=gateway.auth.scheme,
        docs=gateway.docs_url,
    )


def curl(place: Place) -> str:
    path, body = _request(place)
    given = [f"{json.dumps(name)}: {json.dumps(value, ensure_ascii=False)}" for name, value in body.items()]
    data = "{" + ",\n       ".join([f'"model": {json.dumps(place.model, ensure_ascii=False)}', *given]) + "}"
    data = data.replace("'", "'\\''")
    return (
        f"curl {place.base_url}{path} \\\n"
        f'  -H "{place.header}: {place.scheme}${place.key}" \\\n'
        f'  -H "Content-Type: application/json" \\\n'
        f"  -d '{data}'"
    )


def python(place: Place) -> str:
    is_bearer = place.header == "Authorization"
    key = f'os.environ["{place.key}"]'
    given = f"api_key={key}" if is_bearer else f'api_key="-", default_headers={{"{place.header}": {key}}}'
    call = "client.embeddings.create(\n" if place.is_embedding else "client.chat.completions.create(\n"
    last = '    input="Hello",\n' if place.is_embedding else '    messages=[{"role": "user", "content": "Hello"}],\n'
    return (
        "import os\nfrom openai import OpenAI\n\n"
        f'client = OpenAI(\n    base_url="{place.base_url}",\n    {given},\n)\n'
        f"{call}    model={json.dumps(place.model, ensure_ascii=False)},\n{last})"
    )


def _request(place: Place) -> tuple[str, dict[str, Any]]:
    if place.is_embedding:
        return "/embeddings", {"input": "Hello"}
    return "/chat/completions", {"messages": [{"role": "user", "content": "Hello"}]}


def _is_embedding(row: Row) -> bool:
    return ("model_type", ModelType.EMBEDDINGS.value) in row.facets


def _is_callable(row: Row) -> bool:
    """Whether the gateway has an OpenAI-compatible API that takes this kind of model."""
    gateway = registry.GATEWAYS.get(row.gateway)
    if gateway is None or not gateway.completions_url:
        return False
    return _is_embedding(row) or ("model_type", ModelType.LLM.value) in row.facets
