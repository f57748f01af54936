"""What an answer is about, worked out once when it is made: from its endpoint and its query, never from who asks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

from catalog import registry
from catalog.memory.rows import Row
from catalog.memory.selection import Selection
from catalog.memory.snapshot import Snapshot
from catalog.parameters.endpoints import Endpoint, Query
from catalog.reports.canonical import models_of
from catalog.web.standing import slug_of
from front.large_bodies import LargeBody
from usage.models import Outcome

MOST_TARGETS = 10
"""The most models that one answer counts for."""
UNCOUNTED = frozenset(
    {"_read", "read_robots", "read_sitemap", "read_logo", "stream_changes", "healthz", "readyz", "list_views"}
)
"""Endpoints that say nothing about models, such as those of pictures and probes."""
_NOTHING = b'{"data":[],"total":0,'
"""The beginning of a list of the API without rows."""


class Target(NamedTuple):
    """A model or an offer that an answer is about; all empty for a list."""

    gateway: str = ""
    offer: str = ""
    model: str = ""


@dataclass(frozen=True, slots=True)
class Subject:
    endpoint: str
    targets: tuple[Target, ...]
    outcome: Outcome = Outcome.PLAIN


def subject_of(endpoint: Endpoint, query: Query, snapshot: Snapshot, body: bytes | LargeBody) -> Subject | None:
    """Return what an answer is about; None if it is not counted."""
    name = name_of(endpoint)
    if name is None or name in UNCOUNTED:
        return None
    read = _TARGETS.get(name)
    gateway = _gateway(query)
    targets = dict.fromkeys(islice(read(snapshot, query), MOST_TARGETS)) if read is not None else ()
    return Subject(name, tuple(targets) or (Target(gateway=gateway),), _outcome(query, snapshot, body))


def name_of(endpoint: Endpoint) -> str | None:
    """Return the name of an endpoint; pages have none in the OpenAPI document, and are named by their function."""
    return endpoint.name or (endpoint.answer.__name__ if endpoint.answer is not None else None)


def _gateway(query: Query) -> str:
    """Return the one gateway that the query names, or an empty text."""
    found = query.values.get("gateway")
    named = [found] if isinstance(found, str) else list(found or ())
    return named[0] if len(named) == 1 and named[0] in registry.GATEWAYS else ""


def _outcome(query: Query, snapshot: Snapshot, body: bytes | LargeBody) -> Outcome:
    if query.values.get("q") is None:
        return Outcome.PLAIN
    if isinstance(body, LargeBody):
        is_nothing = False
    elif body.startswith(b"{"):
        is_nothing = body.startswith(_NOTHING)
    else:  # a page: to search again costs a fraction of what the page did
        is_nothing = not len(query.filters.narrowed(Selection.of(snapshot)))
    return Outcome.NOTHING if is_nothing else Outcome.FOUND


# --- the models that a query names -----------------------------------------------------------------------------------
def _of_id(snapshot: Snapshot, query: Query) -> Iterator[Target]:
    """Yield the models of the offers with this id."""
    gateway = _gateway(query)
    for row in snapshot.rows_of_id(query.id):
        if gateway in {"", row.gateway}:
            yield Target(gateway, row.id, slug_of(row))


def _of_slug(snapshot: Snapshot, query: Query) -> Iterator[Target]:
    """Yield the model with this slug, or the one that a page names by `gateway/id`."""
    # Where no request needed the models yet, they are not made for this: that takes long.
    rows = models_of(snapshot).rows_of(query.id) if models_of.is_made(snapshot) else []
    yield from _of_rows(rows or _alone(snapshot, query.id))


def _of_name(snapshot: Snapshot, query: Query) -> Iterator[Target]:
    """Yield the model that an id or a name means, if that is clear."""
    yield from _named(snapshot, [query.values["id"]])


def _of_names(snapshot: Snapshot, query: Query) -> Iterator[Target]:
    yield from _named(snapshot, query.values["ids"] or ())


def _of_any_name(snapshot: Snapshot, query: Query) -> Iterator[Target]:
    """Yield the model of an id in another service's format, which is a slug or the id of an offer."""
    yield from [*_of_slug(snapshot, query)] or _of_id(snapshot, query)


def _named(snapshot: Snapshot, names: Iterable[str]) -> Iterator[Target]:
    if not models_of.is_made(snapshot):
        return
    models = models_of(snapshot)
    for name in names:
        try:
            yield Target(model=models.model_meant_by(name))
        except ValueError:
            continue


def _alone(snapshot: Snapshot, slug: str) -> list[Row]:
    gateway, _, offer_id = slug.partition("/")
    return [row for row in snapshot.rows_of_id(offer_id) if row.gateway == gateway]


def _of_rows(rows: Iterable[Row]) -> Iterator[Target]:
    for row in rows:
        yield Target(model=slug_of(row))
        return


_TARGETS: dict[str, Callable[[Snapshot, Query], Iterator[Target]]] = {
    "read_model": _of_id,
    "read_model_history": _of_id,
    "read_canonical_model": _of_slug,
    "read_model_page": _of_slug,
    "resolve_id": _of_name,
    "compare_models": _of_names,
    "read_compare_page": _of_names,
    "read_model_as_openai": _of_any_name,
    "read_model_as_openrouter": _of_any_name,
    "read_bare_model_as_openrouter": _of_any_name,
    "list_endpoints_as_openrouter": _of_any_name,
}
"""The endpoints that name models. All others are lists, or are about no model."""
