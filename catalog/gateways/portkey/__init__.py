"""Portkey: routes requests to a caller's own accounts at many providers. https://portkey.ai/docs

It has no list of all models. What is asked depends on the key:
- without one, the open price files, one of each provider in the option `providers`: GET
  https://configs.portkey.ai/pricing/{provider}.json, an object by the model's id. A file that cannot be read leaves the
  listing incomplete.
- with one, the models of its workspace: GET https://api.portkey.ai/v1/models, `{object, total, data}`, in pages by
  limit and offset; the key goes out as `x-portkey-api-key`, to this host alone. A row has the fields id, slug,
  canonical_slug and object, and no price: that is taken from the price file of its host, where the host is one of the
  providers. A workspace names its hosts freely, so `@xai` need not be the provider x-ai; no guess is made. Where a
  price file cannot be read, what was published of its models stays.

An id is `@host/model`, parted at the first slash, for the model's own id may have more. Rows of the catalogue are those
of the workspace with the price file's entry laid into them; a bundled row has the `type` of the model too, as Portkey's
general files state it.

Unit of its prices: US **cents per token**; cents per unit in `additional_units` and `image`. That holds for what is
billed by tokens. Rerankers, OCR and speech models are billed by searches, pages, characters or minutes under the same
keys, and some files use dollars (together-ai's images and videos, the images that go into google's models). So a model
that is not billed by tokens has a price only where `_UNITS` names its unit; otherwise the price is unknown.
- A zero mostly means that the field was never filled in, or that there is no such side. It is a price only under an id
  that ends in `:free`.
- `x-lte-128k` and `x-gt-128k` are halves of one model, for prompts of up to 128,000 tokens and of more. What the second
  does not state is taken from the first. Where the whole model is listed too, or halves of several sizes are, a price
  is what all of them agree on for prompts of one size. The rest is unknown.
- `batch_config` and the execution modes of `custom_pricing` are prices under a condition; so are its context tiers. Of
  its regions only `default` is read: the others depend on where a caller is.
- Another currency is not converted; its prices are unknown.
- `default` is a template and no model. `calculate` is a formula, `finetune_config` the price of making a model.
  A model without `pricing_config` is listed without a price.

The price files are kept by a community. openrouter's repeats what OpenRouter's own list states better, so it is no
provider unless it is asked for; its models are then offers of their own, `@openrouter/...`.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from catalog.adapter.contract import Auth, Config, Gateway, Json, Listing, Walk, fields_of, validated
from catalog.adapter.errors import GatewayError
from catalog.gateways.portkey.bundled import BUNDLED_ROW, pruned
from catalog.gateways.portkey.kinds import model_type_of, provider_of
from catalog.gateways.portkey.pages import price_file, priced_row, workspace_rows
from catalog.gateways.portkey.prices import notes_of, prices_of
from catalog.gateways.portkey.rows import Row
from catalog.identity.traits import Traits
from catalog.normalize import modalities, model_ids
from catalog.pricing import billing, meters, price_lists, variants
from catalog.records import OfferRecord

_INPUTS = {meters.INPUT_AUDIO: "audio", meters.INPUT_IMAGE_TOKEN: "image"}
_OUTPUTS = {meters.OUTPUT_AUDIO: "audio", meters.OUTPUT_IMAGE_TOKEN: "image"}
_INPUTS_STATED = {"image", "video"}


class Portkey(Gateway):
    rank = 20
    slug = "portkey"
    name = "Portkey"
    site_url = "https://portkey.ai"
    docs_url = "https://portkey.ai/docs"
    completions_url = "https://api.portkey.ai/v1"
    hosts = {"api": "https://api.portkey.ai", "pricing": "https://configs.portkey.ai"}
    auth = Auth(header="x-portkey-api-key", scheme="", hosts=("api",))
    options = {
        "providers": (
            "anthropic", "cerebras", "cohere", "deepinfra", "deepseek", "google", "groq", "mistral-ai", "moonshot",
            "nebius", "novita-ai", "openai", "perplexity-ai", "together-ai", "x-ai", "z-ai",
        )
    }  # fmt: skip
    explained = {
        "key": "Without a key, the models of the open price files are listed; with one, those of its workspace.",
        "api": "The workspace; serves /v1/models, read only with a key.",
        "pricing": "The open price files; serves /pricing/<provider>.json, read without the key.",
        "providers": (
            "The providers whose price files are read, by Portkey's names, separated by commas. With a key, only those "
            "that the workspace lists too are read. Each is one request; a file that cannot be read leaves the listing "
            "incomplete."
        ),
    }
    requests = (
        "`/pricing/<provider>.json` for each provider; with a key `/v1/models` in pages of 100, then the price files "
        "of those providers that the workspace names"
    )
    prices_are_edited = True
    traits = Traits(is_run_by_hosts=True)
    version = 2
    bundled_only = ("type",)
    bundled_on = date(2026, 8, 21)
    bundled_facts = "types and prices"
    bundled_from = "Portkey's open price files, `GET /pricing/{provider}.json`, and its general files"
    borrows_contexts = True
    volatile = frozenset({"object"})

    def walk(self, config: Config) -> Walk:
        providers = dict.fromkeys(config.options["providers"])
        return (yield from self._workspace(providers) if config.has_key else self._price_files(providers))

    def record(self, row: Json) -> OfferRecord:
        listed = validated(row, Row)
        model_type = model_type_of(listed)
        found = price_lists.price_list(prices_of(listed, model_type=model_type))
        priced = {*(price.meter for price in found.prices), *(price.meter for price in found.unclear)}
        supported = listed.type.supported or ()
        inputs, outputs = modalities.of_model_type(model_type)
        takes = _INPUTS_STATED.intersection(supported) | {_INPUTS[meter] for meter in priced & _INPUTS.keys()}
        return OfferRecord(
            id=listed.id,
            slug=listed.model,
            canonical_slug=listed.canonical_slug or listed.model,
            name=model_ids.short_name(listed.model) or listed.model,
            provider_slug=provider_of(listed),
            host=listed.host,
            model_type=model_type,
            prices=found.prices,
            unclear=found.unclear,
            notes=tuple(notes_of(listed)),
            execution_mode=variants.execution_mode(listed.model) if listed.host == "openrouter" else billing.STANDARD,
            zero_is_free=listed.is_free,
            input_modalities=inputs and modalities.canonical([*inputs, *takes]),
            output_modalities=outputs
            and modalities.canonical([*outputs, *(_OUTPUTS[meter] for meter in priced & _OUTPUTS.keys())]),
            context_length=listed.context_length,
            supported_parameters=("tools",) if "tools" in supported else None,
        )

    def essence(self, row: Json) -> Json:
        return fields_of(row, Row)

    def bundled_row(self, row: Json) -> dict[str, Json]:
        kept = pruned(row, BUNDLED_ROW)
        return kept if isinstance(kept, dict) else {}

    def _price_files(self, providers: Iterable[str]) -> Walk:
        """List all models of the price files, which needs no key."""
        rows: dict[str, Json] = {}
        unread: GatewayError | None = None
        for provider in providers:
            found = yield from price_file(provider)
            if isinstance(found, GatewayError):
                unread = found
            else:
                rows |= found
        if unread and not rows:
            raise unread
        return Listing(rows=[rows[key] for key in sorted(rows)], is_complete=unread is None)

    def _workspace(self, providers: Iterable[str]) -> Walk:
        """List the models of the key's workspace, priced by the price files of its hosts."""
        rows, total = yield from workspace_rows()
        ids = {found for found in map(self.row_id, rows) if found}
        priced: dict[str, Json] = {}
        postponed: set[str] = set()
        for provider in providers:
            if of_provider := {found for found in ids if found.startswith(f"@{provider}/")}:
                found = yield from price_file(provider)
                if isinstance(found, GatewayError):
                    postponed |= of_provider
                else:
                    priced |= found
        joined = [priced_row(row, priced.get(self.row_id(row) or "", {})) for row in rows]
        return Listing(
            # Of two rows with one id the first is used, so their order must not be chance.
            rows=sorted(joined, key=lambda row: (self.row_id(row) or "", repr(row))),
            is_complete=total == len(ids),
            postponed=frozenset(postponed),
        )
