"""LangChain's model of OpenAI's API, with nothing changed but the address and a key that means nothing."""

from __future__ import annotations

from langchain_openai import ChatOpenAI


def list_models(address, folder):
    chat = ChatOpenAI(base_url=f"{address}/v1", api_key="sk-any", model="deepseek/deepseek-r1", max_retries=0)
    return [model.id for model in chat.root_client.models.list()]
