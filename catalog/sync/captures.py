"""Stores the raw responses of a run, and reads them back."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

import orjson

from catalog.adapter.contract import Request
from catalog.models import Capture, RunPage, SyncRun

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_LEVEL = 1


@dataclass(frozen=True, kw_only=True)
class RawPage:
    """One response as received: decoded from its transfer encoding, not yet parsed."""

    request: Request
    body: bytes

    @cached_property
    def sha256(self) -> str:
        return hashlib.sha256(self.body).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptedPage:
    """A request of an earlier run, and the hash of its response."""

    request: Request
    sha256: str


def store(run: SyncRun, pages: Sequence[RawPage], *, now: datetime) -> None:
    """Store the pages with the run. Equal responses are stored once."""
    if not pages:
        return
    hashes = [page.sha256 for page in pages]
    stored = set(Capture.objects.filter(sha256__in=hashes).values_list("sha256", flat=True))
    new = {key: page for key, page in zip(hashes, pages, strict=True) if key not in stored}
    Capture.objects.bulk_create(
        [
            Capture(sha256=key, body=zstd.compress(page.body, _LEVEL), size=len(page.body), captured_at=now)
            for key, page in new.items()
        ],
        ignore_conflicts=True,  # another gateway's run may have stored the same response
    )
    captures = dict(Capture.objects.filter(sha256__in=hashes).values_list("sha256", "pk"))
    RunPage.objects.bulk_create(
        RunPage(run=run, position=position, request=_request_text(page.request), capture_id=captures[key])
        for position, (key, page) in enumerate(zip(hashes, pages, strict=True), start=1)
    )


def accepted_pages(run: SyncRun) -> list[AcceptedPage]:
    rows = RunPage.objects.filter(run=run).order_by("position").values_list("request", "capture__sha256")
    return [AcceptedPage(request=_request(text), sha256=sha256) for text, sha256 in rows]


def stored_pages(run: SyncRun) -> list[RawPage]:
    rows = RunPage.objects.filter(run=run).order_by("position").values_list("request", "capture__body")
    return [RawPage(request=_request(text), body=zstd.decompress(body)) for text, body in rows]


def _request_text(request: Request) -> str:
    return orjson.dumps(request).decode()


def _request(text: str) -> Request:
    return Request(**orjson.loads(text))
