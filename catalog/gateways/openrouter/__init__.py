"""OpenRouter: one API in front of many hosts. https://openrouter.ai/docs/api_reference/models

Listing: GET https://openrouter.ai/api/v1/models, without a key; a Bearer key is sent where there is one. Left to itself
it lists models that put out text; `output_modalities=all` asks for the rest too.
Then GET /api/v1/providers, whose facts adorn the catalogue; without them the models are published all the same.
Unit of its prices: US dollars **per token**, as decimal text; per request, per search, per image under such keys.
- `image` is documented as per image; where it equals the price of a prompt token it is a price per token (Gemini).
- A negative prompt or completion is decided when a request runs (routers). It is never a price.
- A zero of any other key than those two means "not applicable": in 2025 it was written out, since then it is left out.
- An id that ends in `:free` is free, for any kind of output. Without it 0/0 is free where only text comes out: previews
  of music and images list 0/0 too, and are billed otherwise. A zero next to a price above 0 means "not applicable" too.
- Models for nothing but speech, transcription or reranking are billed by characters, seconds or searches as well as by
  tokens, and the row does not show by which: their token prices are unknown. Any other kind of output, also one that
  OpenRouter adds later, is billed by tokens.
- `overrides` hold prices under conditions; where those are hours, the top-level price changes with the clock. What
  follows from that is described in `catalog/pricing/schedules.py`.
Ids are `author/slug[:variant]`, `~author/slug-latest` for an alias that moves; `openrouter/...` are routers and models
whose provider is not published yet. `catalog/pricing/variants.py` has what the words of variants mean. Fields are added
several times a year, so unknown ones are ignored.
"""

from __future__ import annotations

from collections.abc import Mapping
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
from catalog.gateways.openrouter.kinds import is_dynamic_price, model_type_of, scalars
from catalog.gateways.openrouter.pages import Answer, created, provider_records
from catalog.gateways.openrouter.prices import HIDDEN, is_token_billed_by, price_list_of
from catalog.gateways.openrouter.rows import Row, TopProvider
from catalog.identity.traits import Traits
from catalog.normalize import modalities, model_ids
from catalog.pricing import billing, variants
from catalog.records import OfferRecord

_PATH = "/api/v1/models"
_MOST_PAGES = 100


class OpenRouter(Gateway):
    rank = 10
    slug = "openrouter"
    name = "OpenRouter"
    site_url = "https://openrouter.ai"
    docs_url = "https://openrouter.ai/docs/api_reference/models"
    completions_url = "https://openrouter.ai/api/v1"
    hosts = {"api": "https://openrouter.ai"}
    auth = Auth()
    explained = {"api": "Serves /api/v1/models and /api/v1/providers."}
    requests = "`/api/v1/models`, more pages only if the answer names another; then `/api/v1/providers`"
    traits = Traits(has_permanent_slugs=True, repository_rank=30, id_rank=10)
    foreign_names = {"litellm": "openrouter"}
    version = 3
    bundled_on = date(2026, 5, 28)
    bundled_facts = "limits, modalities, parameters and prices"
    bundled_from = "OpenRouter's public list, `GET /api/v1/models`"
    lends_contexts = True
    volatile = frozenset({"benchmarks", "reasoning", "supported_voices", "alias_target", "per_request_limits"})
    ordered = frozenset({"overrides"})

    def walk(self, config: Config) -> Walk:
        """Read one page, and further ones if the answer names another in `links.next`."""
        rows: list[Json] = []
        total: Json = None
        query: Mapping[str, str] | None = {"output_modalities": "all"}
        asked: list[Mapping[str, str]] = []
        while query is not None:
            if query in asked or len(asked) == _MOST_PAGES:
                raise BadPayload(f"OpenRouter's pages do not end: {len(asked)} were read")
            asked.append(query)
            page = yield Request(host="api", path=_PATH, query=query)
            answer = Answer.of(page.payload)
            rows += answer.rows
            total = total if answer.total is None else answer.total
            query = answer.next_query
        ids = [self.row_id(row) or "" for row in rows]
        # Of two rows with one id the first is used: the newer one, in any order of arrival.
        order = sorted(range(len(rows)), key=lambda at: (ids[at], -created(rows[at])))
        return Listing(
            rows=[rows[at] for at in order],
            is_complete=total is None or total == len(set(ids) - {""}),
            providers=(yield from provider_records()),
        )

    def essence(self, row: Json) -> Json:
        read = fields_of(row, Row)
        if isinstance(read, dict) and "supported_parameters" in read:
            read["supported_parameters"] = sorted_words(read["supported_parameters"])
        return read

    def record(self, row: Json) -> OfferRecord:
        listed = validated(row, Row)
        architecture, top = listed.architecture, listed.top_provider or TopProvider()
        outputs = frozenset(word.casefold() for word in architecture.output_modalities)
        is_dynamic = is_dynamic_price(row.get("pricing"))
        is_free_tier = listed.id.endswith(":free")
        priced = price_list_of(listed.pricing, is_token_billed=is_free_tier or is_token_billed_by(outputs))
        is_text_free = outputs == {"text"} and not billing.not_sold_by(priced.prices)
        return OfferRecord(
            id=listed.id,
            slug=listed.id,
            canonical_slug=listed.canonical_slug or listed.id,
            name=listed.name,
            provider_slug=model_ids.owner(listed.id),
            description=listed.description,
            model_type=model_type_of(listed, outputs=outputs, is_dynamic=is_dynamic),
            prices=priced.prices,
            unclear=priced.unclear,
            is_partial=any(price.reason == HIDDEN.reason for price in priced.unclear),
            execution_mode=variants.execution_mode(listed.id),
            is_dynamic=is_dynamic,
            zero_is_free=is_free_tier or is_text_free,
            input_modalities=modalities.canonical(architecture.input_modalities) or None,
            output_modalities=modalities.canonical(outputs) or None,
            tokenizer=architecture.tokenizer,
            instruct_type=architecture.instruct_type,
            hugging_face_id=listed.hugging_face_id,
            created=listed.created,
            context_length=listed.context_length,
            top_provider_context_length=top.context_length,
            max_completion_tokens=top.max_completion_tokens,
            is_moderated=top.is_moderated,
            supported_parameters=listed.supported_parameters,
            default_parameters=scalars(listed.default_parameters or {}) or None,
            knowledge_cutoff=listed.knowledge_cutoff,
            expires=listed.expiration_date,
        )
