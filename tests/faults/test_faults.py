"""After any fault of an upstream, its published offers stay or get better, and the run states in words what happened.

The requests use the product's own Fetcher and a real server on loopback. `make prove` sets PROVE: then every fault is
tried at every address of both gateways, and lasts for three runs; otherwise a sample of them is tried.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from threading import Event
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from pytest_django.fixtures import Settings

from catalog.curation import holds
from catalog.models import Gateway, Offer, Price, PriceHold, Revision, SyncRun
from catalog.normalize import dates
from catalog.pricing import money
from tests import upstream as faults
from tests.catalog import kept
from tests.faults.stage import (
    CHUTES,
    LLM,
    LLMS,
    OPENROUTER,
    PROVE,
    ROWS,
    SLUGS,
    catalogue,
    check_integrity,
    chute,
    offer_id,
    second_edition,
    serve,
    sync,
)
from tests.upstream import Fault, Upstream

Json = Any
Outcome = SyncRun.Outcome

RUNS = 3 if PROVE else 1
"""The number of runs that a fault lasts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where something goes wrong."""

    slug: str
    path: str
    price: tuple[str, ...]
    """Where a row there has a price."""
    key: str
    """The key of that price in `pricing`."""
    id: str
    """The key of its id."""
    query: Mapping[str, str] = field(default_factory=dict)
    """Of the requests whose answers have the first rows."""

    def breaks(self, upstream: Upstream, *faults: Fault) -> None:
        """Where the rows are that the faults are planted in, and that are fewer then."""
        upstream.breaks(self.path, *faults, times=None, **self.query)

    def __str__(self) -> str:
        return f"{self.slug}{self.path.replace('/', '-').rstrip('-')}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    place: Place
    name: str
    faults: tuple[Fault, ...]
    words: str
    """A pattern that the words of the run, or of what it set aside, must match."""
    outcome: str = Outcome.FAILED
    fetch: dict[str, float] = field(default_factory=dict)
    """Settings."""

    def __str__(self) -> str:
        return f"{self.place}-{self.name}"


AT_OPENROUTER = Place(slug="openrouter", path=OPENROUTER, price=("pricing", "prompt"), key="prompt", id="id")
AT_CHUTES = Place(
    slug="chutes",
    path=CHUTES,
    price=("current_estimated_price", "usd", "hour"),
    key="hourly_rate",
    id="name",
    query={"page": "0"},
)
AT_LLM = Place(slug="chutes", path=LLM, price=("pricing", "prompt"), key="prompt", id="id")
PLACES = (AT_OPENROUTER, AT_CHUTES, AT_LLM)


def sampled(cases: Iterable[Case], *names: str) -> list[Case]:
    """Of places other than the first, only these, unless everything is to be proved."""
    return [case for case in cases if PROVE or case.place is AT_OPENROUTER or case.name in names]


def answers_that_are_none(place: Place) -> list[Case]:
    where = rf"\w[\w.]+: 127\.0\.0\.1:\d+{place.path}"
    asked = rf"the answer to {place.path}"
    elsewhere = "https://elsewhere.example/v1/models?token=1"
    listed: list[tuple[str, tuple[Fault, ...], str]] = [
        ("429", (faults.rate_limited(7_200),), f"{where} answered 429 Too Many Requests and asks to wait 7200 seconds"),
        ("429 again and again", (faults.rate_limited(2),), f"{where} answered 429 .* asks to wait 2 seconds"),
        ("429 without a time", (faults.rate_limited(),), f"{where} answered 429 Too Many Requests: .*Rate limit"),
        ("500", (faults.server_error(),), f"{where} answered 500 Internal Server Error"),
        ("503 with a time", (faults.status(503, "", retry_after="60"),), f"{where} answered 503 .* wait 60 seconds"),
        ("401", (faults.unauthorized(),), f"{where} answered 401 Unauthorized: .*Authentication required"),
        ("404 Gone.", (faults.gone(),), rf"{where} answered 404 Not Found: Gone\."),
        ("204", (faults.status(204),), f"{where} answered 204 No Content, which is no listing"),
        ("HTML", (faults.html(),), f"{asked} is not JSON: Expecting value at line 1, column 1"),
        ("an empty body", (faults.empty_body(),), f"{where} answered with an empty body"),
        ("truncated JSON", (faults.truncated_json(),), f"{asked} is not JSON: .* at line 1, column \\d+"),
        ("broken off", (faults.broken_off(),), f"{where} broke off after [\\d,]+ bytes"),
        ("reset", (faults.connection_reset(),), f"{where} (broke off after [\\d,]+ bytes|gave no answer: .+)"),
        ("hung up", (faults.hung_up(),), f"{where} gave no answer: .+"),
        ("no HTTP", (faults.no_http(),), f"{where} gave no answer: .+"),
        ("a broken gzip", (faults.broken_gzip(),), f"{where} answered with a broken gzip"),
        ("a truncated gzip", (faults.truncated_gzip(),), f"{where} broke off after [\\d,]+ bytes, within its gzip"),
        ("too large", (faults.oversized(2),), f"{where} answered with more than 1,048,576 bytes"),
        ("too large, announced", (faults.oversized(2, is_announced=True),), f"{where} .*more than 1,048,576 bytes"),
        (
            "another host",
            (faults.redirect(elsewhere),),
            f"{where} redirects to another host, https://elsewhere.example;",
        ),
        ("a circle", (faults.redirect_loop(),), f"{where} redirects more than 3 times"),
        ("NUL bytes", (faults.nul_bytes(),), f"{asked} is not JSON: Expecting value at line 1, column 1"),
        ("2,000 levels", (faults.deeply_nested("deep"),), f"{asked} is not a listing: it is nested too deeply"),
        ("100,000 levels", (faults.deeply_nested("deep", levels=100_000),), f"{asked} .* nested too deeply"),
        ("no UTF-8", (faults.planted("<latin>", "x"), in_latin_1), f"{asked} is not UTF-8 text"),
        ("null", (instead(b"null"),), "'s? answer holds no list"),
        ("an error of its own", (instead(b'{"error": "busy"}'),), "'s? answer holds no list"),
    ]
    bomb = f"{where} answered with a gzip of over 100 times its size"
    drip = f"{where} did not finish its answer within 0.6 seconds"
    cases = [Case(place=place, name=name, faults=spoilt, words=words) for name, spoilt, words in listed]
    return [
        *cases,
        Case(place=place, name="bomb", faults=(faults.gzip_bomb(),), words=bomb, fetch={"MAX_MEBIBYTES": 64}),
        Case(place=place, name="drip", faults=(faults.drip_body(),), words=drip, fetch={"TOTAL_SECONDS": 0.6}),
        Case(
            place=place,
            name="drip of headers",
            faults=(faults.drip_headers(),),
            words=drip,
            fetch={"TOTAL_SECONDS": 0.6},
        ),
        Case(
            place=place,
            name="silence",
            faults=(faults.silence(),),
            words=f"{where} sent nothing for 0.2 seconds",
            fetch={"IDLE_SECONDS": 0.2},
        ),
    ]


def in_latin_1(answer: faults.Answer) -> faults.Answer:
    return replace(answer, text=answer.body.replace(b"<latin>", "é".encode("latin-1")))


def instead(text: bytes) -> Fault:
    return lambda answer: replace(answer, text=text)


NO_ANSWERS = sampled(
    [case for place in PLACES for case in answers_that_are_none(place)],
    *("429", "500", "HTML", "truncated JSON", "drip"),
)


@pytest.fixture
def both_published(upstream: Upstream) -> None:
    """The first edition of both gateways is published, the second one is what they list since."""
    publish_both()
    serve(upstream, 2)


@kept.once
def publish_both() -> None:
    for slug in SLUGS:
        assert sync(slug).outcome == Outcome.PUBLISHED


def other_than(slug: str) -> str:
    return next(other for other in SLUGS if other != slug)


def check_that_the_other_gateway_syncs(slug: str) -> None:
    other = other_than(slug)
    before = catalogue(other)

    assert sync(other).outcome == Outcome.PUBLISHED
    assert catalogue(other).documents == second_edition(before.documents)


def check_that_it_heals(slug: str, first: dict[str, str]) -> None:
    """The next good answer is published as if nothing had happened."""
    healed = sync(slug)

    assert (healed.outcome, healed.error, healed.rejected) == (Outcome.PUBLISHED, "", 0)
    assert catalogue(slug).documents == second_edition(first)
    gateway = Gateway.objects.get(slug=slug)
    assert (gateway.failures, gateway.accepted_run, gateway.lease_expires_at) == (0, healed, None)
    assert not PriceHold.objects.exists()
    check_integrity()


@pytest.mark.django_db
@pytest.mark.usefixtures("both_published")
@pytest.mark.parametrize("case", NO_ANSWERS, ids=str)
def test_an_answer_that_is_none_fails_the_run_and_changes_nothing(
    upstream: Upstream, settings: Settings, case: Case
) -> None:
    slug = case.place.slug
    before = catalogue(slug)
    upstream.breaks(case.place.path, *case.faults)
    for name, value in case.fetch.items():
        setattr(settings, f"FETCH_{name}", value)

    for number in range(1, 1 + RUNS):
        run = sync(slug)

        failures = number if case.outcome == Outcome.FAILED else 0
        assert (run.outcome, Gateway.objects.get(slug=slug).failures) == (case.outcome, failures)
        assert re.search(case.words, run.error), run.error
        assert "token=1" not in run.error
        assert catalogue(slug) == before

    check_that_the_other_gateway_syncs(slug)
    upstream.heals(case.place.path)
    check_that_it_heals(slug, dict(before.documents))


# --- listings that are not believed ----------------------------------------------------------------------------------
def without_total(answer: faults.Answer) -> faults.Answer:
    """Return the answer as OpenRouter gave it before mid-2026."""
    return replace(answer, payload={"data": answer.payload["data"]})


def listings(place: Place) -> list[Case]:
    nothing = "the listing is empty; an empty answer is never taken for an empty catalogue"
    rejected = r"rows were rejected, more than 20 %"
    spoilt = on_rows(lambda number, row: row | {place.id: 7} if number % 2 else row)
    if place is AT_OPENROUTER:
        half = "20 of 40 known offers are missing, more than 30 %"
        return [
            Case(place=place, name="empty", faults=(faults.empty_page(),), words=nothing, outcome=Outcome.HELD),
            Case(
                place=place,
                name="half",
                faults=(without_total, faults.half_the_list()),
                words=half,
                outcome=Outcome.HELD,
            ),
            Case(
                place=place,
                name="repeated",
                faults=(faults.repeated_rows(),),
                words=f"40 of 80 {rejected}",
                outcome=Outcome.HELD,
            ),
            Case(place=place, name="half spoilt", faults=(spoilt,), words=f"20 of 40 {rejected}", outcome=Outcome.HELD),
        ]
    if place is AT_CHUTES:
        return [
            Case(
                place=place,
                name="empty",
                faults=(faults.empty_page(),),
                words="Chutes lists nothing on one of its hosts",
            ),
            Case(place=place, name="half spoilt", faults=(spoilt,), words=f"20 of 40 {rejected}", outcome=Outcome.HELD),
        ]
    return [
        Case(
            place=place, name="empty", faults=(faults.empty_page(),), words="Chutes lists nothing on one of its hosts"
        ),
        Case(
            place=place,
            name="repeated",
            faults=(faults.repeated_rows(),),
            words=f"24 of 64 {rejected}",
            outcome=Outcome.HELD,
        ),
        Case(place=place, name="half spoilt", faults=(spoilt,), words=f"12 of 40 {rejected}", outcome=Outcome.HELD),
    ]


def on_rows(change: Callable[[int, Json], Json]) -> Fault:
    def changed(answer: faults.Answer) -> faults.Answer:
        key = "items" if "items" in answer.payload else "data"
        rows = [change(number, row) for number, row in enumerate(answer.payload[key])]
        return replace(answer, payload={**answer.payload, key: rows})

    return changed


LISTINGS = sampled([case for place in PLACES for case in listings(place)], "empty", "repeated")


@pytest.mark.django_db
@pytest.mark.usefixtures("both_published")
@pytest.mark.parametrize("case", LISTINGS, ids=str)
def test_a_listing_that_is_not_believed_changes_nothing(upstream: Upstream, settings: Settings, case: Case) -> None:
    test_an_answer_that_is_none_fails_the_run_and_changes_nothing(upstream, settings, case)


# --- rows that are spoilt --------------------------------------------------------------------------------------------
def spoilt_prices(place: Place) -> list[Case]:
    """The words are those of the note."""
    unreadable: list[tuple[str, Fault, str]] = [
        ("NaN", faults.nan(*place.price), "must be a decimal number, not 'NaN'"),
        ("Infinity", faults.planted("-Infinity", *place.price), "must be a decimal number, not '-Infinity'"),
        ("1e999", faults.beyond_numbers(*place.price), "must have at most 40 digits"),
        (
            "1e99999999999999999999",
            faults.planted("1e99999999999999999999", *place.price),
            "must be a decimal number, not '1e99999999999999999999'",
        ),
        (
            "5,000 digits",
            faults.planted("9" * 5_000, *place.price),
            f"must be a decimal number, not '{'9' * 40}…'",
        ),
        ("null price", faults.planted("null", *place.price), "is missing"),
    ]
    return [
        Case(place=place, name=name, faults=(spoilt,), words=words, outcome=Outcome.PUBLISHED)
        for name, spoilt, words in unreadable
    ]


SPOILT_PRICES = sampled([case for place in PLACES for case in spoilt_prices(place)], "NaN", "null price")


def without_price(place: Place, document: str, *, note: str) -> Json:
    """The document with this one price unknown and the note with the reason; all else of it is kept."""
    found = json.loads(document)
    assert found["pricing"][place.key] is not None
    changed = {"pricing": {**found["pricing"], place.key: None}, "notes": [note]}
    if place.key == "hourly_rate":
        return {**found, **changed, "price_tier": None}
    return {**found, **changed, "price_per_million": {**found["price_per_million"], "input": None}}


@pytest.mark.django_db
@pytest.mark.usefixtures("both_published")
@pytest.mark.parametrize("case", SPOILT_PRICES, ids=str)
def test_a_spoilt_price_is_unknown_and_the_rest_of_its_row_is_kept(upstream: Upstream, case: Case) -> None:
    slug, spoilt = case.place.slug, offer_id(0)
    before = catalogue(slug)
    case.place.breaks(upstream, *case.faults)

    run = sync(slug)

    assert (run.outcome, run.error, run.rejected, run.held_prices) == (case.outcome, "", 0, 0)
    second = second_edition(before.documents)
    after = catalogue(slug)
    note = f"The price of {case.place.key} is unknown: its amount {case.words}."
    assert json.loads(after.documents[spoilt]) == without_price(case.place, second[spoilt], note=note)
    assert {**after.documents, spoilt: ""} == {**second, spoilt: ""}
    check_integrity()
    for _ in range(1, RUNS):
        assert (sync(slug).outcome, catalogue(slug)) == (Outcome.UNCHANGED, after)
    check_that_the_other_gateway_syncs(slug)
    upstream.heals(case.place.path)
    check_that_it_heals(slug, dict(before.documents))


def spoilt_rows(place: Place) -> list[Case]:
    text = rf"(chute\.|llm\.)?{place.id}"
    unreadable: list[tuple[str, Fault, str]] = [
        ("lone surrogate", faults.lone_surrogate(place.id), rf"{text}: contains the character U\+D83D"),
        ("NUL character", faults.nul_character(place.id), rf"{text}: contains the character U\+0000"),
        ("300 levels", faults.deeply_nested(place.id, levels=300), f"{text}: must be text, not list"),
        ("800 levels", faults.deeply_nested(place.id, levels=800), f"{text}: must be text, not list"),
    ]
    return [
        Case(place=place, name=name, faults=(spoilt,), words=words, outcome=Outcome.PUBLISHED)
        for name, spoilt, words in unreadable
    ]


SPOILT_ROWS = sampled([case for place in PLACES for case in spoilt_rows(place)], "lone surrogate", "300 levels")


@pytest.mark.django_db
@pytest.mark.usefixtures("both_published")
@pytest.mark.parametrize("case", SPOILT_ROWS, ids=str)
def test_a_spoilt_row_is_set_aside_with_its_reason_and_harms_no_other(upstream: Upstream, case: Case) -> None:
    slug, spoilt = case.place.slug, offer_id(0)
    before = catalogue(slug)
    case.place.breaks(upstream, *case.faults)

    run = sync(slug)

    assert (run.outcome, run.rejected) == (case.outcome, 1)
    [rejected] = run.rejected_rows.all()
    # A deployment whose id is spoilt is known by its other id; a row of OpenRouter has only the one.
    assert rejected.model_id == ("" if case.place is AT_OPENROUTER else spoilt)
    assert re.fullmatch(case.words, rejected.reason), rejected.reason
    after = catalogue(slug)
    stale_since = dates.iso(Revision.objects.newest().published_at) if rejected.model_id else None
    expected = second_edition(before.documents, without=frozenset({spoilt}))
    assert json.loads(after.documents[spoilt]) == {**json.loads(expected[spoilt]), "stale_since": stale_since}
    assert {**after.documents, spoilt: ""} == {**expected, spoilt: ""}
    for _ in range(1, RUNS):
        again = sync(slug)
        assert (again.outcome, again.rejected, catalogue(slug)) == (Outcome.UNCHANGED, 1, after)
    check_that_the_other_gateway_syncs(slug)
    upstream.heals(case.place.path)
    check_that_it_heals(slug, dict(before.documents))


LEVELS = range(900, 1_010) if PROVE else range(940, 1_000, 20)


@pytest.mark.django_db
@pytest.mark.usefixtures("both_published")
def test_nesting_of_any_depth_spoils_its_row_or_fails_the_run_in_words(upstream: Upstream) -> None:
    for levels in LEVELS:
        upstream.breaks(OPENROUTER, faults.deeply_nested("name", levels=levels))

        run = sync("openrouter")

        reasons = [row.reason for row in run.rejected_rows.all()]
        assert (run.error, reasons) in [
            ("", ["name: must be text, not list"]),
            (f"the answer to {OPENROUTER} is not a listing: it is nested too deeply", []),
        ], levels
        upstream.heals(OPENROUTER)
    check_integrity()


CUTS = 200 if PROVE else 8


@pytest.mark.django_db
@pytest.mark.usefixtures("both_published")
@pytest.mark.parametrize("slug", SLUGS)
def test_an_answer_that_is_cut_off_anywhere_fails_the_run(upstream: Upstream, slug: str) -> None:
    place = AT_OPENROUTER if slug == "openrouter" else AT_CHUTES
    before = catalogue(slug)
    for cut in range(CUTS):

        def cut_off(answer: faults.Answer, share: float = cut / CUTS) -> faults.Answer:
            return replace(answer, text=answer.body[: int(share * len(answer.body))])

        place.breaks(upstream, cut_off)

        run = sync(slug)

        assert run.outcome == Outcome.FAILED
        assert re.search("is not JSON: |answered with an empty body", run.error), run.error
        assert catalogue(slug) == before
        upstream.heals(place.path)
    check_that_it_heals(slug, dict(before.documents))


# --- what is only an ornament, or comes twice ------------------------------------------------------------------------
@pytest.mark.django_db
@pytest.mark.usefixtures("both_published")
@pytest.mark.parametrize(
    ("place", "column"), [(AT_OPENROUTER, "description"), (AT_CHUTES, "tagline")], ids=["openrouter", "chutes"]
)
@pytest.mark.parametrize("spoil", [faults.lone_surrogate, faults.nul_character], ids=lambda spoil: str(spoil.__name__))
def test_a_spoilt_description_costs_no_offer(
    upstream: Upstream, place: Place, column: str, spoil: Callable[[str], Fault]
) -> None:
    before = catalogue(place.slug)
    place.breaks(upstream, spoil(column))

    run = sync(place.slug)

    assert (run.outcome, run.rejected) == (Outcome.PUBLISHED, 0)
    after = catalogue(place.slug).documents
    assert re.search('"description":"(half a character:|before after)', after[offer_id(0)])
    assert {**after, offer_id(0): ""} == second_edition(before.documents) | {offer_id(0): ""}
    upstream.heals(place.path)
    check_that_it_heals(place.slug, dict(before.documents))


@pytest.mark.django_db
@pytest.mark.usefixtures("both_published")
def test_deployments_that_come_twice_are_counted_once(upstream: Upstream) -> None:
    before = catalogue("chutes")
    # All forty are on one of the pages, as when the counter that orders them moves between the two.
    upstream.breaks(CHUTES, on_page([*range(30, 40), *range(20)]), page="1")

    run = sync("chutes")

    assert (run.outcome, run.rejected, run.seen) == (Outcome.PUBLISHED, 0, ROWS)
    assert catalogue("chutes").documents == second_edition(before.documents)


def on_page(numbers: Iterable[int]) -> Fault:
    return lambda answer: replace(answer, payload=answer.payload | {"items": [chute(n, 2) for n in numbers]})


# --- half a list with the total of the whole -------------------------------------------------------------------------
HALVES = [AT_OPENROUTER, AT_CHUTES]


@pytest.mark.django_db
@pytest.mark.usefixtures("both_published")
@pytest.mark.parametrize("place", HALVES, ids=str)
def test_half_a_list_with_its_total_withdraws_nothing_and_heals(upstream: Upstream, place: Place) -> None:
    before = catalogue(place.slug)
    place.breaks(upstream, faults.half_the_list())

    for _ in range(RUNS):
        sync(place.slug)

    assert not Offer.objects.exclude(withdrawn_at=None).exists()
    assert not Offer.objects.filter(missed_runs__gt=0).exists()
    assert catalogue(place.slug).documents.keys() == before.documents.keys()
    check_integrity()
    check_that_the_other_gateway_syncs(place.slug)
    upstream.heals(place.path)
    sync(place.slug)
    assert catalogue(place.slug).documents == second_edition(before.documents)


@pytest.mark.django_db
@pytest.mark.usefixtures("both_published")
@pytest.mark.parametrize("place", HALVES, ids=str)
def test_a_run_reports_that_it_read_half_a_list(upstream: Upstream, place: Place) -> None:
    place.breaks(upstream, faults.half_the_list())

    assert re.search("missing|incomplete", sync(place.slug).error)


@pytest.mark.django_db
@pytest.mark.usefixtures("both_published")
@pytest.mark.parametrize("place", [AT_CHUTES, AT_LLM], ids=str)
def test_half_a_list_takes_nothing_from_what_the_other_host_lists(upstream: Upstream, place: Place) -> None:
    before = catalogue(place.slug)
    place.breaks(upstream, faults.half_the_list())

    sync(place.slug)

    assert catalogue(place.slug).documents in [before.documents, second_edition(before.documents)]


# --- prices that are not believed ------------------------------------------------------------------------------------
PRICES = [
    (place, factor, words)
    for place in PLACES
    for factor, words in [(20, "it moved more than 10-fold, from .+ to .+"), (0, "it fell from .+ to zero")]
    # OpenRouter's zeros mean "not applicable" in most places, so they are no prices that could be doubted.
    if factor or (PROVE and place is not AT_OPENROUTER)
]


METERS = {
    "prompt": "input.text",
    "completion": "output.text",
    "input_cache_read": "input.text.cache_read",
    "hourly_rate": "compute.hour",
    "step": "step",
}
KEYS = {
    AT_OPENROUTER.path: ("prompt", "completion", "input_cache_read"),
    AT_CHUTES.path: ("step", "hourly_rate"),
    AT_LLM.path: ("prompt", "completion"),
}
"""The prices that each place states, in the order of the meters. The other host states what an LLM's tokens cost."""


