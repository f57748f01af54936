"""How a model is called at a gateway: the address, the id and the key, as commands that can be copied. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from catalog import registry
from catalog.adapter.contract import Gateway
from catalog.memory.rows import Row
from catalog.parameters.endpoints import Query
from catalog.records import ModelType
from catalog.reports.comparison import Compared
from catalog.web import offers

View = dict[str, Any]


def call_views(query: Query, sold: Sequence[Row], compared: Sequence[Compared]) -> View | None:
    """Return the call at the chosen gateway, by default the one with the cheapest offer; None if none has an API for
    this kind of model."""
    callable_ = [offer.row for offer in compared if not offer.row.is_withdrawn and _is_callable(offer.row)]
    by_gateway: dict[str, Row] = {}
    for row in callable_:
        by_gateway.setdefault(row.gateway, row)
    if not by_gateway:
        return None
    asked = query.values["call"]
    chosen = by_gateway.get(asked) or next(iter(by_gateway.values()))
    gateway = registry.GATEWAYS[chosen.gateway]
    return {
        "switch": [
            {
                "words": offers.gateway_name(slug),
                "href": f"{query.path}?{query.filters.canonical(call=slug)}#call",
                "is_current": slug == chosen.gateway,
            }
            for slug in by_gateway
        ],
        "key": key_variable(gateway),
        "docs": gateway.docs_url,
        "curl": curl(gateway, chosen),
        "python": python(gateway, chosen),
    }


def key_variable(gateway: Gateway) -> str:
    """Return the usual name of the variable that has the key."""
    return f"{gateway.slug.upper().replace('-', '_')}_API_KEY"


def curl(gateway: Gateway, row: Row) -> str:
    path, body = _request(row)
    given = [f"{json.dumps(name)}: {json.dumps(value, ensure_ascii=False)}" for name, value in body.items()]
    data = "{" + ",\n       ".join([f'"model": {json.dumps(row.id, ensure_ascii=False)}', *given]) + "}"
    data = data.replace("'", "'\\''")
    return (
        f"curl {gateway.completions_url}{path} \\\n"
        f'  -H "{gateway.auth.header}: {gateway.auth.scheme}${key_variable(gateway)}" \\\n'
        f'  -H "Content-Type: application/json" \\\n'
        f"  -d '{data}'"
    )


def python(gateway: Gateway, row: Row) -> str:
    is_bearer = gateway.auth.header == "Authorization"
    key = f'os.environ["{key_variable(gateway)}"]'
    given = f"api_key={key}" if is_bearer else f'api_key="-", default_headers={{"{gateway.auth.header}": {key}}}'
    call = "client.embeddings.create(\n" if _is_embedding(row) else "client.chat.completions.create(\n"
    last = '    input="Hello",\n' if _is_embedding(row) else '    messages=[{"role": "user", "content": "Hello"}],\n'
    return (
        "import os\nfrom openai import OpenAI\n\n"
        f'client = OpenAI(\n    base_url="{gateway.completions_url}",\n    {given},\n)\n'
        f"{call}    model={json.dumps(row.id, ensure_ascii=False)},\n{last})"
    )


def _request(row: Row) -> tuple[str, dict[str, Any]]:
    if _is_embedding(row):
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
