"""The query parameters of the endpoints of this app."""

from __future__ import annotations

from catalog.parameters.endpoints import EXAMPLE_ID
from catalog.parameters.filterset import SelectionFilterSet
from catalog.parameters.kinds import OneOf, WholeNumber, Word
from catalog.parameters.offer_filters import gateway_parameter
from catalog.parameters.pages import Cursor
from catalog.records import Availability

MOST_DAYS = 90


class AvailabilityFilterSet(SelectionFilterSet):
    """The parameters of `/catalog/availability`."""

    gateway = gateway_parameter()
    state = OneOf(
        "Only offers in this state.",
        choices=[*(state.value for state in Availability), "all"],
        default="all",
        example="offline",
    )
    limit = WholeNumber("The maximum number of offers in the answer.", least=1, most=1_000, default=100, example=10)
    cursor = Cursor("Where to continue: the `next_cursor` of an answer.", example="start")


class AvailabilityHistoryFilterSet(SelectionFilterSet):
    """The parameters of `/catalog/availability/history`."""

    id = Word("The gateway's id of the offer, case-sensitive.", example=EXAMPLE_ID, required=True)
    gateway = gateway_parameter()
    days = WholeNumber("The number of days, in UTC, today included.", least=1, most=MOST_DAYS, default=30, example=7)
