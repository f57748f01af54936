"""The parameter `view`: a filter that a curator saved under a name. Pure.

A saved filter is a set of offers: its own expression, applied to all offers of the snapshot. All other parameters of a
request narrow it further; none of them replaces a part of it. So `view=NAME&…` never finds an offer that `view=NAME`
does not, and a request means the same in whichever order its parameters are written.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl

from pyroaring import BitMap

from catalog.memory import derived
from catalog.memory.saved import Saved
from catalog.memory.selection import Selection
from catalog.memory.snapshot import Snapshot
from catalog.models.saved_filter import LONGEST_NAME
from catalog.parameters.filterset import InvalidParameters, ParameterProblem, SelectionFilterSet
from catalog.parameters.kinds import Parameter
from catalog.parameters.suggestions import did_you_mean

Json = Any

NAME = r"[a-z0-9]+(-[a-z0-9]+)*"
"""The form of a name. It can follow an `@`, and needs no encoding in an address."""
FORM = f"letters, digits and single hyphens, at most {LONGEST_NAME} characters"
"""The form in words."""


def is_name(text: str) -> bool:
    """Whether a saved filter may have this name."""
    return len(text) <= LONGEST_NAME and re.fullmatch(NAME, text) is not None


class Expression(dict[str, list[str]]):
    """The parameters of an expression, as a FilterSet reads them."""

    @classmethod
    def of(cls, text: str) -> Expression:
        found = cls()
        for name, value in parse_qsl(text, keep_blank_values=True):
            found.setdefault(name, []).append(value)
        return found

    def lists(self) -> Any:
        return self.items()


class View(Parameter):
    """The name of a saved filter, in any case."""

    longest = LONGEST_NAME

    def __init__(self, label: str, *, expressions: type[SelectionFilterSet], **options: Any) -> None:
        """`expressions` are the parameters of which saved filters are made."""
        super().__init__(label, **options)
        self.sets = derived.Once(lambda snapshot, last: _sets(snapshot, expressions))
        """The offers of each saved filter of a snapshot, by name, or the problem of one that is no longer valid."""

    @property
    def narrows(self) -> bool:
        return True

    def parse(self, value: str) -> str:
        """Whether the name exists depends on the snapshot, so `filter` checks it."""
        if not is_name(name := value.strip().lower()):
            raise ValueError(f"must be the name of a saved filter: {FORM}; /catalog/views lists them")
        return name

    def openapi(self) -> Json:
        return {"type": "string", "pattern": f"^{NAME}$", "maxLength": LONGEST_NAME}

    def filter(self, selection: Selection, value: str) -> Selection:
        """Keep the offers of a saved filter. Raises InvalidParameters if there is none of this name."""
        found = self.sets(selection.snapshot).get(value)
        if isinstance(found, BitMap):
            return replace(selection, members=selection.members & found)
        raise InvalidParameters([ParameterProblem.shown("view", value, found or unknown(selection.snapshot, value))])


def unknown(snapshot: Snapshot, name: str) -> str:
    """Return why no saved filter has this name; it continues a sentence after the parameter."""
    return f'names no saved filter: there is no "{name}"{did_you_mean(name, snapshot.saved)} /catalog/views lists them'


def _sets(snapshot: Snapshot, expressions: type[SelectionFilterSet]) -> Mapping[str, BitMap | str]:
    return {saved.name: _members(snapshot, saved, expressions) for saved in snapshot.saved.values()}


def _members(snapshot: Snapshot, saved: Saved, expressions: type[SelectionFilterSet]) -> BitMap | str:
    """Return the positions of a saved filter's offers, withdrawn ones too, or why it means nothing any more."""
    try:
        filters = expressions(Expression.of(saved.expression))
    except InvalidParameters as error:  # it was valid when it was saved, by an older program or with other gateways
        return f"names a saved filter that is no longer valid: {error}"
    return filters.narrowed(Selection.of(snapshot, status="all")).members
