"""OpenAI's SDK for Python, with nothing changed but the address and a key that means nothing."""

from __future__ import annotations

import openai


def _client(address):
    return openai.OpenAI(base_url=f"{address}/v1", api_key="sk-any", max_retries=0)


def list_models(address, folder):
    with _client(address) as client:
        return [[model.id, model.object, model.created, model.owned_by] for model in client.models.list()]


def retrieve_models(address, folder):
    """Return what is found for ids of the list, for two ids of one model's offers, and for an unknown id."""
    with _client(address) as client:
        listed = [model.id for model in client.models.list()]
        found = {
            "listed": [[asked, client.models.retrieve(asked).id] for asked in listed[::25]],
            "of_one_model": [
                client.models.retrieve(asked).id
                for asked in ("deepseek/deepseek-r1", "@deepinfra/deepseek-ai/DeepSeek-R1")
            ],
        }
        try:
            client.models.retrieve("nobody/nothing")
        except openai.NotFoundError as error:
            found["unknown"] = [error.status_code, error.type]
        return found
