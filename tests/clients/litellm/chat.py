"""LiteLLM as a client: it sends requests to the service as to any API like OpenAI's."""

from __future__ import annotations

import os

import litellm
import openai

litellm.suppress_debug_info = True  # it prints hints after each error

MODEL = "openai/deepseek/deepseek-r1"
DOWN = "openai/chutes/deepseek-ai/DeepSeek-R1"
ASKED = [{"role": "user", "content": "Call it with 3."}]
TOOL = {
    "type": "function",
    "function": {
        "name": "magic",
        "parameters": {"type": "object", "properties": {"input": {"type": "integer"}}, "required": ["input"]},
    },
}


def _complete(address, **given):
    return litellm.completion(
        **{"model": MODEL, "messages": ASKED, **given},
        api_base=f"{address}/v1",
        api_key=os.environ["INFER_KEY"],
        max_retries=0,
    )


def ask(address, folder):
    answer = _complete(address)
    return {
        "text": answer.choices[0].message.content,
        "total": answer.usage.total_tokens,
        "cost": answer._hidden_params["additional_headers"]["llm_provider-gatewayz-cost"],
    }


def stream(address, folder):
    chunks = list(_complete(address, stream=True, stream_options={"include_usage": True}))
    return {
        "text": "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices),
        "total": next(chunk.usage.total_tokens for chunk in chunks if getattr(chunk, "usage", None)),
    }


def call_a_tool(address, folder):
    [call] = _complete(address, tools=[TOOL]).choices[0].message.tool_calls
    return [call.function.name, call.function.arguments]


def embed(address, folder):
    found = litellm.embedding(
        model="openai/openai/text-embedding-3-small",
        input=["one"],
        api_base=f"{address}/v1",
        api_key=os.environ["INFER_KEY"],
    )
    return [len(found.data[0]["embedding"]), found.usage.prompt_tokens]


def meet_errors(address, folder):
    found = {}
    for name, model in {"unknown model": "openai/nobody/nothing", "gateway down": DOWN}.items():
        try:
            _complete(address, model=model)
        except openai.APIStatusError as error:
            found[name] = [type(error).__name__, error.status_code]
    return found
