"""What is wrong with a query string is refused with 400, by the name of the parameter; nothing is ever guessed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote_from_bytes, urlencode

import orjson
import pytest
from django.test import Client
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from catalog.memory import following
from catalog.normalize import dates
from catalog.parameters import kinds
from catalog.parameters.compatible import CompatibleFilterSet
from catalog.parameters.offer_filters import OfferFilterSet
from catalog.web.pages import HTML
from tests.catalog.addresses import READS, Address, declared
from tests.catalog.api.reading import problem_of, read
from tests.factories import offer_record, served_row, snapshot_of

Json = Any

PARAMETERS = OfferFilterSet.parameters()
STRICT = [
    address for address in declared() if address.route.startswith("/catalog/") and "catalog/sync" not in address.route
]
SCALARS = sorted(name for name, parameter in PARAMETERS.items() if not parameter.takes_several)
LISTS = sorted(name for name, parameter in PARAMETERS.items() if parameter.takes_several)
CLOSED = sorted(
    name
    for name, parameter in PARAMETERS.items()
    if isinstance(parameter, kinds.OneOf | kinds.AnyOf | kinds.ModelTypes | kinds.YesNo)
)
AMOUNTS = sorted(name for name, parameter in PARAMETERS.items() if isinstance(parameter, kinds.UsDollars))
COUNTS = sorted(name for name, parameter in PARAMETERS.items() if isinstance(parameter, kinds.WholeNumber))
MOMENTS = sorted(name for name, parameter in PARAMETERS.items() if isinstance(parameter, kinds.Moment))
TEXTS = sorted(PARAMETERS.keys() - {*CLOSED, *AMOUNTS, *COUNTS, *MOMENTS, "cursor", "view"})
"""Parameters that take any text; every other one has a closed set or a format of values."""

BAD_ANYWHERE = {
    "empty": "",
    "no value": None,
    "space": "+",
    "NUL": "%00",
    "NUL within": "a%00b",
    "10,000 characters": "x" * 10_000,
    "surrogate": "%ED%A0%80",
    "no UTF-8": "caf%E9",
}
BAD_NUMBERS = [
    "abc",
    "1e3",
    "1.0",
    "0x10",
    "1_000",
    "99999999999999999999999",
    "9" * 300,
    "%D9%A3",  # an Arabic-Indic three: a digit to Unicode, and to int()
    "%C2%B2",
    "+5",
    "%2B5",
    "5+",
    "-1",
    "%zz",
    "1,2",
    "null",
    "NaN",
]


@pytest.fixture(autouse=True)
def something_served(monkeypatch: pytest.MonkeyPatch) -> None:
    held = snapshot_of(served_row(offer_record("maker/one", tags=("hot",))), served_row(offer_record("maker/two")))
    monkeypatch.setattr(following.FOLLOWER, "snapshot", held)


def refusal(client: Client, query: str, *, address: str = "/catalog/models") -> Json:
    problem = problem_of(client.get(f"{address}?{query}"), status=400)
    assert problem["type"] == "/docs/problems/invalid-parameter"
    assert problem["instance"] == address
    assert all(error["parameter"] in problem["detail"] for error in problem["errors"])
    return problem


def refused(client: Client, query: str, *, address: str = "/catalog/models") -> set[str]:
    """The parameters that the refusal names."""
    return {error["parameter"] for error in refusal(client, query, address=address)["errors"]}


def test_a_refusal_is_the_one_of_the_contract(client: Client) -> None:
    problem = problem_of(client.get("/catalog/models?limit=0"), status=400)

    assert problem | {"request_id": "…"} == {
        "type": "/docs/problems/invalid-parameter",
        "title": "Invalid parameter",
        "status": 400,
        "detail": "limit must be between 1 and 1000",
        "instance": "/catalog/models",
        "errors": [{"parameter": "limit", "value": "0", "reason": "must be between 1 and 1000"}],
        "request_id": "…",
    }


@pytest.mark.parametrize("name", PARAMETERS)
@pytest.mark.parametrize("value", BAD_ANYWHERE.values(), ids=BAD_ANYWHERE)
def test_no_parameter_takes_this(client: Client, name: str, value: str | None) -> None:
    assert refused(client, name if value is None else f"{name}={value}") == {name}


@pytest.mark.parametrize("name", COUNTS)
@pytest.mark.parametrize("value", BAD_NUMBERS, ids=lambda value: value[:12])
def test_what_is_no_number_is_no_number(client: Client, name: str, value: str) -> None:
    assert refused(client, f"{name}={value}") == {name}


@pytest.mark.parametrize("name", AMOUNTS)
@pytest.mark.parametrize(
    "value", sorted({*BAD_NUMBERS, "-0", ".5", "1.", "1e-6", "Infinity", "$1", "%201", "1.0.0"} - {"1.0"})
)
def test_what_is_no_amount_is_no_amount(client: Client, name: str, value: str) -> None:
    assert refused(client, f"{name}={value}") == {name}


@pytest.mark.parametrize("name", MOMENTS)
@pytest.mark.parametrize(
    "value",
    [
        "tomorrow",
        "2026-13-01",
        "2026-02-30",
        "2026-1-1",
        "20260101T000000",
        "2026-W01-1",
        "2026-01-01T25:00",
        "2026-01-01T00:00:60Z",
        "2026-01-01T00:00:00%2B99:00",
        "%D9%A3026-01-01",
        "%D9%A3",
        "253402300800",
        "1e9",
        "1.5",
        "%2B1",
        "NaN",
        "2025",
        "202512",
        "20250101",
        "99999999",
        "000002025",
        "-1",
        "-100000000",
        "0000-01-01",
        "10000-01-01",
    ],
)
def test_what_is_no_time_is_no_time(client: Client, name: str, value: str) -> None:
    assert refused(client, f"{name}={value}") == {name}


def test_the_error_for_a_year_explains_what_a_time_is(client: Client) -> None:
    [error] = refusal(client, "created_after=2025")["errors"]

    assert "a year alone or a date without hyphens is not accepted" in error["reason"]


@given(st.integers(dates.MIN_UNIX_SECONDS, dates.MAX_UNIX_SECONDS) | st.integers(-(10**9), 10**9))
@example(dates.MIN_UNIX_SECONDS)
@example(99_999_999)
@example(100_000_000)
def test_every_time_is_spelled_so_that_it_is_read_again(seconds: int) -> None:
    moment, past = kinds.Moment("any"), kinds.PastMoment("any")
    spelled = moment.spelled(seconds)
    assert moment.parse(spelled) == seconds

    time = datetime.fromtimestamp(seconds, UTC)
    if time < datetime(2026, 1, 1, tzinfo=UTC):
        assert past.parse(spelled) == past.parse(past.spelled(time)) == time


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("prompt_price_min=1&prompt_price_max=0.99", {"prompt_price_min", "prompt_price_max"}),
        ("context_length_max=1&context_length_min=2", {"context_length_min", "context_length_max"}),
        ("created_after=2026-01-02&created_before=2026-01-01", {"created_after", "created_before"}),
        ("cursor=start&sort=-id", {"sort"}),
        ("cursor=start&offset=1&sort=name", {"sort", "offset"}),
    ],
)
def test_parameters_that_contradict_each_other_are_refused(client: Client, query: str, names: set[str]) -> None:
    assert refused(client, query) == names


@pytest.mark.parametrize("query", ["prompt_price_min=1&prompt_price_max=1.0", "cursor=start&sort=id&offset=0"])
def test_parameters_that_agree_are_none_of_these(client: Client, query: str) -> None:
    read(client, f"/catalog/models?{query}")


@pytest.mark.parametrize(
    "value", ["x", "Start", "WyJhIl0", "W10", "bnVsbA", "WzEsMl0", "%D9%A3", "WyJhIiwi", "=", "a b"]
)
def test_what_no_answer_told_is_no_cursor(client: Client, value: str) -> None:
    assert refused(client, f"cursor={value}") == {"cursor"}


@pytest.mark.parametrize("query", ["limit=0", "limit=-1", "limit=1001", "offset=-1", "offset=1000001"])
def test_a_number_out_of_its_range_is_refused_with_the_range(client: Client, query: str) -> None:
    [error] = refusal(client, query)["errors"]

    assert error["reason"].startswith("must be between ")
    assert error["value"] == query.partition("=")[2]


@pytest.mark.parametrize(
    "query", ["limit=1", "limit=1000", "offset=0", "offset=1000000", "limit=00010", f"offset={'0' * 290}"]
)
def test_both_ends_of_a_range_belong_to_it(client: Client, query: str) -> None:
    assert read(client, f"/catalog/models?{query}")["total"] == 2


@pytest.mark.parametrize("name", CLOSED)
@pytest.mark.parametrize("value", ["bogus", "%zz", "%25zz", "*", "all,bogus", "__class__"])
def test_a_value_that_a_closed_set_does_not_have_is_refused_with_those_it_has(
    client: Client, name: str, value: str
) -> None:
    problem = refusal(client, f"{name}={value}")

    assert {error["parameter"] for error in problem["errors"]} == {name}
    assert "must be one of " in problem["detail"]


@pytest.mark.parametrize("name", TEXTS)
def test_a_percent_sign_that_encodes_nothing_is_text_like_any_other(client: Client, name: str) -> None:
    assert read(client, f"/catalog/models?{name}=100%zz")["total"] == 0


@pytest.mark.parametrize("name", SCALARS)
def test_a_scalar_given_twice_is_refused_even_with_one_value(client: Client, name: str) -> None:
    default = PARAMETERS[name].default or PARAMETERS[name].example

    assert refused(client, f"{name}={default}&{name}={default}") == {name}


@pytest.mark.parametrize("name", LISTS)
@pytest.mark.parametrize("value", [",", ",,", "+,+", "LLM,", ",LLM", "LLM,,LLM"])
def test_a_list_with_an_empty_place_is_refused(client: Client, name: str, value: str) -> None:
    assert refused(client, f"{name}={value}") == {name}


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("bogus=1", "bogus"),
        ("Limit=1", "Limit"),
        ("limit%20=1", "limit "),
        ("limit[]=1", "limit[]"),
        ("format=xml", "format"),
        ("page=2", "page"),
        ("q%00=1", "q\x00"),
        ("Q=1", "Q"),
        ("=1", ""),
        ("limit;offset=1", "limit;offset"),
    ],
)
def test_a_name_that_no_parameter_has_is_refused_with_those_that_there_are(
    client: Client, query: str, name: str
) -> None:
    [error] = refusal(client, query)["errors"]

    assert error["parameter"] == name
    assert all(known in error["reason"] for known in PARAMETERS)


@pytest.mark.parametrize(
    ("query", "meant"),
    [
        ("limt=1", "limit"),
        ("Limit=1", "limit"),
        ("modle=x", "model_type"),
        ("type=LLM", "model_type"),
        ("max_price=1", "prompt_price_max"),
        ("canonical-model=a/b", "canonical_model"),
        ("gateway=openruoter", "openrouter"),
        ("gateway=open-router", "openrouter"),
        ("model_type=image", "Image Generation"),
        ("price_tier=bugdet", "budget"),
        ("is_free=ture", "true"),
        ("sort=price", "prompt_price"),
        ("fields=id,provider", "provider_slug"),
        ("output_modality=image", "output_modalities"),
        ("input_modality=image", "input_modalities"),
        ("supported_parameter=tools", "supported_parameters"),
        ("prompt_price=1", "prompt_price_min"),
        ("source_gateway=chutes", "gateway"),
    ],
)
def test_a_refusal_suggests_what_may_have_been_meant(client: Client, query: str, meant: str) -> None:
    [error] = refusal(client, query)["errors"]

    assert f'; did you mean "{meant}"?' in error["reason"]


def test_the_first_of_many_wrong_parameters_are_listed_and_the_rest_counted(client: Client) -> None:
    problem = refusal(client, "&".join(f"key_{number}=1" for number in range(500)))

    assert [error["parameter"] for error in problem["errors"]] == [f"key_{number}" for number in range(100)]
    assert problem["detail"].endswith("; and 400 more")


@pytest.mark.parametrize("address", STRICT, ids=lambda address: f"{address.method} {address.route}")
def test_many_unknown_parameters_get_a_short_answer(client: Client, address: Address) -> None:
    query = "&".join(f"unheard_of_{number}=1" for number in range(900))

    response = client.generic(address.method, f"{address.path()}?{query}")

    if address.endpoint.media_type == HTML:
        assert (response.status_code, response["Content-Type"]) == (400, "text/html; charset=utf-8")
        assert response.content.count(b"unheard_of_") < 300
        assert len(response.content) < 40_000
        return
    problem = problem_of(response, status=400)
    assert len(problem["errors"]) == 100
    assert problem["detail"].count("this endpoint takes") == 1
    assert problem["detail"].count("unknown parameter") == 100
    assert len(response.content) < 40_000


@pytest.mark.parametrize("query", ["zzz=1", "=1", "x=1", "gateway=nobody", "gateway=x", f"{'y' * 5000}=1"])
def test_a_refusal_suggests_nothing_that_is_not_alike(client: Client, query: str) -> None:
    [error] = refusal(client, query)["errors"]

    assert "did you mean" not in error["reason"]


@pytest.mark.parametrize(
    "address",
    [
        address
        for address in READS
        if not issubclass(address.endpoint.filterset, CompatibleFilterSet) and address.endpoint.media_type != HTML
    ],
    ids=lambda address: address.route,
)
def test_every_address_but_those_of_formats_and_pages_is_as_strict(client: Client, address: Address) -> None:
    known = address.endpoint.filterset.parameters()
    wrong = "&".join(["unheard_of=1", *(f"{name}=" for name in known)])

    problem = refusal(client, wrong, address=address.path())

    assert {error["parameter"] for error in problem["errors"]} == {"unheard_of", *known}
    [reason] = [error["reason"] for error in problem["errors"] if error["parameter"] == "unheard_of"]
    assert known or reason == "unknown parameter; this endpoint takes none"
    assert all(name in reason for name in known)


def test_the_detail_of_an_error_has_a_sentence_for_each_problem(client: Client) -> None:
    problem = refusal(client, "limit=0&modle=x", address="/catalog/models/maker/one/history")

    assert problem["detail"] == (
        'limit must be between 1 and 1000; unknown parameter "modle"; this endpoint takes gateway, as_of, limit, offset'
    )


def test_the_detail_of_an_error_quotes_an_unknown_name(client: Client) -> None:
    problem = refusal(client, "gatway=x", address="/catalog/models/maker/one")

    assert problem["detail"] == 'unknown parameter "gatway"; did you mean "gateway"? This endpoint takes gateway'


def test_everything_that_is_wrong_is_named_at_once(client: Client) -> None:
    query = "&".join(f"{name}=" for name in PARAMETERS)

    assert refused(client, f"{query}&bogus=1") == {*PARAMETERS, "bogus"}


@pytest.mark.parametrize("query", ["provider={}", "{}=1"])
def test_a_refusal_repeats_no_more_than_a_reader_needs(client: Client, query: str) -> None:
    response = client.get(f"/catalog/models?{query.format('x' * 10_000)}")

    assert problem_of(response, status=400)
    assert len(response.content) < 3_000


def test_more_parameters_than_anybody_needs_are_refused(client: Client) -> None:
    many = "&".join(f"tags={number}" for number in range(2_000))

    problem_of(client.get(f"/catalog/models?{many}"), status=400)


# --- any other query string ------------------------------------------------------------------------------------------


def query_strings() -> st.SearchStrategy[str]:
    """Bytes as a server hands them over, and pairs that look like a question."""
    names = st.sampled_from([*PARAMETERS, "bogus"]).map(str.encode) | st.binary(max_size=5)
    values = st.sampled_from(
        ["all", "chutes", "LLM", "id", "-name", "10", "0", "maker", "hot,hot", "1.5", "true", "start", ""]
    ).map(str.encode)
    pairs = st.tuples(names, values | st.binary(max_size=12))
    questions = st.lists(pairs, max_size=5).map(lambda given: urlencode(given, quote_via=quote_bytes))
    return questions | st.binary(max_size=60).map(lambda raw: raw.decode("latin-1"))


def quote_bytes(value: str | bytes, *options: object) -> str:
    return quote_from_bytes(value if isinstance(value, bytes) else value.encode())


@settings(
    max_examples=300,
    deadline=None,  # the first request of a process builds the middleware
    suppress_health_check=[HealthCheck.function_scoped_fixture],  # no request changes what is served
)
@given(query=query_strings())
@example(query="%")
@example(query="limit=%")
@example(query="&&&=&;")
@example(query="provider=\xed\xa0\x80")
@example(query="tags=%F4%90%80%80")
def test_any_query_string_is_answered_or_refused_in_json(client: Client, query: str) -> None:
    response = client.generic("GET", "/catalog/models", QUERY_STRING=query)

    if response.status_code == 200:
        assert orjson.loads(response.content).keys() >= {"data", "total"}
    else:
        assert problem_of(response, status=400)["errors"]
