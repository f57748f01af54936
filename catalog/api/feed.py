"""The feed of changes as Atom 1.0 (RFC 4287), for feed readers."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime
from urllib.parse import quote
from uuid import NAMESPACE_URL, uuid5

from django.conf import settings
from django.utils.feedgenerator import Atom1Feed
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from drf_spectacular.types import OpenApiTypes

from catalog import registry
from catalog.api import answers
from catalog.api.base import CatalogViewSet, read
from catalog.api.history import wanted
from catalog.api.introduction import Tag
from catalog.documents.differences import DESCRIBING, PRICED, Kind, PriceChange
from catalog.history import feed
from catalog.history.versions import Change
from catalog.memory.snapshot import Snapshot
from catalog.parameters import filters
from catalog.parameters.endpoints import Query
from catalog.pricing.meters import METERS
from front.answers import Answer

MEDIA_TYPE = "application/atom+xml"

_NO_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that no XML document can contain, not even escaped."""

WORDS = {
    Kind.ADDED: "new",
    Kind.REMOVED: "no longer listed",
    Kind.RETURNED: "listed again",
    Kind.REPRICED: "another price",
    Kind.DESCRIBED: "another description",
    Kind.AVAILABILITY: "another availability",
    Kind.CHANGED: "changed",
    Kind.RENDERED: "shown in another way",
}


def read_change_feed(snapshot: Snapshot, query: Query) -> Answer:
    founded_at = feed.founded_at()
    chosen = wanted(query)
    # A new rendering of all offers would push everything else out of a feed of the newest changes.
    # Models start and stop by the hour, so availability would too.
    chosen = replace(
        chosen, has_rendered=Kind.RENDERED in chosen.kinds, has_availability=Kind.AVAILABILITY in chosen.kinds
    )
    changes = feed.newest_changes(until=snapshot.revision, wanted=chosen, limit=query.values["limit"])
    atom = Feed(query.address().rstrip("?"), founded_at=founded_at)
    for change in changes:
        atom.add(change)
    return answers.answer(atom.writeString("utf-8").encode(), MEDIA_TYPE, cache_control=answers.PUBLIC)


class ChangeFeed(CatalogViewSet):
    prefix = "catalog"
    tag = Tag.HISTORY

    atom = read(
        read_change_feed,
        filters.ChangeFeedFilterSet,
        detail=False,
        url_path="changes.atom",
        media_type=MEDIA_TYPE,
        reads_tables=True,
        summary="The newest changes as an Atom feed",
        description="For feed readers and chat rooms. Filters such as `kind=repriced` choose what to subscribe to. "
        "Changes of availability alone are left out, unless `kind=availability` asks for them.",
        responses=OpenApiTypes.STR,
    )


class Feed(Atom1Feed):
    """An Atom feed. Ids depend on the content and time of an entry, not on a host name: they are equal on all hosts."""

    def __init__(self, address: str, *, founded_at: datetime) -> None:
        """`address` is the feed's path and query; `founded_at` distinguishes this catalogue from others."""
        self._founded_at = founded_at
        super().__init__(
            title="Gatewayz: changes",
            link=f"{settings.PUBLIC_URL}/catalog/changes",
            description="What gateways sell and at what price, as it changes.",
            language="en",
            author_name="Gatewayz",
            feed_url=f"{settings.PUBLIC_URL}{address}",
            feed_guid=_urn("feed", founded_at.isoformat(), address),
        )

    def add(self, change: Change) -> None:
        kinds = ", ".join(WORDS[kind] for kind in change.difference.kinds)
        published = change.published_at.isoformat()
        path = quote(f"/catalog/models/{change.id}/history", safe="/:@")
        self.add_item(
            title=_xml(f"{change.id} at {registry.GATEWAYS[change.gateway].name}: {kinds}"),
            link=f"{settings.PUBLIC_URL}{path}?gateway={change.gateway}",
            description=_xml(_summary(change)),
            # The id contains the number, because revisions share a time while a clock that was set back catches up. It
            # contains the time, because after a restore the same number is another revision's.
            unique_id=_urn("change", str(change.position.revision), published, change.gateway, change.id),
            pubdate=change.published_at,
            updateddate=change.published_at,
            categories=list(change.difference.kinds),
        )

    def latest_post_date(self) -> datetime:
        """Return the time of the newest entry.

        An empty feed does not use the time of the request, so that equal feeds are equal bytes.
        """
        return max((item["updateddate"] for item in self.items), default=self._founded_at)


def _summary(change: Change) -> SafeString:
    found = change.difference
    is_added = Kind.ADDED in found.kinds
    described = found.after if is_added else found.before  # `after` of a returned offer has unchanged fields too
    others = [field for field in found.before if field not in PRICED | DESCRIBING]
    parts = [
        *(_price_line(price, is_first=is_added) for price in found.prices),
        *(format_html("{}: {}", field, found.after[field]) for field in ("name", "description") if field in described),
        *([format_html("Also changed: {}", ", ".join(others))] if others else []),
        *(["By a curator of this catalogue."] if change.is_curated else []),
    ]
    return format_html("<ul>{}</ul>", format_html_join("", "<li>{}</li>", ((part,) for part in parts)))


def _price_line(price: PriceChange, *, is_first: bool) -> SafeString:
    meter = METERS[price.meter]
    amounts = [*([] if is_first else [price.before]), price.after]
    conditions = " and ".join(" ".join(map(str, condition)) for condition in price.conditions)
    return format_html(
        "{}: {} US dollars per {}{}",
        meter.pricing_key,
        " → ".join(amount or "unknown" for amount in amounts),
        meter.unit,
        f", {conditions}" if conditions else "",
    )


def _urn(*parts: str) -> str:
    return uuid5(NAMESPACE_URL, " ".join(("gatewayz", *parts))).urn


def _xml(text: str) -> str:
    return _NO_XML.sub("", text)
