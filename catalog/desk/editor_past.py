"""What happened to one offer: its versions as changes, what curators did, and what a change does to its document."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson
from django.urls import NoReverseMatch, reverse

from catalog.desk import editor_words
from catalog.desk.pages import Values
from catalog.documents.differences import UNREPORTED
from catalog.history.versions import with_document_before
from catalog.memory.rows import Identity, Row
from catalog.models import CurationItem, Offer, OfferVersion, Revision
from catalog.web import figures
from catalog.web.offers import gateway_name

Json = Any
SHOWN = 20
MOST_LINES = 4
LONGEST_VALUE = 160


# --- documents -------------------------------------------------------------------------------------------------------
def lines(before: str | bytes, after: str | bytes) -> list[Values]:
    """Return one line for each value that differs between two documents: `pricing.prompt` with both amounts."""
    old, new = (_flat(orjson.loads(document)) for document in (before, after))
    names = [*old, *(name for name in new if name not in old)]
    return [
        {"name": name, "before": _text(old.get(name)), "after": _text(new.get(name))}
        for name in names
        if old.get(name) != new.get(name) and name not in UNREPORTED
    ]


def as_served(document: str, offer: Offer) -> str:
    """Return the bytes that the API sends for a stored document, which lacks the offer's model."""
    identity = None
    if offer.canonical is not None:
        identity = Identity(
            model=offer.canonical.slug,
            variant=offer.variant,
            rule=offer.identity_rule,
            evidence=offer.identity_evidence,
        )
    return Row.of(document.encode(), identity).document.decode()


def _flat(document: Mapping[str, Json], prefix: str = "") -> dict[str, Json]:
    flat: dict[str, Json] = {}
    for key, value in document.items():
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return flat


def _text(value: Json) -> str:
    """Return a value of a document as people read it, shortened; empty for null."""
    if value is None:
        return ""
    if isinstance(value, list) and value and all(isinstance(each, str) for each in value):
        text = ", ".join(value)
    else:
        text = value if isinstance(value, str) else orjson.dumps(value).decode()
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}…"


# --- versions --------------------------------------------------------------------------------------------------------
def versions(offer: Offer) -> list[Values]:
    """Return the last versions of an offer as changes, newest first."""
    found: list[Any] = list(
        with_document_before(OfferVersion.objects.filter(offer=offer)).order_by("-from_revision")[:SHOWN]
    )
    revisions = Revision.objects.select_related("author", "gateway").in_bulk([each.from_revision for each in found])
    return [_version(each, revisions[each.from_revision]) for each in found]


def _version(version: Any, revision: Revision) -> Values:
    found = lines(version.document_before, version.document) if version.document_before else []
    return {
        "when": figures.moment_view(revision.published_at),
        "who": _publisher(revision),
        "number": f"{revision.number:,}",
        "is_first": version.document_before is None,
        "lines": found[:MOST_LINES],
        "more": max(0, len(found) - MOST_LINES),
    }


def _publisher(revision: Revision) -> str:
    if revision.is_curated:
        return str(revision.author) if revision.author else "the program"
    if revision.is_observed or not revision.gateway:
        return "the program"
    return gateway_name(revision.gateway.slug)


# --- the audit trail -------------------------------------------------------------------------------------------------
def items(offer: Offer) -> list[Values]:
    """Return what curators did to an offer last, newest first."""
    found = CurationItem.objects.filter(subject_kind=CurationItem.Subject.OFFER, subject_number=offer.pk)
    newest = found.select_related("action").order_by("-action", "position")[:SHOWN]
    return [_item(each) for each in newest]


def _item(item: CurationItem) -> Values:
    action = item.action
    return {
        "when": figures.moment_view(action.made_at),
        "who": action.actor,
        "field": editor_words.label_of(item.field),
        "before": _stored(item.field, item.before),
        "after": _stored(item.field, item.after),
        "reason": action.reason,
        "href": action_address(action.number),
        "number": f"{action.number:,}",
    }


def _stored(name: str, stored: Json) -> str:
    return editor_words.override(name, stored["value"]) if isinstance(stored, dict) and "value" in stored else ""


def action_address(number: int) -> str:
    """Return the address of an action's page; empty while the desk has no such page."""
    try:
        return f"{reverse('desk:audit')}{number}/"
    except NoReverseMatch:
        return ""


def names(fields: Iterable[str]) -> str:
    """Return the names of fields in words: `tags and input`."""
    found: Sequence[str] = [editor_words.label_of(name) for name in fields]
    return figures.listed(list(found))
