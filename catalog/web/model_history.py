"""The history of a model on its page: how its prices moved, as a chart and as a table, and what changed."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from django.db import DatabaseError, InterfaceError

from catalog.history.models import Interval, ModelHistory, history_of_offers
from catalog.memory.rows import Row
from catalog.memory.snapshot import Snapshot
from catalog.parameters.endpoints import Query
from catalog.pricing import meters, money
from catalog.reports.comparison import Compared
from catalog.web import change_words, charts, figures, offers

logger = logging.getLogger(__name__)

View = dict[str, Any]

MOST_CHANGES = 10
YOUNGEST = timedelta(hours=1)
"""A younger history has nothing to draw."""
MOST_LINES = 8
"""The most lines of the chart; the table below it has all prices."""
CHARTS: Mapping[str, tuple[str, str]] = {
    "input": (meters.INPUT_TEXT, "Input"),
    "output": (meters.OUTPUT_TEXT, "Output"),
    "hourly": (meters.COMPUTE_HOUR, "By the hour"),
}


def read_history(snapshot: Snapshot, rows: Sequence[Row]) -> tuple[ModelHistory, bool]:
    """Return the model's history, and whether the database gave it."""
    try:
        found = history_of_offers(
            [(row.gateway, row.id) for row in rows],
            meters=[meter for meter, _ in CHARTS.values()],
            until=snapshot.published_at,
            revision=snapshot.revision,
            most_changes=MOST_CHANGES,
        )
    except (DatabaseError, InterfaceError):
        logger.warning("The history of a model cannot be read; its page is shown without", exc_info=True)
        return ModelHistory(prices=(), changes=()), False
    return found, True


def history_view(query: Query, history: ModelHistory, compared: Sequence[Compared], *, until: datetime) -> View | None:
    """Return the chart of one price and the same as a table."""
    has = {name: [each for each in history.prices if each.meter == meter] for name, (meter, _) in CHARTS.items()}
    known = [name for name in CHARTS if has[name]]
    if not known:
        return None
    chosen = query.values["chart"] if query.values["chart"] in known else known[0]
    sellers = {(offer.row.gateway, offer.row.id): offer for offer in compared}
    names = _names(sellers)
    lines = _lines(has[chosen], names, until=until, is_million=chosen != "hourly")
    order = {name: number for number, name in enumerate(names.values())}
    lines.sort(key=lambda line: (line.last.end < until, line.last.amount, order.get(line.name, 0)))
    shown = lines[:MOST_LINES]
    first = min(step.begin for line in lines for step in line.steps)
    table: list[View] = [
        {
            "begin": figures.moment_view(each.begin),
            "end": figures.day(each.end) if each.end else "today",
            "seller": names.get(each.offer, f"{offers.gateway_name(each.offer[0])}, {each.offer[1]}"),
            "amount": _amount_view(each, is_million=chosen != "hourly"),
            "said": "a curator" if each.is_curated else "the gateway",
        }
        for each in has[chosen]
    ]
    unit = "US$ per 1M tokens" if chosen != "hourly" else "US$ per hour of an instance"
    return {
        "unit": unit,
        "name": CHARTS[chosen][1],
        "switch": [
            {
                "words": CHARTS[name][1],
                "href": _chart_address(query, name),
                "is_current": name == chosen,
            }
            for name in known
        ],
        "chart": charts.chart(shown, until=until) if until - first >= YOUNGEST else None,
        "since": figures.minute(first),
        "in_words": f"{CHARTS[chosen][1]} price, {unit}. {charts.in_words(shown)}",
        "left_out": len(lines) - len(shown),
        "table": table,
        "places": figures.places(row["amount"] for row in table),
    }


def _chart_address(query: Query, name: str) -> str:
    text = query.filters.canonical(chart=name)
    return f"{query.path}?{text}#history" if text else f"{query.path}#history"


def _names(sellers: Mapping[tuple[str, str], Compared]) -> dict[tuple[str, str], str]:
    """Return a name for each offer: its seller, with the id where a seller has several."""
    plain = {key: offers.seller(offer.row) for key, offer in sellers.items()}
    counted: dict[str, int] = {}
    for name in plain.values():
        counted[name] = counted.get(name, 0) + 1
    return {key: name if counted[name] == 1 else f"{name}, {_short_id(key[1])}" for key, name in plain.items()}


def _short_id(offer_id: str) -> str:
    return offer_id.rpartition("/")[2]


def _lines(
    intervals: Sequence[Interval], names: Mapping[tuple[str, str], str], *, until: datetime, is_million: bool
) -> list[charts.Line]:
    steps: dict[tuple[str, str], list[charts.Step]] = {}
    for each in reversed(intervals):
        amount = money.per_million(each.amount) if is_million else each.amount
        steps.setdefault(each.offer, []).append(charts.Step(begin=each.begin, end=each.end or until, amount=amount))
    return [
        charts.Line(
            name=names.get(offer, f"{offers.gateway_name(offer[0])}, {_short_id(offer[1])}"), steps=_whole(found)
        )
        for offer, found in steps.items()
    ]


def _whole(steps: Sequence[charts.Step]) -> list[charts.Step]:
    """Join neighbours of one amount: the same price may have been confirmed by somebody else."""
    joined: list[charts.Step] = []
    for step in sorted(steps, key=lambda step: step.begin):
        if joined and joined[-1].amount == step.amount and joined[-1].end == step.begin:
            joined[-1] = replace(joined[-1], end=step.end)
        else:
            joined.append(step)
    return joined


def _amount_view(each: Interval, *, is_million: bool) -> View:
    if not each.amount:
        return {"word": "free"}
    return figures.per_million_view(money.per_million(each.amount)) if is_million else figures.dollars_view(each.amount)


def change_views(history: ModelHistory, rows: Sequence[Row], *, name: str, slug: str) -> list[View]:
    hosts = {(row.gateway, row.id): offers.document_of(row.document)["host"] for row in rows}
    return [
        change_words.change_view(change, name=name, slug=slug, host=hosts.get((change.gateway, change.id)))
        for change in history.changes
    ]
