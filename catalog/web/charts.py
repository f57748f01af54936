"""Charts that a template writes as SVG: prices over time as lines, counts by day as bars. Pure.

Prices are steps: flat while they hold. So a line needs only horizontal and vertical strokes, whose places are per cent
of the width and pixels of the height: the drawing is as wide as the page, and no text in it is ever scaled.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_CEILING, Decimal
from typing import Any

from catalog.web import figures

View = dict[str, Any]

TOP, BASE = 16, 228
"""The highest and the lowest line of the grid, in pixels."""
LOGARITHMIC_FROM = 20
"""If the highest price is more than this many times the lowest one, a linear axis would flatten all others."""
LABEL_HEIGHT = 15
STYLES = ("a", "b", "c")
"""The strokes of the lines, which differ by weight and dash. The first is for the line that matters most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A price from `begin` on; None where there was none."""

    begin: datetime
    end: datetime
    amount: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    name: str
    steps: Sequence[Step]
    """In the order of time."""

    @property
    def last(self) -> Step:
        return self.steps[-1]


def chart(lines: Sequence[Line], *, until: datetime) -> View | None:
    """Return what the template draws; None if there is nothing to draw. The first line is drawn as the main one."""
    steps = [step for line in lines for step in line.steps]
    if not steps:
        return None
    begin = min(step.begin for step in steps)
    begin = min(begin, until - timedelta(minutes=1))
    scale = _Scale.of([step.amount for step in steps])
    styles = [STYLES[0], *(STYLES[1 + number % (len(STYLES) - 1)] for number in range(len(lines)))]
    drawn = [
        {"style": style, "strokes": _strokes(line, scale, begin=begin, until=until), "end": _end(line, scale, until)}
        for line, style in zip(lines, styles, strict=False)
    ]
    return {
        "grid": [{"y": _pixels(scale.y(tick)), "text": figures.dollars(tick)} for tick in scale.ticks],
        "lines": drawn[::-1],  # the main one last, above the others
        "dates": _dates(begin, until),
        "labels": _labels(lines, styles, scale, until),
        "is_logarithmic": scale.is_logarithmic,
    }


def in_words(lines: Sequence[Line]) -> str:
    """Return what the chart shows, for those who cannot see it."""
    sentences = []
    for line in lines:
        first, *rest = line.steps
        then = [f"then {figures.dollars(step.amount)} from {figures.day(step.begin)}" for step in rest]
        sentences.append(f"{line.name}: {', '.join([figures.dollars(first.amount), *then])}.")
    return " ".join(sentences)


def bars(numbers: Sequence[tuple[date, int | None]], *, unit: str = "") -> View:
    """Return a bar for each of the days, of which there is at least one, with its number as words. A day without a
    number (None) has no bar.

    The axis begins at 0 and has whole numbers.
    """
    most = max([4, *(number for _, number in numbers if number is not None)])
    step = _round_step(Decimal(most) / 4).to_integral_value(ROUND_CEILING)
    top = step * (most / step).to_integral_value(ROUND_CEILING)
    width = 100 / max(1, len(numbers))

    def y(number: Decimal | int) -> float:
        return BASE - float(number / top) * (BASE - TOP)

    def bar(place: int, day: date, number: int) -> View:
        return {
            "x": f"{place * width + width * 0.15:.2f}%",
            "width": f"{width * 0.7:.2f}%",
            "y": _pixels(y(number)),
            "height": _pixels(BASE - y(number)),
            "words": f"{figures.day(day)}: {number:,}{unit}",
        }

    ticks = [step * count for count in range(int(top / step) + 1)]
    return {
        "grid": [{"y": _pixels(y(tick)), "text": f"{int(tick):,}{unit}"} for tick in ticks],
        "bars": [bar(place, day, number) for place, (day, number) in enumerate(numbers) if number is not None],
        "dates": _dates_of_bars([day for day, _ in numbers], width),
    }


def _dates_of_bars(days: Sequence[date], width: float) -> list[View]:
    """Return the dates below the bars: the first, one in the middle and the last, none beyond the ends."""
    first, *others = days
    found = [{"x": "0%", "text": figures.day(first), "anchor": "start"}]
    if len(others) > 2:
        place = len(days) // 2
        found.append({"x": f"{(place + 0.5) * width:.2f}%", "text": figures.day(days[place]), "anchor": "middle"})
    if others:
        found.append({"x": "100%", "text": figures.day(days[-1]), "anchor": "end"})
    return found


class _Scale:
    """The vertical axis: linear from 0, or logarithmic between two powers of ten."""

    def __init__(self, ticks: Sequence[Decimal], *, is_logarithmic: bool) -> None:
        self.ticks = ticks
        self.is_logarithmic = is_logarithmic

    @classmethod
    def of(cls, amounts: Sequence[Decimal]) -> _Scale:
        most, least = max(amounts), min(amounts)
        if least and most / least > LOGARITHMIC_FROM:
            low, high = least.adjusted(), most.adjusted() + 1
            stride = max(1, -(-(high - low) // 6))
            high = low + stride * -(-(high - low) // stride)
            return cls([Decimal(1).scaleb(power) for power in range(low, high + 1, stride)], is_logarithmic=True)
        step = _round_step(most / 4) if most else Decimal("0.25")
        count = max(1, int((most / step).to_integral_value(ROUND_CEILING)))
        return cls([step * number for number in range(count + 1)], is_logarithmic=False)

    def y(self, amount: Decimal) -> float:
        low, high = self.ticks[0], self.ticks[-1]
        if self.is_logarithmic:
            low, high, amount = low.log10(), high.log10(), amount.log10()
        return BASE - float((amount - low) / (high - low)) * (BASE - TOP)


def _round_step(rough: Decimal) -> Decimal:
    """Return the smallest of 1, 2, 2.5, 5 and 10 times a power of ten that is at least this."""
    power = Decimal(1).scaleb(rough.adjusted())
    return next(step for factor in ("1", "2", "2.5", "5", "10") if (step := power * Decimal(factor)) >= rough)


def _strokes(line: Line, scale: _Scale, *, begin: datetime, until: datetime) -> list[View]:
    strokes: list[View] = []
    before: Step | None = None
    for step in line.steps:
        x, end, y = _percent(step.begin, begin, until), _percent(step.end, begin, until), _pixels(scale.y(step.amount))
        if before is not None and before.end == step.begin:
            strokes.append({"x1": x, "x2": x, "y1": _pixels(scale.y(before.amount)), "y2": y})
        strokes.append({"x1": x, "x2": end, "y1": y, "y2": y})
        before = step
    return strokes


def _end(line: Line, scale: _Scale, until: datetime) -> View | None:
    """Return the dot at the end of a line that goes on today."""
    return {"y": _pixels(scale.y(line.last.amount))} if line.last.end >= until else None


def _labels(lines: Sequence[Line], styles: Sequence[str], scale: _Scale, until: datetime) -> list[View]:
    """Return the names of the lines beside their ends, those of one price together, none over another."""
    ends: dict[Decimal, list[int]] = {}
    for number, line in enumerate(lines):
        if line.last.end >= until:
            ends.setdefault(line.last.amount, []).append(number)
    labels: list[View] = []
    free_from = 0.0
    for amount in sorted(ends, reverse=True):
        names = [lines[number].name for number in ends[amount]]
        shown = names if len(names) <= 2 else [names[0], f"and {len(names) - 1} more"]
        y = max(scale.y(amount) + 4, free_from)
        label = {"y": _pixels(y), "text": figures.dollars(amount), "is_main": 0 in ends[amount]}
        label["names"] = [{"text": name, "y": _pixels(y + LABEL_HEIGHT * (1 + n))} for n, name in enumerate(shown)]
        labels.append(label)
        free_from = y + LABEL_HEIGHT * (1 + len(shown)) + 4
    return labels


def _dates(begin: datetime, until: datetime) -> list[View]:
    """Return the dates below the chart: its ends, and two between them."""
    span = until - begin
    if span < timedelta(days=4):
        return [
            {"x": "0%", "text": figures.minute(begin), "anchor": "start"},
            {"x": "100%", "text": figures.minute(until), "anchor": "end"},
        ]
    moments = [begin + span * number / 3 for number in range(4)]
    is_short = span < timedelta(days=90)
    texts = [figures.day(moment) if is_short else f"{moment.astimezone(UTC):%b %Y}" for moment in moments]
    anchors = ("start", "middle", "middle", "end")
    return [
        {"x": _percent(moment, begin, until), "text": text, "anchor": anchor}
        for moment, text, anchor in zip(moments, texts, anchors, strict=True)
    ]


def _percent(moment: datetime, begin: datetime, until: datetime) -> str:
    share = (moment - begin) / (until - begin)
    return f"{min(1.0, max(0.0, share)) * 100:.2f}%"


def _pixels(y: float) -> str:
    return f"{y:.1f}"
