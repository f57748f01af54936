"""What the gateways changed, newest first, one block for each revision."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from catalog import registry
from catalog.documents.differences import Kind
from catalog.history.blocks import Block, Counter, blocks_before
from catalog.history.versions import Change
from catalog.memory.rows import Row
from catalog.memory.snapshot import Snapshot
from catalog.parameters.endpoints import Endpoint, Query
from catalog.web import change_words, figures, offers, pages
from catalog.web.layout import page_answer
from catalog.web.parameters import ChangesPageFilterSet
from catalog.web.standing import slug_of
from front.answers import Answer

View = dict[str, Any]

MOST_BLOCKS = 12
MOST_LINES = 8
"""The most changes of a revision that are shown at once; the rest can be unfolded."""
MOST_UNFOLDED = 60
"""The most changes of a revision on the page at all; the API has the others."""
SHOWN = {
    "all": "Everything",
    "fell": "Price fell",
    "rose": "Price rose",
    "added": "New",
    "removed": "Gone",
    "changed": "Other facts",
}


def read_changes_page(snapshot: Snapshot, query: Query) -> Answer:
    show, chosen = query.values["show"], query.values["gateway"] or []
    blocks, following = blocks_before(
        query.values["before"] or snapshot.revision + 1,
        gateways=chosen,
        may_be_wanted=_may_be_wanted(show),
        is_wanted=_wanted(show),
        most=MOST_BLOCKS,
        most_changes=MOST_UNFOLDED,
    )
    values = {
        "blocks": [_block(snapshot, block) for block in blocks],
        "switch": [
            {"words": words, "href": _address(query, show=name, before=None), "is_current": name == show}
            for name, words in SHOWN.items()
        ],
        "gateways": [
            {"value": slug, "name": offers.gateway_name(slug), "is_chosen": chosen == [slug]}
            for slug in registry.GATEWAYS
        ],
        "show": show,
        "older": _address(query, before=following) if following else "",
        "newest": _address(query, before=None) if query.values["before"] else "",
        "feed": _feed(show, chosen),
        "crumbs": [{"name": "Models", "href": "/"}, {"name": "Changes", "href": ""}],
    }
    return page_answer(
        snapshot,
        query,
        "changes.html",
        values,
        current="Changes",
        title="What changed: prices, new and withdrawn models",
        description="Price changes, new and withdrawn AI models at all gateways, newest first, each with its date.",
        canonical="/changes",
        is_indexed=not query.filters.canonical(),
        alternates=(("application/atom+xml", values["feed"]),),
    )


class Changes(pages.CatalogPage):
    endpoint = Endpoint(
        media_type=pages.HTML,
        is_cacheable=True,
        filterset=ChangesPageFilterSet,
        answer=read_changes_page,
        reads_tables=True,
    )


def _may_be_wanted(show: str) -> Counter:
    """Return how many changes of a revision may be shown, by the revision's own figures."""
    if show == "added":
        return lambda revision: revision.new + revision.changed  # an offer that is back counts as changed
    if show == "removed":
        return lambda revision: revision.withdrawn
    if show == "all":
        return lambda revision: revision.new + revision.changed + revision.withdrawn
    return lambda revision: revision.changed


def _wanted(show: str) -> Any:
    """Return which changes are shown."""
    kinds: Mapping[str, set[Kind]] = {
        "added": {Kind.ADDED, Kind.RETURNED},
        "removed": {Kind.REMOVED},
        "changed": {Kind.DESCRIBED, Kind.CHANGED},
    }
    if show in {"fell", "rose"}:
        return lambda change: show in change_words.direction(change)
    if show in kinds:
        return lambda change: bool(kinds[show] & set(change.difference.kinds))
    # Availability has its own place on the model's page, and would fill this one.
    return lambda change: (
        Kind.RENDERED not in change.difference.kinds and set(change.difference.kinds) != {Kind.AVAILABILITY}
    )


def _block(snapshot: Snapshot, block: Block) -> View:
    lines = [_line(snapshot, change) for change in block.changes]
    revision = block.revision
    counts = ((revision.new, "new"), (revision.changed, "changed"), (revision.withdrawn, "gone"))
    return {
        "moment": figures.moment_view(revision.published_at),
        "revision": f"{revision.number:,}",
        "seller": offers.gateway_name(revision.gateway.slug) if revision.gateway else "a curator",
        "summary": ", ".join(f"{number:,} {words}" for number, words in counts if number),
        "lines": lines[:MOST_LINES],
        "folded": lines[MOST_LINES:],
        "left": f"{block.left:,}" if block.left else "",
        "json": f"/catalog/changes?since_revision={revision.number - 1}",
    }


def _line(snapshot: Snapshot, change: Change) -> View:
    row = _row(snapshot, change)
    name = offers.name_of(row) if row else change.id
    slug = slug_of(row) if row else change.id
    host = offers.document_of(row.document)["host"] if row else None
    return change_words.change_view(change, name=name, slug=slug, host=host)


def _row(snapshot: Snapshot, change: Change) -> Row | None:
    return next((row for row in snapshot.rows_of_id(change.id) if row.gateway == change.gateway), None)


def _feed(show: str, gateways: Sequence[str]) -> str:
    kinds = {"fell": "repriced", "rose": "repriced", "added": "added", "removed": "removed", "changed": "changed"}
    parts = [
        *([f"kind={kinds[show]}"] if show in kinds else []),
        *([f"gateway={gateways[0]}"] if len(gateways) == 1 else []),
    ]
    return "/catalog/changes.atom" + (f"?{'&'.join(parts)}" if parts else "")


def _address(query: Query, **changes: Any) -> str:
    text = query.filters.canonical(**changes)
    return f"{query.path}?{text}" if text else query.path
