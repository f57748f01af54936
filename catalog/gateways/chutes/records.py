"""The offers that rows describe."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain

from catalog.adapter.contract import Json
from catalog.adapter.errors import UnusableRow
from catalog.gateways.chutes.rows import Chute, JoinedRow, Llm, StaticRow
from catalog.normalize import modalities, model_ids
from catalog.pricing import billing, meters, money, price_lists
from catalog.records import Availability, ModelType, OfferRecord

_OF_TEMPLATE = {
    "vllm": ModelType.LLM,
    "diffusion": ModelType.IMAGE_GENERATION,
    "embedding": ModelType.EMBEDDINGS,
    "tei": ModelType.EMBEDDINGS,
}
# Only routes that leave no doubt. `/generate`, `/speak` and the like mean what their author meant, and names only hint.
_OF_ROUTE = {
    "/v1/chat/completions": ModelType.LLM,
    "/v1/completions": ModelType.LLM,
    "/v1/embeddings": ModelType.EMBEDDINGS,
    "/v1/moderations": ModelType.CONTENT_MODERATION,
    "/v1/images/generations": ModelType.IMAGE_GENERATION,
    "/v1/audio/speech": ModelType.TEXT_TO_SPEECH,
    "/v1/audio/transcriptions": ModelType.SPEECH_TO_TEXT,
}

_CONFIDENTIAL_SUFFIX = "-TEE"


def availability_of(chute: Json) -> Availability:
    """Return what a row of the deployments states by `hot`: whether an instance of it is running now."""
    hot = chute.get("hot") if isinstance(chute, dict) else None
    return {True: Availability.ONLINE, False: Availability.COLD}[hot] if type(hot) is bool else Availability.UNKNOWN


def joined_record(row: JoinedRow, *, availability: Availability) -> OfferRecord:
    """The facts of the language model replace those of its chute: the gateway bills and serves by them."""
    chute = _chute_record(row.chute, cords=row.cords, availability=availability) if row.chute else None
    record = _llm_record(row.llm) if row.llm else chute
    if record is None:
        raise UnusableRow("has neither a chute nor a language model")
    if chute is None or record is chute:
        return record
    return replace(
        record,
        prices=(*record.prices, *(price for price in chute.prices if price.meter == meters.COMPUTE_HOUR)),
        unclear=(*record.unclear, *(price for price in chute.unclear if price.meter == meters.COMPUTE_HOUR)),
        description=chute.description,
        created=chute.created,
        is_confidential=chute.is_confidential if record.is_confidential is None else record.is_confidential,
        availability=chute.availability,
    )


def _llm_record(llm: Llm) -> OfferRecord:
    inputs, outputs = modalities.of_model_type(ModelType.LLM)
    priced = price_lists.base_prices(llm.stated)
    return OfferRecord(
        id=llm.id,
        slug=llm.id,
        canonical_slug=llm.id,
        name=_name(llm.id),
        provider_slug=_provider(llm.id),
        model_type=ModelType.LLM,
        prices=priced.prices,
        unclear=priced.unclear,
        zero_is_free=not billing.not_sold_by(priced.prices),
        input_modalities=llm.input_modalities or inputs,
        output_modalities=llm.output_modalities or outputs,
        hugging_face_id=model_ids.repository(llm.root),
        context_length=llm.context_length or llm.max_model_len,
        max_completion_tokens=llm.max_output_length,
        supported_parameters=_united(llm.supported_features, llm.supported_sampling_parameters),
        quantization=llm.quantization,
        is_confidential=llm.confidential_compute,
    )


def _chute_record(chute: Chute, *, cords: Json, availability: Availability) -> OfferRecord:
    model_type = _OF_TEMPLATE.get(chute.standard_template or "") or _type_of_routes(cords)
    inputs, outputs = modalities.of_model_type(model_type)
    priced = price_lists.base_prices(chute.stated)
    # The suffix is Chutes' own, so the name with it is no repository.
    is_repository = not chute.name.endswith(_CONFIDENTIAL_SUFFIX)
    return OfferRecord(
        id=chute.name,
        slug=chute.name,
        canonical_slug=chute.name,
        name=_name(chute.name),
        provider_slug=_provider(chute.name),
        description=chute.tagline,
        model_type=model_type,
        prices=priced.prices,
        unclear=priced.unclear,
        zero_is_free=not billing.not_sold_by(priced.prices),
        input_modalities=inputs,
        output_modalities=outputs,
        hugging_face_id=model_ids.repository(chute.name) if is_repository else None,
        created=chute.created_at,
        is_confidential=chute.tee,
        availability=availability,
    )


def _united(*lists: tuple[str, ...] | None) -> tuple[str, ...] | None:
    stated = [words for words in lists if words is not None]
    return tuple(sorted(set(chain.from_iterable(stated)))) if stated else None


def _name(offer_id: str) -> str:
    return model_ids.short_name(offer_id) or offer_id


def _provider(offer_id: str) -> str:
    return model_ids.owner(offer_id) or "chutes"


def _type_of_routes(cords: Json) -> ModelType:
    routes = [cord.get("public_api_path") for cord in cords or () if isinstance(cord, dict)]
    found = {_OF_ROUTE[route] for route in routes if isinstance(route, str) and route in _OF_ROUTE}
    return found.pop() if len(found) == 1 else ModelType.OTHER


def static_record(listed: StaticRow) -> OfferRecord:
    inputs, outputs = modalities.of_model_type(listed.type)
    priced = price_lists.base_prices({meters.COMPUTE_HOUR: listed.pricing_per_hour or money.MISSING})
    return OfferRecord(
        id=listed.id,
        slug=listed.id,
        canonical_slug=listed.id,
        name=listed.name,
        provider_slug=listed.provider,
        model_type=listed.type,
        tags=tuple(dict.fromkeys(listed.tags)),
        prices=priced.prices,
        unclear=priced.unclear,
        zero_is_free=True,
        input_modalities=inputs,
        output_modalities=outputs,
        context_length=listed.context_length,
    )
