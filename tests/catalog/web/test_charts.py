"""The chart of prices: every price within the drawing, every step where its time is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from catalog.web import charts, figures
from catalog.web.charts import Line, Step

UNTIL = datetime(2026, 11, 28, tzinfo=UTC)


@st.composite
def lines_of(draw: st.DrawFn) -> list[Line]:
    lines = []
    for number in range(draw(st.integers(1, 5))):
        days = sorted(draw(st.sets(st.integers(0, 700), min_size=1, max_size=6)), reverse=True)
        begins = [UNTIL - timedelta(days=day) for day in days]
        amounts = draw(st.lists(st.decimals("0", "200", places=6), min_size=len(days), max_size=len(days)))
        ends = [*begins[1:], UNTIL]
        steps = [Step(begin=b, end=e, amount=a) for b, e, a in zip(begins, ends, amounts, strict=True)]
        lines.append(Line(name=f"seller {number}", steps=steps))
    return lines


@given(lines=lines_of())
def test_all_strokes_are_within_the_drawing_and_only_flat_or_upright(lines: list[Line]) -> None:
    drawn = charts.chart(lines, until=UNTIL)

    assert drawn is not None
    strokes = [stroke for line in drawn["lines"] for stroke in line["strokes"]]
    for stroke in strokes:
        assert stroke["x1"] == stroke["x2"] or stroke["y1"] == stroke["y2"]
        assert 0 <= float(stroke["x1"].rstrip("%")) <= float(stroke["x2"].rstrip("%")) <= 100
        assert all(charts.TOP - 0.1 <= float(stroke[y]) <= charts.BASE + 0.1 for y in ("y1", "y2"))
    flat = sum(len(line.steps) for line in lines)
    assert len(strokes) == flat + sum(len(line.steps) - 1 for line in lines)


@given(lines=lines_of())
def test_labels_do_not_lie_on_each_other_and_name_every_line_or_say_how_many(lines: list[Line]) -> None:
    drawn = charts.chart(lines, until=UNTIL)

    assert drawn is not None
    ends = [float(text["y"]) for label in drawn["labels"] for text in (label, *label["names"])]
    assert all(after - before >= charts.LABEL_HEIGHT - 0.1 for before, after in pairwise(ends))
    assert {label["text"] for label in drawn["labels"]} == {figures.dollars(line.last.amount) for line in lines}


def test_prices_far_apart_are_drawn_on_a_logarithmic_scale() -> None:
    steps = [[Step(begin=UNTIL - timedelta(days=9), end=UNTIL, amount=Decimal(amount))] for amount in ("0.02", "150")]
    drawn = charts.chart([Line(name=str(n), steps=each) for n, each in enumerate(steps)], until=UNTIL)

    assert drawn is not None
    assert drawn["is_logarithmic"]
    assert [tick["text"] for tick in drawn["grid"]] == ["0.01", "0.10", "1.00", "10.00", "100.00", "1,000.00"]


def test_nothing_is_drawn_without_prices() -> None:
    assert charts.chart([], until=UNTIL) is None
