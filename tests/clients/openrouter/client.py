"""OpenRouter's own SDK for Python, with nothing changed but the address."""

from __future__ import annotations

from itertools import islice

from openrouter import OpenRouter, errors

ENDLESS = 100
"""More pages than any list has here."""


def _sdk(address):
    return OpenRouter(api_key="sk-or-v1-any", server_url=f"{address}/api/v1")


def _pages(page):
    while page is not None:
        yield page.result
        page = page.next()


def list_models(address, folder):
    with _sdk(address) as sdk:
        answer = sdk.models.list().result
    return {"total": answer.total_count, "next": answer.links.next, "ids": [model.id for model in answer.data]}


def page_through(address, folder):
    with _sdk(address) as sdk:
        pages = list(islice(_pages(sdk.models.list(limit=50)), ENDLESS))
    return {
        "totals": [page.total_count for page in pages],
        "sizes": [len(page.data) for page in pages],
        "next": [page.links.next for page in pages],
        "ids": [model.id for page in pages for model in page.data],
    }


def list_models_of_user(address, folder):
    with _sdk(address) as sdk:
        return [model.id for model in sdk.models.list_for_user(security={"bearer": "sk-or-v1-any"}).result.data]


def filter_models(address, folder):
    queries = {
        "q": {"q": "deepseek"},
        "cheapest": {"sort": "pricing-low-to-high"},
        "newest": {"sort": "newest"},
        "longest": {"sort": "context-high-to-low"},
        "context": {"context": 1_000_000},
        "price": {"min_price": 1, "max_price": 3},
        "output_price": {"max_output_price": 1},
        "authors": {"model_authors": "deepseek,qwen"},
        "inputs": {"input_modalities": "image,text"},
        "outputs": {"output_modalities": "image"},
        "parameters": {"supported_parameters": "tools"},
    }
    with _sdk(address) as sdk:
        return {
            name: [
                {
                    "id": model.id,
                    "name": model.name,
                    "created": model.created,
                    "context_length": model.context_length,
                    "prompt": model.pricing.prompt,
                    "completion": model.pricing.completion,
                    "inputs": model.architecture.input_modalities,
                    "outputs": model.architecture.output_modalities,
                    "parameters": model.supported_parameters,
                }
                for model in sdk.models.list(**query).result.data
            ]
            for name, query in queries.items()
        }


def read_model(address, folder):
    with _sdk(address) as sdk:
        model = sdk.models.get(author="deepseek", slug="deepseek-r1").data
    return {"id": model.id, "prompt": model.pricing.prompt, "context_length": model.context_length}


def list_endpoints(address, folder):
    with _sdk(address) as sdk:
        model = sdk.endpoints.list(author="deepseek", slug="deepseek-r1").data
    return {
        "id": model.id,
        "endpoints": [[each.provider_name, each.tag, each.context_length] for each in model.endpoints],
    }


def list_endpoints_of_many(address, folder):
    """Read the endpoints of every tenth row of the list, and return what was refused."""
    refused = {}
    with _sdk(address) as sdk:
        models = [model.id for page in islice(_pages(sdk.models.list()), ENDLESS) for model in page.data]
        for model in models[::10]:
            author, _, slug = model.partition("/")
            try:
                sdk.endpoints.list(author=author, slug=slug)
            except errors.OpenRouterError as error:
                refused[model] = str(error)[:300]
    return {"models": len(models), "refused": refused}


def count_models(address, folder):
    with _sdk(address) as sdk:
        return sdk.models.count(output_modalities="all").data.count


def count_models_of_the_list(address, folder):
    with _sdk(address) as sdk:
        return sdk.models.count().data.count


def list_providers(address, folder):
    with _sdk(address) as sdk:
        return [[provider.slug, provider.name] for provider in sdk.providers.list().data]


def miss_a_model(address, folder):
    with _sdk(address) as sdk:
        try:
            sdk.models.get(author="nobody", slug="nothing")
        except errors.OpenRouterError as error:
            return {"kind": type(error).__name__, "status": error.status_code, "message": error.message}
