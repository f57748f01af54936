"""Reads a gateway's listing from its API, from the bundled catalogue, or from the captures of an earlier run."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from catalog.adapter.contract import Config, Gateway, Listing, Page, Request
from catalog.adapter.errors import BadPayload, GatewayError, Unreachable
from catalog.records import Source
from catalog.sync.captures import AcceptedPage, RawPage

Json = Any
Fetch = Callable[[Request], bytes]
_SAFE_INTEGER_DIGITS = 18
_MOST_PAGES = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """The listing that was read, and the pages that it was read from."""

    pages: Sequence[RawPage]
    listing: Listing | None
    """None if every page is byte for byte the page of the accepted run, so that there is nothing to parse."""
    is_partial: bool = False
    """A page could not be fetched, and the walk went on without it."""


def choose_source(gateway: Gateway, *, setting: str, has_key: bool) -> Source:
    """Return the source that the setting `<SLUG>_SOURCE` (auto, api or bundled) selects."""
    if setting != "auto":
        return Source(setting)
    return Source.BUNDLED if gateway.needs_key_for_auto and not has_key else Source.API


def read_api(gateway: Gateway, *, fetch: Fetch, config: Config, accepted: Sequence[AcceptedPage]) -> Reading:
    """Walk the gateway's API. `accepted` are the pages of the run whose listing is published.

    The pages alone decide the walk. As long as they equal the accepted pages, the next request is known too, and
    nothing needs parsing. At the first page that differs, the real walk starts, with the pages fetched so far.
    No request is sent twice: a page that failed here fails in the walk too, and the walk may go on without it.
    Raises GatewayError.
    """
    fetched: list[RawPage] = []
    failed: tuple[Request, GatewayError] | None = None
    for earlier in accepted:
        try:
            page = _fetched(fetch, earlier.request)
        except GatewayError as error:
            failed = earlier.request, error
            break
        fetched.append(page)
        if page.sha256 != earlier.sha256:
            break
    else:
        if fetched:
            return Reading(pages=fetched, listing=None)
    ahead = list(reversed(fetched))

    def answer(request: Request) -> RawPage:
        if failed is not None and failed[0] == request:
            raise failed[1]
        return _next_page(ahead, request) or _fetched(fetch, request)

    return _walked(gateway, config=config, answer=answer)


def read_bundled(gateway: Gateway, *, fixtures: Path, accepted: Sequence[AcceptedPage]) -> Reading:
    """Read the bundled catalogue. Raises GatewayError."""
    path = fixtures / f"{gateway.slug}_catalog.json"
    try:
        body = path.read_bytes()
    except OSError as error:
        raise Unreachable(f"{path.name} cannot be read: {error.strerror}") from error
    page = RawPage(request=Request(host="bundled", path=path.name), body=body)
    if [page.sha256] == [earlier.sha256 for earlier in accepted]:
        return Reading(pages=[page], listing=None)
    return _bundled(gateway, page)


def read_again(gateway: Gateway, *, source: Source, pages: Sequence[RawPage], config: Config) -> Reading:
    """Read the captures of an earlier run. Raises BadPayload if the pages no longer fit the adapter."""
    if source is Source.BUNDLED:
        return _bundled(gateway, pages[0])
    stored = list(reversed(pages))

    def answer(request: Request) -> RawPage:
        page = _next_page(stored, request)
        if page is None:
            raise BadPayload(f"the captures have no answer to {request.path}")
        return page

    return _walked(gateway, config=config, answer=answer)


def decoded(raw: bytes) -> Json:
    """Decode JSON with exact numbers: fractions become Decimal. Raises BadPayload if it is not JSON.

    Constants that JSON does not define (NaN, Infinity) stay text, so that only the row with one is refused, not the
    file.
    """
    try:
        return json.loads(raw.decode("utf-8-sig"), parse_float=_fraction, parse_int=_integer, parse_constant=str)
    except UnicodeDecodeError as error:
        raise BadPayload(f"is not UTF-8 text (byte {error.start})") from error
    except json.JSONDecodeError as error:
        raise BadPayload(f"is not JSON: {error.msg} at line {error.lineno}, column {error.colno}") from error
    except RecursionError as error:
        raise BadPayload("is not a listing: it is nested too deeply") from error


def _walked(gateway: Gateway, *, config: Config, answer: Callable[[Request], RawPage]) -> Reading:
    pages: list[RawPage] = []
    is_partial = False
    walk = gateway.walk(config)
    try:
        request = next(walk)
        while True:
            if len(pages) == _MOST_PAGES:
                raise BadPayload(f"the listing goes on after {_MOST_PAGES} pages")
            try:
                page = answer(request)
                payload = _payload(page)
            except GatewayError as error:
                is_partial = True
                request = walk.throw(error)  # raises the error again, unless the page is optional
                continue
            pages.append(page)
            request = walk.send(Page(payload=payload))
    except StopIteration as end:
        return Reading(pages=pages, listing=end.value, is_partial=is_partial)


def _payload(page: RawPage) -> Json:
    try:
        return decoded(page.body)
    except BadPayload as error:
        raise BadPayload(f"the answer to {page.request.path} {error}") from error


def _bundled(gateway: Gateway, page: RawPage) -> Reading:
    try:
        return Reading(pages=[page], listing=gateway.bundled_listing(decoded(page.body)))
    except BadPayload as error:
        raise BadPayload(f"{page.request.path}: {error}") from error


def _next_page(pages: list[RawPage], request: Request) -> RawPage | None:
    """Remove and return the last of the pages if it answers the request, else return None."""
    return pages.pop() if pages and pages[-1].request == request else None


def _fetched(fetch: Fetch, request: Request) -> RawPage:
    return RawPage(request=request, body=fetch(request))


def _fraction(digits: str) -> Decimal | str:
    try:
        return Decimal(digits)
    except InvalidOperation:  # an exponent beyond the range of Decimal; the row with it is then rejected
        return digits


def _integer(digits: str) -> int | Decimal:
    # int() raises on thousands of digits, which would refuse the whole document; a Decimal refuses only the row.
    return int(digits) if len(digits) <= _SAFE_INTEGER_DIGITS else Decimal(digits)
