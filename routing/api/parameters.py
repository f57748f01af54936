"""The query parameters of the endpoints of this app."""

from __future__ import annotations

from collections.abc import Iterator

from catalog.parameters.filterset import ParameterProblem, SelectionFilterSet
from catalog.parameters.kinds import Moment, OneOf, WholeNumber
from routing.totals import GROUPS

MOST_DAYS = 400
DAY_SECONDS = 86_400


class InferenceUsageFilterSet(SelectionFilterSet):
    """The parameters of `/v1/usage`."""

    vars()["from"] = Moment("The first day, in UTC; by default 29 days before the last one.", example="2026-11-01")
    to = Moment("The last day, in UTC; by default today.", example="2026-11-30")
    group = OneOf("What requests are added up by.", choices=GROUPS, default="day", example="model")
    key = WholeNumber(
        "Only requests with the key of this id. Members of staff may name any key; by default they get all keys.",
        least=1,
        most=2**53,
        example=1,
    )

    def days(self, *, today: int) -> range:
        """Return the days that are asked for, as days since 1970."""
        last = today if self.values["to"] is None else self.values["to"] // DAY_SECONDS
        first = last - 29 if self.values["from"] is None else self.values["from"] // DAY_SECONDS
        return range(first, last + 1)

    def contradictions(self) -> Iterator[ParameterProblem]:
        first, last = self.values["from"], self.values["to"]
        if first is not None and last is not None and first > last:
            yield self.problem("from", "must not be after to")
        elif first is not None and last is not None and (last - first) // DAY_SECONDS >= MOST_DAYS:
            yield self.problem("from", f"must be less than {MOST_DAYS} days before to")
