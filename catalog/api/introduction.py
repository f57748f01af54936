"""What the docs page shows before the operations: what the service is, and the groups of its operations."""

from __future__ import annotations

from enum import StrEnum


class Tag(StrEnum):
    """The groups of operations, in the order of the docs page."""

    MODELS = "models"
    COSTS = "costs"
    HISTORY = "history"
    EXPORTS = "exports"
    FORMATS = "formats"
    GATEWAYS = "gateways"
    HEALTH = "health"


DESCRIPTIONS: dict[Tag, str] = {
    Tag.MODELS: "Find models and their offers. An offer is one model at one gateway, with its price there. "
    "Guides: [models](/docs/api/models), [search](/docs/api/search), [canonical models](/docs/api/canonical).",
    Tag.COSTS: "What a workload costs at each offer, and how prices are distributed. Guide: [costs](/docs/api/costs).",
    Tag.HISTORY: "What changed and when: of one model, or of the whole catalogue as a feed. "
    "Guide: [history](/docs/api/history).",
    Tag.EXPORTS: "The whole catalogue in one answer. Guide: [exports](/docs/api/export).",
    Tag.FORMATS: "The catalogue as the clients of other services parse it, so that they need only another address. "
    "Guides: [formats](/docs/api/drop-in), [each of them](/docs/formats/).",
    Tag.GATEWAYS: "How fresh the data of each gateway is, and starting a sync. Only the sync requires a key. "
    "Guide: [starting a sync](/docs/api/http#starting-a-sync).",
    Tag.HEALTH: "Probes for load balancers and orchestrators. They have no rate limit.",
}

DESCRIPTION = """\
The open catalogue of AI models: what each gateway sells, at what price, and since when. The service reads the lists of
the gateways, recognises the same model under its many names, and keeps every change.

- **Read without a key.** All reads are public. A key is optional there and has a rate limit of its own: send it as
  `Authorization: Bearer gwz_…` or `X-API-Key`. Only `/usage` and the two operations below `/catalog/sync` require one.
- **Null means unknown**, never zero and never free. Prices are US dollars as decimal text, without rounding.
- **Errors** are `application/problem+json`. Below `/catalog`, a wrong parameter is a 400 that names it.
- **Cache and poll cheaply**: answers have an `ETag` and the `revision` of the catalogue that they show.

Guides: [models](/docs/api/models) · [search](/docs/api/search) · [canonical models](/docs/api/canonical) ·
[costs](/docs/api/costs) · [history](/docs/api/history) · [exports](/docs/api/export) · [formats](/docs/api/drop-in) ·
[HTTP: caching, limits, keys, errors](/docs/api/http) · [all documents](/docs/)
"""
