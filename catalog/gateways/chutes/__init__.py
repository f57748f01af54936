"""Chutes.ai: models deployed on rented GPUs. https://chutes.ai/docs

Listing, both without a key (a Bearer key is sent where there is one):
- GET https://api.chutes.ai/chutes/?include_public=true&limit=1000&page=0, with the slash: every deployment ("chute") of
  any kind, `{total, page, limit, items, cord_refs}`, pages from 0. Pages are ordered by a live counter, so a row can
  come twice or be missed; the walk counts distinct `chute_id`s against `total`. Private chutes leak into it: only rows
  with `public` set to true are offers.
- GET https://llm.chutes.ai/v1/models: the language models, `{data}`, one page.
They are joined by `chute_id`, as a full outer join. A joined row is `{"chute": {...} or null, "llm": {...} or null}`.

Units of its prices:
- `per_million_tokens`, and `price` and `pricing` of the language models: US dollars per **million tokens**, although
  `pricing` looks like OpenRouter's, whose prices are per token. They are what a caller pays.
- `usd.hour`: US dollars per **hour** of one instance. It is what running the model costs, becomes the meter
  `compute.hour` and never a token price.
- `per_step`: US dollars per step of a diffusion model.
A zero is published on purpose: the model is free. Next to a price above 0 it means "not applicable".

Changes at every reading and carries no information: `created` of a language model (the time of the query), every `tao`,
`permission`, `invocation_count`, `instances`, the order of `supported_gpus` and of the rows.

The bundled catalogue has rows of its own kind: `{"id", "name", "provider", "type", "pricing_per_hour", "tags"}`, in US
dollars per hour, with `context_length` where it is known of the model. An id without a slash belongs to Chutes itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from catalog.adapter.contract import (
    Auth,
    Config,
    Gateway,
    Json,
    Listing,
    Request,
    Walk,
    fields_of,
    sorted_words,
    validated,
)
from catalog.adapter.errors import BadPayload
from catalog.gateways.chutes.pages import all_deployments, alone, is_public, joined, precedence, rows_under
from catalog.gateways.chutes.records import availability_of, joined_record, static_record
from catalog.gateways.chutes.rows import Chute, JoinedRow, Llm, StaticRow
from catalog.identity.traits import Traits
from catalog.records import Availability, OfferRecord


class Chutes(Gateway):
    rank = 40
    slug = "chutes"
    name = "Chutes.ai"
    short_name = "Chutes"
    site_url = "https://chutes.ai"
    docs_url = "https://chutes.ai/docs"
    completions_url = "https://llm.chutes.ai/v1"
    hosts = {"api": "https://api.chutes.ai", "llm": "https://llm.chutes.ai"}
    auth = Auth()
    explained = {
        "api": "The deployments; serves /chutes/.",
        "llm": "The language models; serves /v1/models.",
    }
    requests = "`/chutes/` in pages of 1,000, then `/v1/models` on the other host"
    needs_key_for_auto = True
    traits = Traits(ids_may_be_repositories=True, is_run_by_hosts=True, repository_rank=20, id_rank=30)
    foreign_names = {"litellm": "chutes"}
    version = 3
    bundled_on = date(2025, 10, 8)
    bundled_facts = "type, hourly price and tags"
    bundled_from = "Chutes.ai's static catalogue"
    borrows_contexts = True
    volatile = frozenset(
        {
            "created",
            "tao",
            "permission",
            "invocation_count",
            "instances",
            "supported_gpus",
            "node_selector",
            "updated_at",
        }
    )

    def walk(self, config: Config) -> Walk:
        deployments = yield from all_deployments()
        page = yield Request(host="llm", path="/v1/models")
        llms = rows_under(page.payload, "data")
        if not deployments.by_id or not llms:
            raise BadPayload("Chutes lists nothing on one of its hosts; that is a failure, not an empty catalogue")
        public = {chute_id: row for chute_id, row in deployments.by_id.items() if is_public(row)}
        rows = [*joined(public, llms, cord_refs=deployments.cord_refs), *map(alone, deployments.without_id)]
        is_complete = len(deployments.by_id) == deployments.total
        return Listing(
            # Of two rows with one id the first is used, so their order must not be the one of a live counter.
            rows=sorted(rows, key=lambda row: (self.row_id(row) or "", *precedence(row))),
            is_complete=is_complete,
            postponed=frozenset() if is_complete else self._without_chute(rows),
            ignored=len(deployments.by_id) - len(public),
        )

    def _without_chute(self, rows: Iterable[Json]) -> frozenset[str]:
        """Return language models whose deployment was not listed, because it may be among the rows that were missed."""
        return frozenset(found for row in rows if row["chute"] is None and (found := self.row_id(row)))

    def record(self, row: Json) -> OfferRecord:
        if _is_joined(row):
            return joined_record(validated(row, JoinedRow), availability=self.availability(row))
        return static_record(validated(row, StaticRow))

    def availability(self, row: Json) -> Availability:
        return availability_of(row.get("chute")) if _is_joined(row) else Availability.UNKNOWN

    def essence(self, row: Json) -> Json:
        if not _is_joined(row):
            return row
        llm = fields_of(row.get("llm"), Llm)
        if isinstance(llm, dict):
            llm = {key: sorted_words(value) for key, value in llm.items()}
        chute = fields_of(row.get("chute"), Chute)
        return {"chute": _without_tao(chute), "llm": _without_tao(llm), "cords": row.get("cords")}

    def row_id(self, row: Json) -> str | None:
        if not _is_joined(row):
            return super().row_id(row)
        chute = row.get("chute")
        named = {"id": chute.get("name")} if isinstance(chute, dict) else None
        return super().row_id(row.get("llm")) or super().row_id(named)


def _is_joined(row: Json) -> bool:
    return isinstance(row, dict) and ("chute" in row or "llm" in row)


def _without_tao(value: Json, *, levels: int = 4) -> Json:
    """Remove the prices in TAO, which follow an exchange rate; they are nested no deeper than `levels`."""
    if not isinstance(value, dict) or not levels:
        return value
    return {key: _without_tao(inner, levels=levels - 1) for key, inner in value.items() if key != "tao"}
