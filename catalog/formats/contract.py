"""The contract of a format: the catalogue as the clients of another service parse it. Pure over a snapshot.

A format is one class in a module of this package, a golden file (`tests/catalog/formats/expected/<slug>.json`) and a
page (`docs/formats/<slug>.md`). Addresses, caching, the OpenAPI document, the index of the docs and the contract suite
follow from the class.

A format leaves out what it cannot express truthfully: an unknown price is never shown as 0.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from catalog.memory.snapshot import Snapshot
from catalog.parameters.compatible import CompatibleFilterSet
from catalog.parameters.endpoints import JSON, Query, Quickness, never

Json = Any
ID = "{model_id}"
"""The place of an id in a path. An id may contain slashes."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Route:
    """An address that a format answers. Routes compare by object identity."""

    path: str
    """The address below its prefix, with at most one `ID`: `models/{model_id}/endpoints`."""
    prefixes: Sequence[str]
    """The prefixes below which the path is answered, such as `/api/v1`. The OpenAPI document shows the first one."""
    operation_id: str
    summary: str
    shape: Json
    """The JSON Schema of the answer. It may refer to the format's `shapes` by `shapes.ref`."""
    filterset: type[CompatibleFilterSet] = CompatibleFilterSet
    """The query parameters that the route takes; it ignores others."""
    media_type: str = JSON
    is_quick: Quickness = never
    """Whether a query is certainly answered at once; see `Endpoint.is_quick`."""
    description: str = ""
    """What is special about the route. It comes before the reference to the format's service and page."""

    @property
    def addresses(self) -> list[str]:
        return [f"{prefix}/{self.path}" for prefix in self.prefixes]


class Format(ABC):
    """Shows a snapshot in one wire format."""

    slug: ClassVar[str]
    """The name of the module, of the golden file and of the page."""
    name: ClassVar[str]
    """The name of the service whose clients parse the format, as it writes it."""
    docs_url: ClassVar[str]
    """Where the service describes the format."""
    routes: ClassVar[Sequence[Route]]
    shapes: ClassVar[Mapping[str, Json]] = {}
    """The shapes that the routes refer to, by their names in the OpenAPI document."""
    example_id: ClassVar[str] = "deepseek/deepseek-r1"
    """An id that the routes with an `ID` answer with the bundled catalogue."""
    not_found: ClassVar[str] = "There is nothing of this id in this format."
    """The reason of the 404 that clients get if `answer` returns None. The address that resolves the id follows it."""

    @abstractmethod
    def answer(self, route: Route, snapshot: Snapshot, query: Query) -> bytes | None:
        """Return the body of the answer; None if there is nothing of the query's id.

        The same snapshot and query must give the same bytes. What is computed from the whole snapshot is a
        `derived.Once`, which must give the same value whether it starts from the previous snapshot or from nothing.
        """

    def ids(self, snapshot: Snapshot) -> Sequence[str]:
        """Return the ids that the format's lists contain; each route with an `ID` must answer them."""
        return ()
