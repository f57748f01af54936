"""The page of the desk that shows what is asked for: by day, by model, by key, and which searches find nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from urllib.parse import quote

from django.http import HttpRequest, HttpResponse

from access.models import ApiKey
from catalog.desk.pages import DeskPage, Values
from catalog.web import charts, figures
from usage.days import today
from usage.models import OTHER, Outcome
from usage.totals import Group, Total, clients_of, reads_of_keys, totals

DAYS = 30
MOST_ROWS = 20
_EPOCH = date(1970, 1, 1)
_SEARCHES = (Outcome.FOUND, Outcome.NOTHING)


class UsagePage(DeskPage):
    address = "usage/"
    name = "usage"
    title = "Usage"

    def get(self, request: HttpRequest) -> HttpResponse:
        days = range(today() - DAYS + 1, today() + 1)
        by_day = totals(days, "day", "outcome")
        searches = {day: [by_day.get((day, outcome), Total()).reads for outcome in _SEARCHES] for day in days}
        found, nothing = (sum(each[place] for each in searches.values()) for place in (0, 1))
        reads = [(day, sum(by_day.get((day, outcome), Total()).reads for outcome in Outcome)) for day in days]
        values = {
            "counts": [
                {"name": f"reads in {DAYS} days", "number": f"{sum(number for _, number in reads):,}"},
                {"name": "addresses yesterday", "number": f"{clients_of(today() - 1):,}"},
                {"name": "searches", "number": f"{found + nothing:,}"},
                {"name": "found nothing", "number": _share(nothing, found + nothing)},
            ],
            "plots": [
                _plot("Reads", "Requests that were answered, by day in UTC.", reads),
                _plot(
                    "Searches that find nothing",
                    "The percentage of the searches of a day. The words are not stored.",
                    [(day, _percent(each[1], sum(each))) for day, each in searches.items()],
                    unit="%",
                ),
            ],
            "models": _models(totals(days, "model")),
            "endpoints": _endpoints(totals(days, "endpoint")),
            "keys": _keys(reads_of_keys(days)),
        }
        return self.show("usage/page.html", values)


def _plot(title: str, words: str, numbers: Sequence[tuple[int, int | None]], *, unit: str = "") -> Values:
    dated = [(_EPOCH + timedelta(days=day), number) for day, number in numbers]
    known = [number for _, number in dated if number is not None]
    summary = f"{title} on {len(dated)} days, from {min(known):,}{unit} to {max(known):,}{unit}" if known else title
    rows = [
        {"day": figures.day(day), "number": "" if number is None else f"{number:,}{unit}"}
        for day, number in reversed(dated)
    ]
    return {"title": title, "words": words, "summary": summary, "rows": rows, **charts.bars(dated, unit=unit)}


def _models(found: Mapping[Group, Total]) -> list[list[Values]]:
    named = [(str(model), total) for (model,), total in found.items() if model]
    named.sort(key=lambda each: (-each[1].asks, each[0]))
    return [
        [
            {"text": model, "href": "" if model == OTHER else f"/models/{quote(model)}"},
            {"text": f"{total.asks:,}", "right": True},
            {"text": f"{total.reads:,}", "right": True},
        ]
        for model, total in named[:MOST_ROWS]
    ]


def _endpoints(found: Mapping[Group, Total]) -> list[list[Values]]:
    ordered = sorted(found.items(), key=lambda each: (-each[1].reads, each[0]))
    return [[{"text": name, "id": True}, {"text": f"{total.reads:,}", "right": True}] for (name,), total in ordered]


def _keys(reads: Mapping[int, int]) -> list[list[Values]]:
    ordered = sorted(reads.items(), key=lambda each: (-each[1], each[0]))[:MOST_ROWS]
    names = dict(ApiKey.objects.filter(pk__in=[key for key, _ in ordered]).values_list("pk", "name"))
    return [
        [{"text": names.get(key, f"key {key}, deleted")}, {"text": f"{number:,}", "right": True}]
        for key, number in ordered
    ]


def _percent(part: int, whole: int) -> int | None:
    return round(100 * part / whole) if whole else None


def _share(part: int, whole: int) -> str:
    return f"{_percent(part, whole)}%" if whole else "no search"
