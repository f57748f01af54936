"""The query parameters of the endpoints of this app."""

from __future__ import annotations

from collections.abc import Iterator

from catalog.parameters.filterset import ParameterProblem, SelectionFilterSet
from catalog.parameters.kinds import OneOf, WholeNumber
from catalog.parameters.offer_filters import gateway_parameter
from usage.inference import MEASURES
from usage.ranking import ASKS, WINDOWS

MOST_POPULAR = 100
MOST_DAYS = 90


class PopularFilterSet(SelectionFilterSet):
    """The parameters of `/catalog/popular`."""

    gateway = gateway_parameter()
    window = OneOf("How many complete days, in UTC, are added up.", choices=[*WINDOWS], default="7d", example="30d")
    by = OneOf(
        "`asks`: requests to this service that name the model. `requests`, `tokens`, `cost`: what was sent to it "
        "through this service; of costs, the known ones. `gateway`: the requests that a gateway counts itself; only "
        "Chutes publishes them, and its windows end with the last day that it has counted.",
        choices=(ASKS, *MEASURES, "gateway"),
        default=ASKS,
        example="tokens",
    )
    order = OneOf(
        "`popular`: the highest figure first. `trending`: first what has risen most, compared with the mean of the "
        "three windows before; only models with 20 asks or requests that have risen.",
        choices=("popular", "trending"),
        default="popular",
        example="trending",
    )
    limit = WholeNumber(
        "The maximum number of models in the answer.", least=1, most=MOST_POPULAR, default=20, example=10
    )

    def contradictions(self) -> Iterator[ParameterProblem]:
        yield from super().contradictions()
        if (self.values["by"], self.values["order"]) == ("gateway", "trending"):
            yield ParameterProblem("order", "trending", "must be `popular` if `by` is `gateway`")


def days_parameter() -> WholeNumber:
    return WholeNumber("The number of days, the last one complete.", least=1, most=MOST_DAYS, default=30, example=7)


class SeriesFilterSet(SelectionFilterSet):
    """The parameter of `/catalog/popular/{model}`."""

    days = days_parameter()


class KeyUsageFilterSet(SelectionFilterSet):
    """The parameters of `/usage`."""

    days = WholeNumber("The number of days, today included.", least=1, most=400, default=30, example=7)
    group = OneOf("What the requests are added up by.", choices=("day", "model"), default="day", example="model")
    key = WholeNumber(
        "Only requests with the key of this id. Members of staff may name any key; by default they get all keys.",
        least=1,
        most=2**53,
        example=1,
    )
