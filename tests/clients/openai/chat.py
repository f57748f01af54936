"""OpenAI's SDK for Python sends requests to models. Answers are compared strictly with the SDK's own types."""

from __future__ import annotations

import os

import openai
from openai.types import CreateEmbeddingResponse
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from pydantic import BaseModel

MODEL = "deepseek/deepseek-r1"
DOWN = "chutes/deepseek-ai/DeepSeek-R1"
"""An offer of a gateway that is down."""
ASKED = [{"role": "user", "content": "What is the value of 'magic' for 3?"}]
TOOL = {
    "type": "function",
    "function": {
        "name": "magic",
        "description": "Computes it.",
        "parameters": {
            "type": "object",
            "properties": {"name": {"type": "string"}, "input": {"type": "integer"}},
            "required": ["name", "input"],
        },
    },
}


class Joke(BaseModel):
    setup: str
    punchline: str


def _client(address, key=os.environ["INFER_KEY"]):
    return openai.OpenAI(base_url=f"{address}/v1", api_key=key, max_retries=0, _strict_response_validation=True)


def ask(address, folder):
    with _client(address) as client:
        raw = client.chat.completions.with_raw_response.create(model=MODEL, messages=ASKED)
        answer = raw.parse()
        ChatCompletion.model_validate(answer.model_dump(), strict=True)
        return {
            "text": answer.choices[0].message.content,
            "finish_reason": answer.choices[0].finish_reason,
            "tokens": [answer.usage.prompt_tokens, answer.usage.completion_tokens, answer.usage.total_tokens],
            "cost": raw.headers["gatewayz-cost"],
        }


def stream(address, folder):
    with _client(address) as client:
        chunks = list(
            client.chat.completions.create(
                model=MODEL, messages=ASKED, stream=True, stream_options={"include_usage": True}
            )
        )
        for chunk in chunks:
            ChatCompletionChunk.model_validate(chunk.model_dump(), strict=True)
        return {
            "text": "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices),
            "finish_reason": chunks[-2].choices[0].finish_reason,
            "total": chunks[-1].usage.total_tokens,
            "cost": str(chunks[-1].usage.cost),
        }


def stream_without_usage(address, folder):
    with _client(address) as client:
        chunks = list(client.chat.completions.create(model=MODEL, messages=ASKED, stream=True))
        return {"last": [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1]}


def call_a_tool(address, folder):
    """Return the arguments in one piece and as a stream, and the answer to what the tool returned."""
    with _client(address) as client:
        whole = client.chat.completions.create(model=MODEL, messages=ASKED, tools=[TOOL]).choices[0]
        pieces = client.chat.completions.create(model=MODEL, messages=ASKED, tools=[TOOL], stream=True)
        deltas = [chunk.choices[0].delta.tool_calls[0] for chunk in pieces if chunk.choices[0].delta.tool_calls]
        [call] = whole.message.tool_calls
        returned = {"role": "tool", "tool_call_id": call.id, "content": "5"}
        after = client.chat.completions.create(
            model=MODEL, messages=[*ASKED, whole.message.model_dump(exclude_none=True), returned], tools=[TOOL]
        )
        return {
            "finish_reason": whole.finish_reason,
            "whole": [call.function.name, call.function.arguments],
            "streamed": [deltas[0].function.name, "".join(delta.function.arguments for delta in deltas)],
            "after": after.choices[0].message.content,
        }


def parse_structured_output(address, folder):
    with _client(address) as client:
        parsed = client.chat.completions.parse(
            model=MODEL, messages=[{"role": "user", "content": "Joke with 'knock' and 'who'"}], response_format=Joke
        )
        return parsed.choices[0].message.parsed.model_dump()


def embed(address, folder):
    """Return the lengths of two vectors and the tokens. The SDK asks for base64, which its own strict types refuse."""
    with openai.OpenAI(base_url=f"{address}/v1", api_key=os.environ["INFER_KEY"], max_retries=0) as client:
        found = client.embeddings.create(model="openai/text-embedding-3-small", input=["one", "two words"])
        CreateEmbeddingResponse.model_validate(found.model_dump(), strict=True)
        return {"lengths": [len(each.embedding) for each in found.data], "tokens": found.usage.total_tokens}


def fall_back(address, folder):
    """Ask an offer of a gateway that is down, then one of the other gateway."""
    with _client(address) as client:
        raw = client.chat.completions.with_raw_response.create(
            model=DOWN, messages=ASKED, extra_body={"models": [f"openrouter/{MODEL}"]}
        )
        return [raw.headers["gatewayz-attempts"], raw.headers["gatewayz-offer"], raw.parse().choices[0].finish_reason]


def meet_errors(address, folder):
    """Return the SDK's class, status, type, code and parameter of each kind of error."""
    wanted = {
        "unknown model": {"model": "nobody/nothing", "messages": ASKED},
        "wrong messages": {"model": MODEL, "messages": "hello"},
        "wrong preference": {"model": MODEL, "messages": ASKED, "extra_body": {"provider": {"colour": "red"}}},
        "gateway down": {"model": DOWN, "messages": ASKED},
        "gateway down, streamed": {"model": DOWN, "messages": ASKED, "stream": True},
    }
    with _client(address) as client:
        found = {name: _error_of(client, request) for name, request in wanted.items()}
    with _client(address, key="gwz_" + "a" * 43) as client:
        found["wrong key"] = _error_of(client, {"model": MODEL, "messages": ASKED})
    with _client(address, key="sk-any") as client:
        found["foreign key"] = _error_of(client, {"model": MODEL, "messages": ASKED})
    return found


def _error_of(client, request):
    try:
        client.chat.completions.create(**request)
    except openai.APIStatusError as error:
        return [type(error).__name__, error.status_code, error.type, error.code, error.param]