def with_holds(place: Place, document: Json, *, factor: int, since: str, words: str) -> Json:
    """The document as it is served while its gateway asks a multiple of each price that this place states."""
    served = document["pricing"]
    keys = [key for key in KEYS[place.path] if served.get(key)]
    waiting = [
        {
            "meter": METERS[key],
            "pricing_key": key,
            "conditions": [],
            "reported": (money.with_decimal if key == "hourly_rate" else money.plain)(factor * Decimal(served[key])),
            "served": served[key],
            "since": since,
            "reason": Words(words),
        }
        for key in keys
    ]
    return {**document, "held_prices": keys, "holds": waiting}


def parsed(documents: Mapping[str, str]) -> dict[str, Json]:
    return {key: json.loads(text) for key, text in documents.items()}


class Words(str):
    """Equals every text that matches it as a pattern."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, str) and re.fullmatch(str(self), other) is not None

    __hash__ = str.__hash__


@pytest.mark.django_db
@pytest.mark.usefixtures("both_published")
@pytest.mark.parametrize(("place", "factor", "words"), PRICES, ids=str)
def test_prices_that_are_not_believed_wait_for_a_curator_and_heal_with_them(
    upstream: Upstream, place: Place, factor: int, words: str
) -> None:
    before = catalogue(place.slug)
    upstream.breaks(place.path, faults.prices_times(factor))

    first = sync(place.slug)

    assert first.outcome == Outcome.PUBLISHED
    assert first.held_prices == PriceHold.objects.waiting().count() >= LLMS
    held = catalogue(place.slug)
    since = dates.iso(Revision.objects.newest().published_at)
    second = parsed(second_edition(before.documents))
    assert parsed(held.documents) == {
        key: with_holds(place, document, factor=factor, since=since, words=words) for key, document in second.items()
    }
    assert first.held_prices == sum(len(json.loads(text)["holds"]) for text in held.documents.values())
    check_integrity()
    for _ in range(RUNS):
        assert (sync(place.slug).outcome, catalogue(place.slug)) == (Outcome.UNCHANGED, held)
    check_that_the_other_gateway_syncs(place.slug)

    upstream.heals(place.path)
    assert sync(place.slug).outcome == Outcome.PUBLISHED
    assert catalogue(place.slug).documents == second_edition(before.documents)
    assert not PriceHold.objects.waiting().exists()
    check_integrity()


@pytest.mark.django_db
@pytest.mark.usefixtures("both_published")
@pytest.mark.parametrize("place", PLACES, ids=str)
def test_a_held_price_is_served_once_it_is_released(upstream: Upstream, place: Place) -> None:
    upstream.breaks(place.path, faults.prices_times(20))
    sync(place.slug)
    waiting = PriceHold.objects.waiting().filter(offer__model_id=offer_id(3))
    held = catalogue(place.slug).documents

    for hold in waiting:
        holds.decide_price_hold(hold, state=PriceHold.State.RELEASED, author=None, now=timezone.now())
    sync(place.slug)

    after = catalogue(place.slug).documents
    released = PriceHold.objects.filter(state=PriceHold.State.RELEASED, offer__gateway__slug=place.slug)
    assert released.exists()
    for hold in released:
        assert billed_by(place.slug, offer_id(3))[hold.meter] == hold.amount
    assert {key for key in after if after[key] != held[key]} == {offer_id(3)}
    check_integrity()


def billed_by(slug: str, key: str) -> dict[str, str]:
    prices = Price.objects.open().filter(offer__gateway__slug=slug, offer__model_id=key)
    return dict(prices.values_list("meter", "amount"))


# --- the schedule ----------------------------------------------------------------------------------------------------
@pytest.mark.django_db
@pytest.mark.usefixtures("both_published")
def test_a_gateway_that_asks_for_a_pause_is_left_alone_for_that_time(upstream: Upstream, waits: list[float]) -> None:
    upstream.breaks(OPENROUTER, faults.rate_limited(7_200))

    run = sync("openrouter")

    assert run.finished_at
    next_run_at = Gateway.objects.get(slug="openrouter").next_run_at
    assert next_run_at
    assert next_run_at - run.finished_at == timedelta(seconds=7_200)
    assert waits == []


@pytest.mark.django_db
@pytest.mark.usefixtures("both_published")
def test_a_fault_that_passes_within_a_request_is_not_even_noticed(upstream: Upstream, waits: list[float]) -> None:
    before = catalogue("openrouter")
    upstream.breaks(OPENROUTER, faults.rate_limited(2), times=1)
    upstream.breaks(OPENROUTER, faults.broken_off(), times=1)

    check_that_it_heals("openrouter", dict(before.documents))
    assert len(waits) == 2


@pytest.mark.django_db
@pytest.mark.usefixtures("both_published")
@pytest.mark.parametrize("place", PLACES, ids=str)
def test_a_page_that_fails_is_asked_for_as_often_as_the_settings_allow(
    upstream: Upstream, settings: Settings, place: Place
) -> None:
    upstream.breaks(place.path, faults.server_error())
    already_seen = len(upstream.seen)

    sync(place.slug)

    asked = [seen for seen in upstream.seen[already_seen:] if seen.path == place.path]
    assert len(asked) == settings.FETCH_ATTEMPTS


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("both_published")
@pytest.mark.parametrize("slug", SLUGS)
def test_a_gateway_syncs_while_the_other_one_is_silent(upstream: Upstream, settings: Settings, slug: str) -> None:
    path = OPENROUTER if slug == "openrouter" else LLM
    before = catalogue(slug)
    settings.FETCH_IDLE_SECONDS = settings.FETCH_TOTAL_SECONDS = 3
    asked = Event()

    def silent(answer: faults.Answer) -> faults.Answer:
        asked.set()
        return faults.silence()(answer)

    def sync_and_close() -> SyncRun:
        try:
            return sync(slug)
        finally:
            connection.close()

    upstream.breaks(path, silent)
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(sync_and_close)
        assert asked.wait(20)
        check_that_the_other_gateway_syncs(slug)
        assert not waiting.done()
        run = waiting.result(20)

    assert (run.outcome, catalogue(slug).documents) == (Outcome.FAILED, before.documents)
    upstream.heals(path)
    check_that_it_heals(slug, dict(before.documents))
