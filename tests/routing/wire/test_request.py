"""Requests are read, and forwarded as they were written. Numbers are those of the acceptance list."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.wire.json_members import members_of
from routing.wire.request import (
    OWN_MEMBERS,
    BadRequest,
    InferenceRequest,
    Kind,
    _simple_body,
    _spliced_body,
    body_for,
    read_request,
)

Json = Any
MESSAGES = [{"role": "user", "content": "Hello"}]


def request_of(kind: Kind = Kind.CHAT, /, **members: Json) -> InferenceRequest:
    own = {"model": "acme/big", "messages": MESSAGES} if kind is Kind.CHAT else {"model": "acme/big", "input": "a"}
    return read_request(json.dumps(own | members).encode(), kind)


# --- the body that is forwarded --------------------------------------------------------------------------------------
BLANKS = st.sampled_from(["", " ", "\n  ", "\t", "\r\n"])
# Spellings that a parser would lose: numbers, escapes, the order of names, repeated names.
VALUES = st.sampled_from(
    [
        "1",
        "1.0",
        "1E+2",
        "0.10",
        "-0",
        "12345678901234567890123456789",
        "0.1000000000000000055511151231257827",
        "1e400",
        "NaN",
        "true",
        "null",
        '"a\\u0062\\/\\"}]"',
        '"漢字 😀"',
        "[]",
        "{}",
        '[1, {"model": "inner", "provider": {"x": [2,3]}}, "]}"]',
        '{"b": 1,"a" :{"models":[1]} , "a":2}',
        '"model"',
        '{"\\"model" : "\\"model\\":\\"x\\""}',
        '{"mod\\u0065l":"other"}',
    ]
)
NAMES = st.sampled_from(["temperature", "top_p", "x", "x", "chat_template_kwargs", "ü", "a\\u0062", "metadata"])
OWN = st.sampled_from(['"models":["acme/other"]', '"provider" : {"sort":"price"}', '"mod\\u0065ls":[ ]'])


@st.composite
def bodies(draw: st.DrawFn) -> tuple[bytes, list[str]]:
    """A body, and the members that must not change, as they are written."""
    others = [f'"{name}"{draw(BLANKS)}:{draw(BLANKS)}{draw(VALUES)}' for name in draw(st.lists(NAMES, max_size=6))]
    members = [*others, '"messages":[{"role":"user","content":"a"}]', *draw(st.lists(OWN, max_size=3, unique=True))]
    members.insert(draw(st.integers(0, len(members))), f'"model"{draw(BLANKS)}:{draw(BLANKS)}"acme/big"')
    members = list(draw(st.permutations(members)))
    written = ",".join(f"{draw(BLANKS)}{member}{draw(BLANKS)}" for member in members)
    return f"{draw(BLANKS)}{{{written}}}{draw(BLANKS)}".encode(), members


def pairs(body: bytes) -> list[tuple[str, bytes]]:
    return [(member.name, body[member.start : member.end]) for member in members_of(body)]


@given(bodies(), st.sampled_from(["chutes/x", 'a"b\\c', "模型"]))
def test_04_all_but_the_model_and_own_members_is_forwarded_byte_for_byte(
    body: tuple[bytes, list[str]], model: str
) -> None:
    written, members = body

    sent = body_for(read_request(written, Kind.CHAT), model, asks_usage=True)

    kept = [(name, text) for name, text in pairs(written) if name not in OWN_MEMBERS]
    assert [name for name, _ in pairs(sent)] == [name for name, _ in kept]
    assert [pair for pair in pairs(sent) if pair[0] != "model"] == [pair for pair in kept if pair[0] != "model"]
    assert json.loads(sent)["model"] == model
    assert {text.decode() for _, text in pairs(written)} == set(members)
    if not any(name in OWN_MEMBERS for name, _ in pairs(written)):
        assert sent == written.replace(b'"acme/big"', json.dumps(model, ensure_ascii=False).encode(), 1)


STREAMED = st.sampled_from(
    [
        '"stream" : true',
        '"stream":true, "stream_options": {"include_usage": true}',
        '"stream":true,"stream_options":null',
        '"stream":true,"stream_options":{"x":1}',
        '"x":"\\u0061"',
        '"mod\\u0065l":"acme/big"',
        '"metadata": {"model" : "acme/big"}',
    ]
)


@given(bodies(), st.lists(STREAMED, max_size=2), st.booleans())
def test_04_the_short_way_forwards_the_same_bytes_as_the_long_one(
    body: tuple[bytes, list[str]], more: list[str], is_escaped: bool
) -> None:
    written = body[0].rstrip()[:-1] + "".join(f",{member}" for member in more).encode() + b"\n}\r\n"
    if is_escaped:  # then only a member within another one can be spelled like it
        written = written.replace(b'"model"', b'"m\\u006Fdel"', 1)
    asked = read_request(written, Kind.CHAT)

    for asks_usage in (False, True):
        sent = body_for(asked, "acme/small", asks_usage=asks_usage)
        assert sent == _spliced_body(asked, "acme/small", asks_usage=asks_usage)


def test_04_most_bodies_take_the_short_way() -> None:
    assert _simple_body(request_of(max_tokens=5, stream=True), "a", asks_usage=True) is not None
    assert _simple_body(request_of(provider={"sort": "price"}), "a", asks_usage=True) is None


@pytest.mark.parametrize(
    ("sent", "forwarded"),
    [
        ('{"model":"a","messages":[1],"stream":true}', b',"stream":true,"stream_options":{"include_usage":true}}'),
        (
            '{"stream_options":null,"model":"a","messages":[1],"stream":true}',
            b'{"stream_options":{"include_usage":true},',
        ),
        (
            '{"stream_options":{ "include_usage" : false , "x":1.0 },"model":"a","messages":[1],"stream":true}',
            b'{"stream_options":{ "include_usage" : true , "x":1.0 },',
        ),
        ('{"model":"a","messages":[1],"stream":true,"stream_options":{}}', b'"stream_options":{"include_usage":true}}'),
    ],
)
def test_04_a_stream_is_asked_for_its_usage(sent: str, forwarded: bytes) -> None:
    request = read_request(sent.encode(), Kind.CHAT)

    assert forwarded in body_for(request, "a", asks_usage=True)
    assert body_for(request, "a", asks_usage=False) == sent.encode()
    assert not request.wants_usage


def test_04_a_stream_whose_usage_the_client_wants_is_not_changed() -> None:
    body = b'{"model":"a","messages":[1],"stream":true,"stream_options":{"include_usage":true}}'
    request = read_request(body, Kind.CHAT)

    assert body_for(request, "a", asks_usage=True) == body
    assert request.wants_usage
    assert request_of(stream=True, usage={"include": True}).wants_usage, "OpenRouter's older way"


def test_04_a_request_without_a_stream_is_not_asked_for_its_usage() -> None:
    assert b"stream_options" not in body_for(request_of(), "a", asks_usage=True)


def test_a_request_that_names_models_only_gets_a_model() -> None:
    request = read_request(b'{"models":["a","b"],"messages":[1]}', Kind.CHAT)

    assert request.models == ("a", "b")
    assert json.loads(body_for(request, "c", asks_usage=False)) == {"messages": [1], "model": "c"}


# --- what is read ----------------------------------------------------------------------------------------------------
def test_models_are_tried_in_their_order_without_repeats() -> None:
    assert request_of(model="a", models=["b", "a", "c"]).models == ("a", "b", "c")


def test_what_may_come_out_is_limited_for_all_choices_together() -> None:
    assert request_of().most_output is None
    assert request_of(max_tokens=100).most_output == 100
    assert request_of(max_tokens=100, max_completion_tokens=200, n=3).most_output == 600
    assert request_of(Kind.EMBEDDINGS).most_output == 0


def test_what_goes_in_is_never_more_than_the_bound() -> None:
    text = "漢字" * 1_000
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 1_000_000}}

    assert request_of(messages=[{"role": "user", "content": text}]).most_input > len(text.encode())
    with_picture = request_of(messages=[{"role": "user", "content": [picture]}])
    assert 16_384 < with_picture.most_input < 20_000
    assert with_picture.expected_input * 4 >= with_picture.most_input


def test_needs_are_in_the_words_of_the_catalogue() -> None:
    parts = [{"type": "text", "text": "a"}, {"type": "image_url", "image_url": {"url": "https://a.example/b.png"}}]
    tool = {"type": "function", "function": {"name": "f"}}

    assert request_of(tools=[]).needs == frozenset()
    assert request_of(tools=[tool]).needs == {"tools"}
    assert request_of(messages=[{"role": "user", "content": parts}]).needs == {"image"}
    assert request_of(response_format={"type": "json_object"}).needs == {"response_format"}
    assert request_of(response_format={"type": "json_schema", "json_schema": {}}).needs == {"structured_outputs"}
    assert request_of(response_format={"type": "text"}).needs == frozenset()
    assert request_of(modalities=["text", "audio"]).needs == {"output_audio"}


@pytest.mark.parametrize(
    ("provider", "only"),
    [
        (None, ("openrouter",)),
        ({"sort": "price"}, ("openrouter",)),
        ({"only": ["chutes"]}, ("chutes",)),
        ({"order": ["chutes"]}, ("chutes", "openrouter")),
        ({"order": ["openrouter"]}, ("openrouter",)),
    ],
)
def test_an_address_may_have_one_gateway_unless_the_client_names_another(provider: Json, only: tuple[str, ...]) -> None:
    body = json.dumps({"model": "a", "messages": [1], "provider": provider}).encode()

    assert read_request(body, Kind.CHAT, only="openrouter").preferences.only == only


# --- what is refused -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("members", "param", "message"),
    [
        ({"model": None}, "model", "model is required"),
        ({"model": 7}, "model", "model must name a model, as text"),
        ({"model": "a\nb"}, "model", "model must have at most 300 visible characters"),
        ({"models": "a"}, "models", "models must be a list of at most 20 models"),
        ({"messages": None}, "messages", "messages is required"),
        ({"messages": []}, "messages", "messages must not be empty"),
        ({"messages": "Hello"}, "messages", "messages must be a list"),
        ({"stream": "yes"}, "stream", "stream must be true or false"),
        ({"stream": True, "stream_options": 1}, "stream_options", "stream_options must be an object"),
        ({"max_tokens": 0}, "max_tokens", "max_tokens must be a whole number between 1 and 1000000000"),
        ({"max_tokens": 1.5}, "max_tokens", "max_tokens must be a whole number between 1 and 1000000000"),
        ({"n": True}, "n", "n must be a whole number between 1 and 128"),
        ({"provider": {"zdr": True}}, "provider.zdr", None),
        ({"provider": []}, "provider", "provider must be an object"),
    ],
)
def test_a_wrong_member_is_named(members: Json, param: str, message: str | None) -> None:
    with pytest.raises(BadRequest) as refused:
        request_of(**members)

    assert refused.value.param == param
    assert message is None or str(refused.value) == message


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "the body must be JSON"),
        (b"[]", "the body must be a JSON object"),
        (b'{"model":"a"', "the body must be JSON"),
        (b'{"model":"\xff"}', "the body must be UTF-8 text"),
        (b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "the body is nested too deeply"),
        (b'{"a":' + b"1" * 10_000 + b"}", "the body has a number that is too long"),
    ],
)
def test_a_body_that_is_no_object_is_refused(body: bytes, message: str) -> None:
    with pytest.raises(BadRequest, match=message):
        read_request(body, Kind.CHAT)


# --- OpenRouter's preferences ----------------------------------------------------------------------------------------
def test_16_each_member_of_provider_is_read() -> None:
    found = request_of(
        provider={
            "order": ["Chutes", "OPENROUTER", "chutes"],
            "only": ["Chutes.ai"],
            "ignore": [],
            "allow_fallbacks": False,
            "sort": {"by": "latency", "partition": "none"},
            "max_price": {"prompt": 0.1, "completion": "2.50", "request": 0},
            "require_parameters": True,
            "quantizations": ["FP8", "unknown"],
        }
    ).preferences

    assert found.order == ("chutes", "openrouter")
    assert found.only == ("chutes",)
    assert (found.ignore, found.allow_fallbacks, found.sort, found.is_sorted_over_models) == (
        (),
        False,
        "latency",
        True,
    )
    assert (found.max_prompt_price, found.max_completion_price, found.max_request_price) == (
        Decimal("0.1"),
        Decimal("2.50"),
        Decimal(0),
    )
    assert (found.require_parameters, found.quantizations) == (True, ("fp8", "unknown"))


@pytest.mark.parametrize(
    ("provider", "param"),
    [
        ({"data_collection": "deny"}, "provider.data_collection"),
        ({"preferred_max_latency": 1}, "provider.preferred_max_latency"),
        ({"order": ["deepinfra"]}, "provider.order"),
        ({"only": "chutes"}, "provider.only"),
        ({"sort": "cheapest"}, "provider.sort"),
        ({"sort": {"by": "price", "x": 1}}, "provider.sort.x"),
        ({"max_price": {"image": 1}}, "provider.max_price.image"),
        ({"max_price": {"prompt": -1}}, "provider.max_price.prompt"),
        ({"max_price": {"prompt": "1e"}}, "provider.max_price.prompt"),
        ({"allow_fallbacks": 1}, "provider.allow_fallbacks"),
        ({"quantizations": [8]}, "provider.quantizations"),
    ],
)
def test_16_an_unsupported_member_of_provider_is_refused_by_name(provider: Json, param: str) -> None:
    with pytest.raises(BadRequest) as refused:
        request_of(provider=provider)

    assert refused.value.param == param
    assert str(refused.value).startswith(f"{param} ")
