"""What all pages share: the head for people and machines, notices about the data, and the foot with its date."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from django.conf import settings

from catalog.memory.sellers import Seller
from catalog.memory.snapshot import Snapshot
from catalog.parameters.endpoints import Query
from catalog.records import Source
from catalog.web import assets, figures, pages
from catalog.web.offers import gateway_name
from catalog.web.templates import render
from front.answers import Answer

View = dict[str, Any]

NAVIGATION = (
    ("Models", "/"),
    ("Compare", "/compare"),
    ("Makers", "/makers"),
    ("Gateways", "/gateways"),
    ("Changes", "/changes"),
    ("API", "/catalog/docs"),
)
LONGEST_DESCRIPTION = 300


def page_answer(
    snapshot: Snapshot,
    query: Query,
    template: str,
    values: Mapping[str, Any],
    *,
    current: str,
    title: str,
    description: str,
    canonical: str = "",
    is_indexed: bool = True,
    status: int = 200,
    cache_control: str = pages.PUBLIC,
    alternates: Sequence[tuple[str, str]] = (),
    json_ld: Sequence[Any] = (),
    about: Sequence[str] | None = None,
) -> Answer:
    """Return a page that shows the published revision.

    `current` is the item of the navigation; `alternates` are addresses of the same as data, by media type; `about` are
    the gateways whose freshness matters to the page, by default all.
    """
    shown = {
        **frame(current=current, title=title, description=description),
        **values,
        "canonical": f"{settings.PUBLIC_URL}{canonical or query.path}",
        "is_indexed": is_indexed,
        "alternates": [{"type": kind, "href": address} for kind, address in alternates],
        "json_ld": list(json_ld),
        "notices": notices(snapshot.sellers, about),
        "revision": {"number": f"{snapshot.revision:,}", **figures.moment_view(snapshot.published_at)},
        "checked": _checked(snapshot.sellers),
    }
    headers = (*pages.HEADERS, ("Cache-Control", cache_control if status == 200 else "no-store"))
    return Answer(status, headers, render(template, shown))


def frame(*, current: str, title: str, description: str) -> View:
    """Return what a page needs that shows no revision, such as an error while there is none."""
    return {
        "site": assets.addresses(),
        "public_url": settings.PUBLIC_URL,
        "navigation": [{"name": name, "href": href, "is_current": name == current} for name, href in NAVIGATION],
        "title": title,
        "description": description[:LONGEST_DESCRIPTION],
        "canonical": "",
        "is_indexed": False,
        "alternates": [],
        "json_ld": [],
        "notices": [],
        "revision": None,
        "checked": None,
        "refresh": 0,
    }


def notices(sellers: Mapping[str, Seller], about: Sequence[str] | None = None) -> Sequence[View]:
    """Return what readers must know before they believe a price: which gateways are not as fresh as they should be."""
    return _notices(tuple(seller for slug, seller in sellers.items() if about is None or slug in about))


@lru_cache(maxsize=256)
def _notices(concerned: tuple[Seller, ...]) -> Sequence[View]:
    found = [notice for seller in concerned if (notice := _notice(seller)) is not None]
    return [*found, *_bundled(concerned)]


def _notice(seller: Seller) -> View | None:
    if seller.source == Source.BUNDLED:
        return None
    name = gateway_name(seller.slug)
    read = f"{name} was last read on {figures.minute(seller.last_success_at)}." if seller.last_success_at else ""
    if seller.state == "held":
        fact = f"A new list of {name} waits for a person."
        return {"is_quiet": False, "fact": fact, "words": f"{read} Its prices may have moved."}
    if seller.state == "disabled" and read:
        return {"is_quiet": False, "fact": read, "words": "It is not read at present; its prices may have moved."}
    if seller.state in {"stale", "failing"} and read:
        return {"is_quiet": False, "fact": read, "words": "Its prices may have moved."}
    return None


def _bundled(sellers: Sequence[Seller]) -> list[View]:
    """Return one notice for all gateways whose list came with the program."""
    dated = [
        f"{gateway_name(seller.slug)} of {figures.long_day(seller.recorded_on)}"
        for seller in sellers
        if seller.source == Source.BUNDLED and seller.recorded_on is not None
    ]
    if not dated:
        return []
    one = len(dated) == 1
    return [
        {
            "is_quiet": True,
            "fact": f"Bundled {'list' if one else 'lists'}: {figures.listed(dated)}.",
            "words": "Its API was not read yet." if one else "Their APIs were not read yet.",
        }
    ]


def _checked(sellers: Mapping[str, Seller]) -> View | None:
    """Return when a gateway was last read."""
    read: list[datetime] = [seller.last_success_at for seller in sellers.values() if seller.last_success_at]
    return figures.moment_view(max(read)) if read else None
