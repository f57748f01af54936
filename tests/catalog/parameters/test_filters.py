"""Every filter is a plain predicate over the documents, alone and with others; and every fact has one, or a reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import orjson
import pytest
from django.http import QueryDict
from hypothesis import given
from hypothesis import strategies as st

from catalog.documents import rendering
from catalog.memory.facets import COUNTED, MOST_VALUES, counted
from catalog.memory.index import Index
from catalog.memory.rows import FACETS, Row
from catalog.memory.selection import SORTS, Selection
from catalog.normalize import dates
from catalog.parameters import kinds
from catalog.parameters.filterset import MOST_PROBLEMS, InvalidParameters
from catalog.parameters.offer_filters import NarrowingFilterSet, OfferFilterSet
from catalog.parameters.pages import page_of
from catalog.pricing import meters, money
from catalog.pricing.schedules import Clause, Schedule
from catalog.records import Availability, Source
from tests.catalog.asking import canonical_query
from tests.catalog.memory.generated import GATEWAYS, MODELS, SECONDS, SOME_TYPES, catalogues, rows
from tests.factories import offer_facts, offer_record, per_token, served_row, snapshot_of

Json = Any
Values = dict[str, str]
OLD_SLUG = "old/merged"


def moment(seconds: int) -> list[str]:
    """One time in several spellings."""
    return [str(seconds), dates.iso(datetime.fromtimestamp(seconds, UTC))]


def words(*known: str) -> st.SearchStrategy[str]:
    return st.lists(st.sampled_from([*known, "unheard-of"]), min_size=1, max_size=3).map(",".join)


def some_of(*known: str) -> st.SearchStrategy[str]:
    return st.lists(st.sampled_from(known), min_size=1, max_size=3).map(",".join)


MOMENTS = st.sampled_from(
    [*moment(SECONDS), *moment(SECONDS + 1), "2026-11-22", "2026-11-23", "2026-11-22T10:00+02:00"]
)
TOKENS = st.sampled_from(["0", "1024", "4096", "4097", "8192", "32768"])
PRICES = st.sampled_from(["0", "0.1", "0.10", "0.15", "1.5", "2.5", "3"])
RATES = st.sampled_from(["0", "2", "2.0", "6.4999", "6.5", "7"])

ASKED: dict[str, st.SearchStrategy[str]] = {
    "gateway": st.sampled_from([*GATEWAYS, "featherless", "all"]),
    "provider": words("Qwen", "QWEN", "strasse", "qwen-image"),
    "host": words("deepinfra", "novita"),
    "model_type": some_of(*SOME_TYPES, "image-generation", "Video"),
    "tags": words("hot", "NEW", "cheap"),
    "tags_any": words("hot", "NEW", "cheap"),
    "input_modalities": words("text", "image"),
    "output_modalities": words("text", "IMAGE"),
    "modality": words("text->text", "text+image->text", "image+text->image"),
    "supported_parameters": words("tools", "seed"),
    "context_length_min": TOKENS,
    "context_length_max": TOKENS,
    "max_completion_tokens_min": TOKENS,
    "prompt_price_min": PRICES,
    "prompt_price_max": PRICES,
    "completion_price_min": PRICES,
    "completion_price_max": PRICES,
    "hourly_rate_min": RATES,
    "hourly_rate_max": RATES,
    "price_tier": some_of("free", "budget", "standard", "premium", "enterprise"),
    "price_status": some_of("priced", "free", "dynamic", "unknown"),
    "price_basis": some_of("token", "hourly", "unit"),
    "execution_mode": some_of("standard", "batch", "flex"),
    "is_free": st.sampled_from(["true", "false"]),
    "is_featured": st.sampled_from(["true", "false"]),
    "availability": some_of(*Availability),
    "created_after": MOMENTS,
    "created_before": MOMENTS,
    "first_seen_after": MOMENTS,
    "expires_before": MOMENTS,
    "canonical_model": words(*MODELS, "QWEN/qwen3", OLD_SLUG.upper()),
    "variant": words("free", "FP8"),
    "hugging_face_id": words(*MODELS, "QWEN/qwen3"),
    "source": some_of(*Source),
    "status": st.sampled_from(["active", "withdrawn", "all"]),
}

RANGES = [
    ("context_length_min", "context_length_max"),
    ("prompt_price_min", "prompt_price_max"),
    ("completion_price_min", "completion_price_max"),
    ("hourly_rate_min", "hourly_rate_max"),
    ("created_after", "created_before"),
]


def seconds(text: str | None) -> int | None:
    if text is None:
        return None
    if text.isdecimal():
        return int(text)
    found = datetime.fromisoformat(text)
    return int((found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp())


def any_of(*has: str | None) -> Callable[[str], bool]:
    return lambda value: not {word and word.casefold() for word in has}.isdisjoint(value.casefold().split(","))


def all_of(*has: str) -> Callable[[str], bool]:
    return lambda value: {word.casefold() for word in has} >= set(value.casefold().split(","))


def in_range(value: Any, least: Any = None, most: Any = None, below: Any = None) -> bool:
    if value is None:
        return False
    return not (
        (least is not None and value < least)
        or (most is not None and value > most)
        or (below is not None and value >= below)
    )


def price(shown: Json, side: str) -> Decimal | None:
    amount = (shown["price_per_million"] or {}).get(side)
    return None if shown["price_basis"] != "token" or amount is None else Decimal(amount)


def rate(shown: Json) -> Decimal | None:
    return Decimal(shown["pricing"]["hourly_rate"]) if "hourly_rate" in shown["pricing"] else None


def spelled_provider(text: str | None) -> str | None:
    return text and text.removeprefix("~").casefold()


def has_modality(shown: Json, value: str) -> bool:
    return any(
        [set(side.split("+")) for side in (shown["architecture"]["modality"] or "").split("->")]
        == [set(side.split("+")) for side in notation.split("->")]
        for notation in value.split(",")
    )


HOLDS: dict[str, Callable[[Json, str], bool]] = {
    "gateway": lambda shown, value: value in {"all", shown["source_gateway"]},
    "provider": lambda shown, value: any_of(spelled_provider(shown["provider_slug"]))(value),
    "host": lambda shown, value: any_of(shown["host"])(value),
    "model_type": lambda shown, value: any_of(shown["model_type"], shown["model_type"].replace(" ", "-"))(value),
    "tags": lambda shown, value: all_of(*shown["tags"])(value),
    "tags_any": lambda shown, value: any_of(*shown["tags"])(value),
    "input_modalities": lambda shown, value: any_of(*shown["architecture"]["input_modalities"] or ())(value),
    "output_modalities": lambda shown, value: any_of(*shown["architecture"]["output_modalities"] or ())(value),
    "modality": has_modality,
    "supported_parameters": lambda shown, value: all_of(*shown["supported_parameters"] or ())(value),
    "context_length_min": lambda shown, value: in_range(shown["context_length"], least=int(value)),
    "context_length_max": lambda shown, value: in_range(shown["context_length"], most=int(value)),
    "max_completion_tokens_min": lambda shown, value: in_range(
        shown["top_provider"]["max_completion_tokens"], least=int(value)
    ),
    "prompt_price_min": lambda shown, value: in_range(price(shown, "input"), least=Decimal(value)),
    "prompt_price_max": lambda shown, value: in_range(price(shown, "input"), most=Decimal(value)),
    "completion_price_min": lambda shown, value: in_range(price(shown, "output"), least=Decimal(value)),
    "completion_price_max": lambda shown, value: in_range(price(shown, "output"), most=Decimal(value)),
    "hourly_rate_min": lambda shown, value: in_range(rate(shown), least=Decimal(value)),
    "hourly_rate_max": lambda shown, value: in_range(rate(shown), most=Decimal(value)),
    "price_tier": lambda shown, value: any_of(shown["price_tier"])(value),
    "price_status": lambda shown, value: any_of(shown["price_status"])(value),
    "price_basis": lambda shown, value: any_of(shown["price_basis"])(value),
    "execution_mode": lambda shown, value: any_of(shown["execution_mode"])(value),
    "is_featured": lambda shown, value: shown["is_featured"] == (value == "true"),
    "is_free": lambda shown, value: shown["price_status"] == {"true": "free", "false": "priced"}[value],
    "availability": lambda shown, value: any_of(shown["availability"])(value),
    "created_after": lambda shown, value: in_range(shown["created"], least=seconds(value)),
    "created_before": lambda shown, value: in_range(shown["created"], below=seconds(value)),
    "first_seen_after": lambda shown, value: in_range(seconds(shown["first_seen"]), least=seconds(value)),
    "expires_before": lambda shown, value: in_range(seconds(shown["expires"]), below=seconds(value)),
    "canonical_model": lambda shown, value: any_of(shown["canonical_model"])(
        value.casefold().replace(OLD_SLUG, MODELS[0])
    ),
    "variant": lambda shown, value: any_of(shown["variant"])(value),
    "hugging_face_id": lambda shown, value: any_of(shown["hugging_face_id"])(value),
    "source": lambda shown, value: any_of(shown["source"])(value),
    "status": lambda shown, value: value in {"all", "active" if shown["withdrawn_at"] is None else "withdrawn"},
}
"""What each filter means: whether a document matches the value of the parameter."""


def questions() -> st.SearchStrategy[Values]:
    pairs = st.sampled_from(sorted(ASKED)).flatmap(lambda name: st.tuples(st.just(name), ASKED[name]))
    return st.lists(pairs, max_size=4).map(lambda drawn: with_ends_in_order(dict(drawn)))


def with_ends_in_order(values: Values) -> Values:
    """The question with the two ends of each range sorted: a range that ends before it begins is refused."""
    for low, high in RANGES:
        if low in values and high in values and in_numbers(values[low]) > in_numbers(values[high]):
            values = values | {low: values[high], high: values[low]}
    return values


def in_numbers(end: str) -> Decimal:
    return Decimal(end) if end.replace(".", "").isdecimal() else Decimal(seconds(end) or 0)


def read(values: Values) -> OfferFilterSet:
    return OfferFilterSet(QueryDict(urlencode(values)))


def served(rows: Iterable[Row]) -> Selection:
    return Selection.of(replace(snapshot_of(*rows), redirects={OLD_SLUG: MODELS[0]}))


def plainly(rows: Iterable[Row], values: Values) -> list[Json]:
    shown = [orjson.loads(row.document) for row in rows]
    values = {"status": "active"} | values
    found = [each for each in shown if all(HOLDS[name](each, value) for name, value in values.items())]
    return sorted(found, key=lambda each: (each["id"], each["source_gateway"]))


def shown(rows: Iterable[Row]) -> list[Json]:
    return [orjson.loads(row.document) for row in rows]


# --- filters ---------------------------------------------------------------------------------------------------------


def test_every_filter_has_its_predicate() -> None:
    assert ASKED.keys() == HOLDS.keys()
    # What a search finds is no plain predicate, and what a saved filter means: test_search.py and test_views.py.
    assert HOLDS.keys() == NarrowingFilterSet.parameters().keys() - {"q", "view"}


@given(catalogues(), st.fixed_dictionaries(ASKED))
def test_a_filter_keeps_what_its_predicate_keeps(rows: list[Row], values: Values) -> None:
    selection = served(rows)
    for name, value in values.items():
        assert (name, shown(read({name: value}).narrowed(selection).rows)) == (name, plainly(rows, {name: value}))


@given(catalogues(), questions())
def test_filters_together_keep_what_all_their_predicates_keep(rows: list[Row], values: Values) -> None:
    assert shown(read(values).narrowed(served(rows)).rows) == plainly(rows, values)


def test_a_modality_is_read_with_a_plus_that_was_not_encoded_too() -> None:
    rows = [served_row(offer_record(input_modalities=("text", "image")))]

    for query in ("modality=text+image->text", "modality=text%2Bimage->text", "modality=image%20text->text"):
        assert len(OfferFilterSet(QueryDict(query)).narrowed(served(rows))) == 1


@pytest.mark.parametrize("hour", ["day", "night"])
def test_a_price_by_the_hour_of_the_day_is_that_of_most_of_the_day_whenever_it_was_read(hour: str) -> None:
    by_hour = {"day": money.usd_per_token("2E-6"), "night": money.usd_per_token("1E-6")}
    night = (16 * 60 + 30, 30)
    schedule = Schedule(
        top={meters.INPUT_TEXT: by_hour[hour]},
        clauses=(
            Clause(rates={meters.INPUT_TEXT: by_hour["night"]}, window=night),
            Clause(rates={meters.INPUT_TEXT: by_hour["day"]}, window=night[::-1]),
        ),
    )
    usual = served_row(offer_record("a/usual", prices=per_token(prompt="1.5E-6")))
    rows = [served_row(offer_record("b/timed", prices=tuple(schedule.prices()))), usual]

    assert [row.id for row in served(rows).sorted_by("-prompt_price").rows] == ["b/timed", "a/usual"]
    assert [row.id for row in read({"prompt_price_min": "2", "prompt_price_max": "2"}).narrowed(served(rows)).rows] == [
        "b/timed"
    ]


# --- every fact can be asked for, or there is a reason ----------------------------------------------------------------

ASKED_BY = {
    "source_gateway": "gateway",
    "provider_slug": "provider",
    "host": "host",
    "model_type": "model_type",
    "tags": "tags",
    "price_status": "price_status",
    "price_basis": "price_basis",
    "price_tier": "price_tier",
    "execution_mode": "execution_mode",
    "price_per_million.input": "prompt_price_max",
    "price_per_million.output": "completion_price_max",
    "pricing.hourly_rate": "hourly_rate_max",
    "architecture.modality": "modality",
    "architecture.input_modalities": "input_modalities",
    "architecture.output_modalities": "output_modalities",
    "context_length": "context_length_min",
    "top_provider.max_completion_tokens": "max_completion_tokens_min",
    "supported_parameters": "supported_parameters",
    "hugging_face_id": "hugging_face_id",
    "created": "created_after",
    "availability": "availability",
    "expires": "expires_before",
    "canonical_model": "canonical_model",
    "variant": "variant",
    "first_seen": "first_seen_after",
    "is_featured": "is_featured",
    "is_hidden": "status",
    "withdrawn_at": "status",
    "source": "source",
}
NOT_ASKED = {
    "id": "it has an address of its own",
    "slug": "it follows from the id",
    "canonical_slug": "a gateway's own word; `canonical_model` is for all of them",
    "name": "a text for people; lists are sorted by it",
    "description": "a text for people",
    "pricing.prompt": "`prompt_price_max` asks for it where it is a token's price and no conversion",
    "pricing.completion": "likewise `completion_price_max`",
    "notes": "sentences for people",
    "stale_since": "it is a mark of a few offers, for people who look at them",
    "held_prices": "it is for the curators, who see it in the admin",
    "holds": "likewise",
    "architecture.tokenizer": "few gateways tell it",
    "architecture.instruct_type": "few gateways tell it",
    "quantization": "few gateways tell it; it can be counted",
    "is_confidential": "one gateway tells it",
    "knowledge_cutoff": "few gateways tell it",
    "top_provider.context_length": "`context_length_min` asks for the model's own",
    "top_provider.is_moderated": "one gateway tells it",
    "per_request_limits": "no gateway tells it",
    "default_parameters": "values of parameters, by which no client chooses an offer",
    "provider_site_url": "it follows from the provider",
    "model_logo_url": "it follows from the provider",
    "recorded_at": "it follows from `source`",
}


def test_every_field_of_a_document_can_be_asked_for_or_has_its_reason() -> None:
    document = rendering.build(
        offer_record(prices=(*per_token(prompt="1", completion="1"), *offer_record().prices)), offer_facts()
    )
    nested = {name: value for name, value in document.items() if isinstance(value, dict)}
    fields = {name for name in document if name not in nested} | {
        f"{name}.{inner}" for name, value in nested.items() for inner in value
    }

    assert tuple(document) == rendering.FIELDS
    assert fields == ASKED_BY.keys() | NOT_ASKED.keys()
    assert not ASKED_BY.keys() & NOT_ASKED.keys()
    assert set(ASKED_BY.values()) <= NarrowingFilterSet.parameters().keys()


# --- the canonical query ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spellings", "expected"),
    [
        (["prompt_price_max=1.50", "prompt_price_max=1.5", "prompt_price_max=01.5"], "prompt_price_max=1.5"),
        (["hourly_rate_min=0.0", "hourly_rate_min=0"], "hourly_rate_min=0"),
        (
            [
                "created_after=2026-01-01",
                "created_after=1767225600",
                "created_after=2026-01-01T00:00Z",
                "created_after=2026-01-01T02:00:00%2B02:00",
                "created_after=2026-01-01T02:00:00+02:00",
                "created_after=2025-12-31T23:59:59.5",
            ],
            "created_after=1767225600",
        ),
        (["modality=image%2Btext->text", "modality=TEXT+IMAGE->text"], "modality=text%2Bimage-%3Etext"),
        (["provider=qwen,deepseek", "provider=DeepSeek-AI&provider=Qwen"], None),
        (["price_tier=free,budget", "price_tier=budget&price_tier=free&price_tier=free"], "price_tier=budget%2Cfree"),
        (["fields=name,id", "fields=id&fields=name"], "fields=id%2Cname"),
        (["facets=tags,host", "facets=host,tags,host"], "facets=host%2Ctags"),
        (["is_free=true"], "is_free=true"),
        (["is_free=false"], "is_free=false"),
        (["status=active", "status=Active", ""], ""),
        (["gateway=OpenRouter", "gateway=openrouter", "gateway=OPENROUTER"], "gateway=openrouter"),
        (["is_free=True", "is_free=true"], "is_free=true"),
        (["sort=-Name", "sort=-name"], "sort=-name"),
        (["price_tier=Free", "price_tier=FREE,free"], "price_tier=free"),
        (["output_modalities=Embeddings", "output_modalities=embedding,embeddings"], "output_modalities=embedding"),
        (["output_modalities=speech", "output_modalities=AUDIO"], "output_modalities=audio"),
        (["output_modalities=transcription", "output_modalities=text"], "output_modalities=text"),
        (["input_modalities=speech", "input_modalities=audio"], "input_modalities=audio"),
        (["modality=text->embeddings", "modality=text->embedding"], "modality=text-%3Eembedding"),
        (["cursor=start"], "cursor=start"),
        (["canonical_model=A/b,c", "canonical_model=C&canonical_model=a/B"], "canonical_model=a%2Fb%2Cc"),
    ],
)
def test_equal_queries_have_one_canonical_query(spellings: list[str], expected: str | None) -> None:
    meant = {canonical_query("/catalog/models", spelling) for spelling in spellings}

    assert len(meant) == 1
    assert None not in meant
    assert expected is None or meant == {expected}


@given(catalogues(), questions())
def test_the_canonical_query_selects_the_same_offers_and_is_canonical(rows: list[Row], values: Values) -> None:
    before = read(values)

    after = OfferFilterSet(QueryDict(before.canonical()))

    assert after.values.keys() == before.values.keys()
    assert after.canonical() == before.canonical()
    assert after.narrowed(served(rows)).members == before.narrowed(served(rows)).members


# --- figures of facets -----------------------------------------------------------------------------------------------


@given(catalogues(), questions(), st.sampled_from(COUNTED))
def test_a_facet_counts_what_all_other_filters_leave(rows: list[Row], values: Values, facet: str) -> None:
    query = read(values)
    own = {"tags": {"tags", "tags_any"}, "price_status": {"price_status", "is_free"}}.get(facet, {facet})

    found = counted(query.narrowed(served(rows), without=query.filters_on(facet)), facet)

    left = plainly(rows, {name: value for name, value in values.items() if name not in own})
    counts = Counter(value for each in left for value in set(FACETS[facet](each)))
    assert {value.casefold(): count for value, count in found.values} == {
        value.casefold(): count for value, count in counts.items()
    }
    assert [count for _, count in found.values] == sorted(counts.values(), reverse=True)
    assert found.size == len(counts)


def test_a_facet_shows_its_most_frequent_values_and_counts_all() -> None:
    rows = [
        served_row(offer_record(f"{number}/{copy}", tags=(f"tag-{number:03}",)))
        for number in range(MOST_VALUES + 20)
        for copy in range(1 + (number >= MOST_VALUES))
    ]

    found = counted(served(rows), "tags")

    assert (len(found.values), found.size) == (MOST_VALUES, MOST_VALUES + 20)
    assert found.values[:2] == [("tag-100", 2), ("tag-101", 2)]
    assert found.values[-1] == (f"tag-{MOST_VALUES - 21:03}", 1)


def test_providers_are_counted_by_the_slug_that_they_are_known_by() -> None:
    rows = [served_row(offer_record(slug, provider_slug=slug)) for slug in ("deepseek", "deepseek-ai", "nobody-Else")]

    assert counted(served(rows), "provider").values == [("deepseek-ai", 2), ("nobody-else", 1)]


# --- walks -----------------------------------------------------------------------------------------------------------


def publications() -> st.SearchStrategy[list[list[Row]]]:
    return st.lists(st.lists(rows(), max_size=4, unique_by=lambda row: (row.id, row.gateway)), max_size=12)


@given(catalogues(), publications(), st.integers(1, 4))
def test_a_walk_shows_each_offer_that_exists_throughout_exactly_once(
    rows: list[Row], news: list[list[Row]], limit: int
) -> None:
    index, cursor = Index.of(rows), "start"
    seen: list[tuple[str, str]] = []
    throughout = {(row.id, row.gateway) for row in served(rows).rows}
    coming = iter(news)
    while cursor:
        listed = Selection.of(replace(snapshot_of(), index=index))
        throughout &= {(row.id, row.gateway) for row in listed.rows}
        page = page_of(listed, OfferFilterSet(QueryDict(f"cursor={cursor}&limit={limit}")).values)
        seen += [(row.id, row.gateway) for row in page.rows]
        cursor = page.next_cursor or ""
        index = index.with_rows(next(coming, []))

    assert len(seen) == len(set(seen))
    assert seen == sorted(seen)
    assert throughout <= set(seen)


@given(st.text() | st.binary().map(lambda raw: raw.decode("latin-1")))
def test_any_text_is_a_cursor_or_an_error_of_the_parameter(sent: str) -> None:
    try:
        query = OfferFilterSet(QueryDict(urlencode({"cursor": sent})))
    except InvalidParameters as error:
        named = [problem.parameter for problem in error.problems]
    else:
        page_of(Selection.of(snapshot_of(served_row(offer_record()))), query.values)
        named = ["cursor"]

    assert named == ["cursor"]


def test_only_the_order_by_id_has_a_next_cursor() -> None:
    listed = served([served_row(offer_record("a")), served_row(offer_record("b"))])

    has_cursor = {
        sort: page_of(listed.sorted_by(sort), OfferFilterSet(QueryDict("limit=1")).values).next_cursor is not None
        for sort in (sign + name for name in SORTS for sign in ("", "-"))
    }

    assert [sort for sort, found in has_cursor.items() if found] == ["id"]


# --- many mistakes ---------------------------------------------------------------------------------------------------


def test_thousands_of_wrong_words_are_counted_but_only_those_that_are_listed_get_a_suggestion(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    suggested: list[str] = []

    def suggest(word: str, known: Iterable[str]) -> str:
        suggested.append(word)
        return "; or what?"

    monkeypatch.setattr(kinds, "did_you_mean", suggest)

    with pytest.raises(InvalidParameters) as raised:
        read({"fields": ",".join(f"wrong{number}" for number in range(8_000)), "sort": "wrong"})

    assert (len(raised.value.problems), raised.value.unlisted) == (MOST_PROBLEMS, 8_001 - MOST_PROBLEMS)
    assert all(problem.reason.endswith("; or what?") for problem in raised.value.problems)
    assert len(suggested) == MOST_PROBLEMS


# --- orders ----------------------------------------------------------------------------------------------------------

SORTED_BY: dict[str, Callable[[Json], Any]] = {
    "id": lambda shown: shown["id"],
    "name": lambda shown: shown["name"].casefold(),
    "created": lambda shown: shown["created"],
    "prompt_price": lambda shown: price(shown, "input"),
    "completion_price": lambda shown: price(shown, "output"),
    "hourly_rate": rate,
    "context_length": lambda shown: shown["context_length"],
    "first_seen": lambda shown: shown["first_seen"],
}


@given(catalogues())
def test_an_order_is_by_its_value_with_unknown_ones_last_and_ties_by_id_and_gateway(rows: list[Row]) -> None:
    listed, selection = plainly(rows, {}), served(rows)
    assert SORTED_BY.keys() == set(SORTS)
    for name, value in SORTED_BY.items():
        unknown = [each for each in listed if value(each) is None]
        for sort in (name, f"-{name}"):
            known = [each for each in listed if value(each) is not None]
            known.sort(key=value, reverse=sort.startswith("-"))  # stable: ties stay by id and gateway

            assert shown(selection.sorted_by(sort).rows) == known + unknown


def test_a_date_means_its_beginning() -> None:
    rows = [served_row(offer_record(expires=date(2026, 11, 22)))]

    before = {day: len(read({"expires_before": day}).narrowed(served(rows))) for day in ("2026-11-22", "2026-11-23")}

    assert before == {"2026-11-22": 0, "2026-11-23": 1}
