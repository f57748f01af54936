"""OpenAI's list of models: the canonical models, whichever gateways sell them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from catalog.formats import canonical_list
from catalog.formats.contract import Format, Route
from catalog.formats.openai_shapes import SHAPES
from catalog.formats.shapes import ref
from catalog.memory.snapshot import Snapshot
from catalog.parameters.compatible import OpenAIFilterSet
from catalog.parameters.endpoints import Query, after
from catalog.reports.canonical import models_of

_ANSWERS: Mapping[Route, Callable[[Snapshot, Query], bytes | None]] = {
    Route(
        path="models",
        prefixes=("/v1",),
        operation_id="list_models_as_openai",
        summary="One row for each model, as OpenAI lists them",
        shape=ref("CanonicalModelList"),
        filterset=OpenAIFilterSet,
    ): canonical_list.list_body,
    Route(
        path="models/{model_id}",
        prefixes=("/v1",),
        operation_id="read_model_as_openai",
        summary="One model, by its slug, by the id of any offer of it, or by a name that only one model has",
        shape=ref("CanonicalModelRow"),
        is_quick=after(canonical_list.listing_of, models_of),
    ): canonical_list.row_body,
}


class OpenAI(Format):
    slug = "openai"
    name = "OpenAI"
    docs_url = "https://platform.openai.com/docs/api-reference/models"
    routes = tuple(_ANSWERS)
    shapes = SHAPES
    not_found = canonical_list.NOT_FOUND

    def answer(self, route: Route, snapshot: Snapshot, query: Query) -> bytes | None:
        return _ANSWERS[route](snapshot, query)

    def ids(self, snapshot: Snapshot) -> Sequence[str]:
        return list(canonical_list.listing_of(snapshot).by_slug)
