"""The style, the scripts and the pictures of the pages, each at an address that contains its digest.

Such an address always has the same bytes, so browsers keep them for a year and never ask again. The files are small and
kept in memory: they need no folder of static files and no step that collects them.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from django.http import Http404, HttpResponse
from rest_framework.request import Request

from catalog.memory.snapshot import Snapshot
from catalog.parameters.endpoints import Endpoint, NotFound, Query, always
from catalog.web import pages
from front.answers import Answer

FOLDER = Path(__file__).parent / "public"
FOR_EVER = "public, max-age=31536000, immutable"
BRIEFLY = "public, max-age=300"
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
}
STYLES = {
    "list.css": ("tokens.css", "site.css", "list.css"),
    "page.css": ("tokens.css", "site.css", "more.css"),
    "document.css": ("tokens.css", "site.css", "more.css", "documents.css"),
    "desk.css": (
        "tokens.css",
        "site.css",
        "list.css",
        "desk.css",
        "desk_offers.css",
        "desk_queues.css",
        "desk_bulk.css",
    ),
    "admin.css": ("tokens.css", "site.css", "admin.css"),
}
"""The style of lists of models, documents, the desk, Django's admin, and all other pages: each is one file."""
SVG_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
"""An SVG that is opened directly is a page; this one may not run or load anything."""

_PART = re.compile(r"""(?P<text>"[^"]*"|'[^']*')|/\*.*?\*/|(?P<sign>\s*[{};,]\s*)|(?P<space>\s+)""", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Asset:
    body: bytes
    content_type: str
    address: str
    """With the digest of the bytes."""


def asset(name: str) -> Asset:
    """Return the asset of this file name. Raise KeyError if there is none."""
    return assets()[name]


@cache
def assets() -> Mapping[str, Asset]:
    """Return all assets by name, read once."""
    found = {file.name: file.read_bytes() for file in sorted(FOLDER.iterdir()) if file.suffix in TYPES}
    parts = {name: found.pop(name).decode() for name in [*found] if name.endswith(".css")}
    for name, joined in STYLES.items():
        found[name] = minified("".join(parts[part] for part in joined)).encode()
    return {name: _asset(name, body) for name, body in found.items()}


def minified(css: str) -> str:
    """Return the style without comments and without space that means nothing."""
    return _PART.sub(_shortened, css).replace(";}", "}").strip()


def _shortened(part: re.Match[str]) -> str:
    if part["text"] is not None:
        return part["text"]
    if part["sign"] is not None:
        return part["sign"].strip()
    return "" if part["space"] is None else " "


@cache
def addresses() -> Mapping[str, str]:
    """Return the addresses by the name without its ending: what templates need."""
    return {Path(name).stem.replace(".min", "").replace("-", "_"): each.address for name, each in assets().items()}


def read_asset(name: str) -> Answer:
    """Return the asset that an address names, with a digest or without. Raise NotFound."""
    stem, _, ending = name.rpartition(".")
    found = assets().get(name) or assets().get(f"{stem.rpartition('.')[0]}.{ending}")
    if found is None:
        raise NotFound("There is no such file.")
    # With the digest of another version, such as during an update, today's file is sent and kept only for a moment.
    is_exact = f"/assets/{name}" == found.address
    headers = [("Content-Type", found.content_type), ("Cache-Control", FOR_EVER if is_exact else BRIEFLY)]
    if found.content_type == TYPES[".svg"]:
        headers.append(("Content-Security-Policy", SVG_POLICY))
    return Answer(200, tuple(headers), found.body)


def _read(snapshot: Snapshot, query: Query) -> Answer:
    return read_asset(query.id)


class AssetPage(pages.Page):
    endpoint = Endpoint(media_type="*/*", is_cacheable=True, answer=_read, is_quick=always)

    def get(self, request: Request, asset: str) -> HttpResponse:
        self.check_parameters(request)
        try:
            return pages.to_django(read_asset(asset))  # also before there is a snapshot
        except NotFound as error:
            raise Http404(str(error)) from error


class IconAtRoot(pages.Page):
    """The icon at the address where browsers look for it if a page names none."""

    endpoint = Endpoint(media_type="*/*")

    def get(self, request: Request) -> HttpResponse:
        self.check_parameters(request)
        return pages.to_django(read_asset("favicon.svg"))


def _asset(name: str, body: bytes) -> Asset:
    stem, _, ending = name.rpartition(".")
    digest = hashlib.sha256(body).hexdigest()[:12]
    return Asset(body, TYPES[f".{ending}"], f"/assets/{stem}.{digest}.{ending}")
