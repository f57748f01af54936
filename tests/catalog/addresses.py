"""The addresses of the catalogue, each with the endpoint that its view declares. Tables of tests are made from them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.urls import URLPattern

from catalog.parameters.endpoints import Endpoint
from catalog.routes import declared_endpoint
from catalog.urls import urlpatterns

EXAMPLES = {
    "provider": "maker",
    "key": "maker",
    "maker": "maker",
    "gateway": "chutes",
    "run_id": "1",
    "asset": "page.css",
}
"""Values for the variable parts of addresses; the others are ids of models."""
DOCUMENTS = {"<str:folder>/<str:name>": "problems/not-found"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    route: str
    """As Django has it: `/catalog/models/<path:model_id>`."""
    method: str
    """GET or POST."""
    endpoint: Endpoint
    view: Any

    def path(self, *, model: str = "maker/model", **examples: str) -> str:
        """Return the address with an example in place of its variable part."""
        route = self.route
        for variable, value in DOCUMENTS.items():
            route = route.replace(variable, value)
        return re.sub(r"<\w+:(\w+)>", lambda found: {**EXAMPLES, **examples}.get(found[1], model), route)

    def query(self, *, model: str = "maker/model") -> str:
        """Return a query string with the parameters that are required; they all name models."""
        parameters = self.endpoint.filterset.parameters()
        return urlencode({name: model for name, parameter in parameters.items() if parameter.required})

    def target(self, *, model: str = "maker/model", **examples: str) -> str:
        query = self.query(model=model)
        return self.path(model=model, **examples) + (f"?{query}" if query else "")


def declared() -> list[Address]:
    """Return all addresses of views that declare an endpoint, in the order in which Django tries them."""
    return [
        Address(route=f"/{pattern.pattern}", method=method.upper(), endpoint=endpoint, view=pattern.callback)
        for pattern in urlpatterns
        if isinstance(pattern, URLPattern)
        for method in ("get", "post")
        if (endpoint := declared_endpoint(pattern.callback, method=method)) is not None
    ]


READS = [
    address
    for address in declared()
    if address.method == "GET" and "sync" not in address.route and address.endpoint.stream is None
]
"""The reads that need no key and have an end."""
CACHED = [address for address in READS if address.endpoint.is_cacheable]
ONE_EACH = list({id(address.endpoint): address for address in READS}.values())
"""One address of each endpoint, for tests that try much with each."""
