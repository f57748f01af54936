"""OpenAI's SDK for Python, unmodified and strict, through our service to the fake gateway."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import openai
import pytest

from tests.routing.served import SECRET, Routed, routed
from tests.routing.upstream_server import PROMPT_TOKENS

HELLO: Any = [{"role": "user", "content": "Hi"}]


@pytest.fixture(scope="module")
def running() -> Iterator[Routed]:
    with routed() as found:
        yield found


@pytest.fixture
def client(running: Routed) -> Iterator[Any]:
    address = f"http://127.0.0.1:{running.served.port}/v1"
    with openai.OpenAI(base_url=address, api_key=SECRET, _strict_response_validation=True) as found:
        yield found


def test_01_an_answer_in_one_piece(client: Any) -> None:
    answer = client.chat.completions.create(model="chutes=a!J", messages=HELLO)

    assert answer.choices[0].message.content == "Hello."
    assert answer.usage is not None
    assert answer.usage.total_tokens == PROMPT_TOKENS + 2


def test_01_a_stream_with_usage_and_its_cost(client: Any, running: Routed) -> None:
    stream = client.chat.completions.create(
        model="chutes=a!H C R C D40 F U X", messages=HELLO, stream=True, stream_options={"include_usage": True}
    )
    chunks = list(stream)

    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text.startswith("one zwei trois 四つ пять 🙂 one ")
    usage = chunks[-1].usage
    assert (usage.completion_tokens, usage.cost) == (40, float(str(running.books.ended[-1].cost)))


def test_01_a_stream_without_usage_has_choices_in_every_chunk(client: Any) -> None:
    stream = client.chat.completions.create(model="openrouter=a!H R D3 F UU X", messages=HELLO, stream=True)

    assert all(chunk.choices for chunk in stream)


def test_01_tools_and_embeddings(client: Any) -> None:
    stream = client.chat.completions.create(model="chutes=a!H R T F X", messages=HELLO, stream=True)
    calls = [chunk.choices[0].delta.tool_calls for chunk in stream]
    embedded = client.embeddings.create(model="chutes=a!J", input="Hi", encoding_format="float")

    assert calls[1][0].function.name == "f"
    assert embedded.data[0].embedding == [0.25, -0.5]


@pytest.mark.parametrize("scenario", ["H D40 fin", "H D40 cut", "H D2 E fin"])
def test_08_a_stream_without_an_end_raises(client: Any, scenario: str) -> None:
    stream = client.chat.completions.create(model=f"chutes=a!{scenario}", messages=HELLO, stream=True)

    with pytest.raises(openai.APIError):
        list(stream)


def test_06_its_retries_do_not_multiply_ours(client: Any, running: Routed) -> None:
    before = len(running.upstream.seen)

    with pytest.raises(openai.InternalServerError):
        client.chat.completions.create(
            model=" | ".join(f"chutes=b{number}!S503" for number in range(5)),
            messages=HELLO,
        )

    assert len(running.upstream.seen) - before == 4
