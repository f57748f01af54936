"""How the offers that a query selects are distributed over the values of facts."""

from __future__ import annotations

from catalog.memory import facets
from catalog.memory.facets import Counted
from catalog.memory.selection import Selection
from catalog.parameters.filterset import SelectionFilterSet


def counted(selection: Selection, query: SelectionFilterSet) -> dict[str, Counted]:
    """Count the facets that `query` asks for, by name.

    Each is counted without the filters on it, or a list to choose from would contain only the chosen values.
    """
    return {
        name: facets.counted(query.narrowed(selection, without=query.filters_on(name)), name)
        for name in sorted(set(query.values["facets"] or ()))
    }
