"""Builds the bundled catalogues from a gateway's captured responses and the facts in other bundled catalogues.

A bundled catalogue contains facts only. From a response it keeps what the gateway's `bundled_row` returns. From its own
earlier row it keeps the fields that no response contains, `bundled_only`.

If a gateway's rows state no context length, a model's is copied from the bundled catalogue of a gateway that lends its
own (`lends_contexts`), if both name the same Hugging Face repository or the same provider and model.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from catalog import registry
from catalog.adapter.contract import Config, Gateway, Request
from catalog.adapter.errors import BadPayload, Unreachable
from catalog.normalize import model_ids
from catalog.records import OfferRecord
from catalog.sync import read

Json = Any

_Name = tuple[str, str]
"""The provider's key, and the model's name without the provider."""


def path_of(adapter: Gateway, *, fixtures: Path) -> Path:
    return fixtures / f"{adapter.slug}_catalog.json"


def bundled_rows(adapter: Gateway, *, fixtures: Path) -> list[Json]:
    """Return the rows of the bundled catalogue. Raises GatewayError."""
    listing = read.read_bundled(adapter, fixtures=fixtures, accepted=[]).listing
    return list(listing.rows) if listing else []


def answered_rows(adapter: Gateway, *, folder: Path, on: date, before: Iterable[Json]) -> list[Json]:
    """Return the rows of a listing whose responses are files in `folder`. Raises GatewayError if a file is missing."""
    bundled = {adapter.row_id(row): row for row in before}
    config = Config(has_key=False, options=adapter.options)
    listing = read.read_api(adapter, fetch=_answers(folder, on), config=config, accepted=[]).listing
    if listing is None or not listing.is_complete:
        raise BadPayload(f"{folder.name} lacks answers of {adapter.name}; a bundled catalogue is a complete listing")
    return [_bundled_row(adapter, row, before=bundled.get(adapter.row_id(row))) for row in listing.rows]


def with_contexts(adapter: Gateway, rows: Iterable[Json], *, fixtures: Path) -> Iterator[Json]:
    """Yield the rows, with the known context lengths of their models if the gateway borrows them."""
    if not adapter.borrows_contexts:
        yield from rows
        return
    lending = [gateway for gateway in registry.GATEWAYS.values() if gateway.lends_contexts]
    contexts = _contexts(each.record(row) for each in lending for row in bundled_rows(each, fixtures=fixtures))
    for row in rows:
        stated = {contexts[name] for name in _names(adapter.record(row)) if name in contexts}
        kept = {key: value for key, value in row.items() if key != "context_length"}
        yield kept | ({"context_length": stated.pop()} if len(stated) == 1 else {})


def text_of(rows: Iterable[Json]) -> str:
    """Return the text of the bundled catalogue's file: one row per line, so that a change can be reviewed."""
    return "[\n" + ",\n".join(f"  {_json(row)}" for row in rows) + "\n]\n"


def _answers(folder: Path, on: date) -> Callable[[Request], bytes]:
    """Return a function that reads the response to a request from a file named after the request's path and the day."""
    asked: dict[str, int] = {}

    def answer(request: Request) -> bytes:
        name = Path(request.path).stem
        asked[name] = asked.get(name, 0) + 1
        number = f"-{asked[name]}" if asked[name] > 1 else ""
        path = folder / f"{name}-{on}{number}.json"
        try:
            return path.read_bytes()
        except OSError as error:
            raise Unreachable(f"{path.name} cannot be read: {error.strerror}") from error

    return answer


def _bundled_row(adapter: Gateway, row: Json, *, before: Json) -> dict[str, Json]:
    fresh = adapter.bundled_row(row)
    own = {key: before[key] for key in adapter.bundled_only if isinstance(before, dict) and key in before}
    return {key: fresh[key] for key in ("id",) if key in fresh} | own | fresh


def _contexts(records: Iterable[OfferRecord]) -> Mapping[_Name, int]:
    """Map model names to context lengths. Variants (`:free`) and names with several reported lengths are left out."""
    stated: dict[_Name, set[int]] = {}
    for record in records:
        if record.context_length is not None and ":" not in record.id:
            for name in _names(record):
                stated.setdefault(name, set()).add(record.context_length)
    return {name: lengths.pop() for name, lengths in stated.items() if len(lengths) == 1}


def _names(record: OfferRecord) -> set[_Name]:
    """Return the pairs of provider and name that identify the model at every gateway, as this gateway reports them."""
    found = set()
    for spelling in (record.hugging_face_id, record.slug, record.canonical_slug):
        owner = model_ids.owner(spelling) if spelling else None
        maker = owner or record.provider_slug
        if spelling and maker:
            found.add((registry.PROVIDERS.key(maker), spelling.partition("/")[2] if owner else spelling))
    return {(maker, name.casefold()) for maker, name in found}


def _json(value: Json) -> str:
    """Return JSON text with exact numbers in plain notation."""
    if isinstance(value, dict):
        return f"{{{', '.join(f'{json.dumps(str(key))}: {_json(inner)}' for key, inner in value.items())}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_json, value))}]"
    return format(value, "f") if isinstance(value, Decimal) else json.dumps(value, ensure_ascii=False)
