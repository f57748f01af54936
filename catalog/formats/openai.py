"""OpenAI's list of models, with the fields of OpenRouter's rows in addition."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from catalog.formats import openrouter_list, openrouter_shapes
from catalog.formats.contract import Format, Route
from catalog.formats.shapes import ref
from catalog.memory.snapshot import Snapshot
from catalog.parameters.endpoints import Query
from catalog.parameters.filters import DropInFilterSet

_ANSWERS: Mapping[Route, Callable[[Snapshot, Query], bytes | None]] = {
    Route(
        path="models",
        prefixes=("/v1",),
        operation_id="list_models_as_openai",
        summary="One row for each model, as OpenAI lists them",
        shape=ref("DropInList"),
        filterset=DropInFilterSet,
    ): openrouter_list.list_body,
    Route(
        path="models/{model_id}",
        prefixes=("/v1",),
        operation_id="read_model_as_openai",
        summary="One row of the list, by its id or by that of any offer of the model",
        shape=ref("DropInModel"),
    ): openrouter_list.row_body,
}


class OpenAI(Format):
    slug = "openai"
    name = "OpenAI"
    docs_url = "https://platform.openai.com/docs/api-reference/models"
    routes = tuple(_ANSWERS)
    shapes = openrouter_shapes.SHAPES
    not_found = openrouter_list.NOT_FOUND

    def answer(self, route: Route, snapshot: Snapshot, query: Query) -> bytes | None:
        return _ANSWERS[route](snapshot, query)

    def ids(self, snapshot: Snapshot) -> Sequence[str]:
        return list(openrouter_list.listing_of(snapshot).models)
