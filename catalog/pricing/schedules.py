"""Schedules turn prices that depend on prompt size and time of day into a base price and prices under conditions.

A schedule has a top-level price and clauses with conditions. Among the clauses that apply the later one wins, meter by
meter. A meter that none of them prices has the top-level price.

With time windows the top level is the price of the hour at which it was read, so it means nothing by itself. The day is
cut at the edges of all windows, and stretches with equal prices become one window. The base is the price that holds for
the largest part of the day (of two equal parts, the dearer). So the same clauses give the same prices at any hour.

Hours that no window covers have the top-level price, unless that is the price of a window. Then the window's price is
in force, and the price of the other hours is missing. Such a schedule is refused: any guess would write a change of
price into the history twice a day. `parted` removes the meters for which it is refused.

If size and hour both matter, every combination is written out. So the order of the upstream clauses is already in the
result, whichever rule picks among the prices whose conditions hold (`catalog/pricing/billing.py`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cached_property
from itertools import groupby, pairwise, product

from catalog.normalize import dates
from catalog.pricing import meters
from catalog.pricing.money import Rate
from catalog.records import Condition, PriceRecord

_DAY_MINUTES = 24 * 60

Rates = dict[str, Rate]
"""The rate of each meter."""
Span = tuple[int, int]
"""Minutes of the day in UTC, [start, end). A span may wrap midnight; one that ends where it starts is the whole day."""
_Profile = tuple[tuple[tuple[str, Decimal], ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Clause:
    """Prices that apply under conditions."""

    rates: Rates
    from_tokens: int = 0
    """The smallest prompt to which the prices apply; 0 means any size."""
    window: Span | None = None
    """The time window; None means at any time."""

    def applies(self, *, tokens: int, minute: int) -> bool:
        return tokens >= self.from_tokens and (self.window is None or _is_within(minute, self.window))


@dataclass(frozen=True, kw_only=True)
class Schedule:
    top: Rates
    clauses: tuple[Clause, ...]

    def prices(self) -> list[PriceRecord]:
        """Return the prices in the order of the meters. Raises ValueError if the price of some hours is missing."""
        if self._hidden():
            raise ValueError("the price of a time window is in force, and that of the other hours is missing")
        usual, *windows = self._windows()
        rates = {key: self._rates(*key) for key in product(self._sizes, (usual, *windows))}
        return [price for meter in meters.METERS for price in self._of_meter(meter, usual, windows, rates)]

    def _of_meter(
        self, meter: str, usual: Span, windows: list[Span], all_rates: dict[tuple[int, Span], Rates]
    ) -> Iterator[PriceRecord]:
        """Yield the base price of a meter, and the prices that differ from it."""
        rates = {key: found.get(meter) for key, found in all_rates.items()}
        sizes = [
            size
            for smaller, size in pairwise(self._sizes)
            if any(rates[size, span] != rates[smaller, span] for span in (usual, *windows))
        ]
        spans = [span for span in windows if any(rates[size, span] != rates[size, usual] for size in self._sizes)]
        for tokens, span in product((0, *sizes), (usual, *spans)):
            if rate := rates[tokens, span]:
                yield meters.price(meter, rate, conditions=_conditions(tokens, None if span == usual else span))

    @cached_property
    def _sizes(self) -> list[int]:
        return sorted({0, *(clause.from_tokens for clause in self.clauses)})

    @cached_property
    def _spans(self) -> list[Span]:
        """The parts of the day between all points at which a window starts or ends."""
        cuts = sorted({edge for clause in self.clauses for edge in clause.window or ()}) or [0]
        return list(zip(cuts, [*cuts[1:], cuts[0]], strict=True))

    def _rates(self, tokens: int, span: Span) -> Rates:
        found = dict(self.top)
        for clause in self.clauses:
            if clause.applies(tokens=tokens, minute=span[0]):
                found |= clause.rates
        return found

    def _profile(self, span: Span) -> _Profile:
        """Return the prices of prompts of every size in these hours."""
        return tuple(
            tuple(sorted((meter, rate.amount) for meter, rate in self._rates(tokens, span).items()))
            for tokens in self._sizes
        )

    def _windows(self) -> list[Span]:
        """Return the span at the base price first, then all spans at other prices."""
        profiles = {span: self._profile(span) for span in self._spans}
        minutes: Counter[_Profile] = Counter()
        for span, profile in profiles.items():
            minutes[profile] += _length(span)
        usual = max(minutes, key=lambda profile: (minutes[profile], profile))
        # Begin where prices change, so that a window around midnight stays whole.
        changes = (at for at, span in enumerate(self._spans) if profiles[span] != profiles[self._spans[at - 1]])
        first = next(changes, 0)
        runs = groupby([*self._spans[first:], *self._spans[:first]], key=profiles.__getitem__)
        joined = [(profile == usual, _joined(list(spans))) for profile, spans in runs]
        base = next(span for is_usual, span in joined if is_usual)
        return [base, *sorted(span for is_usual, span in joined if not is_usual)]

    def parted(self) -> tuple[Schedule, frozenset[str]]:
        """Return the schedule of the meters that have a price at every hour, and the other meters."""
        if not (hidden := self._hidden()):
            return self, hidden
        clauses = (replace(clause, rates=_without(clause.rates, hidden)) for clause in self.clauses)
        rest, more = Schedule(top=_without(self.top, hidden), clauses=tuple(clauses)).parted()
        return rest, hidden | more

    def _hidden(self) -> frozenset[str]:
        """Return the meters whose time-window price is in force while their price at other hours is missing."""
        timed = [clause for clause in self.clauses if clause.window]
        priced = {
            span: {meter for clause in timed if clause.applies(tokens=0, minute=span[0]) for meter in clause.rates}
            for span in self._spans
        }
        in_force = [span for span in self._spans if priced[span] and self._rates(0, span) == self.top]
        return frozenset(meter for span in in_force for other in self._spans for meter in priced[span] - priced[other])


def _conditions(from_tokens: int, window: Span | None) -> list[Condition]:
    found: list[Condition] = []
    if from_tokens:
        found.append(("prompt_tokens", ">=", from_tokens))
    if window:
        found.append(("utc_window", "during", dates.window(*window)))
    return found


def _without(rates: Rates, hidden: Collection[str]) -> Rates:
    return {meter: rate for meter, rate in rates.items() if meter not in hidden}


def _is_within(minute: int, span: Span) -> bool:
    return (minute - span[0]) % _DAY_MINUTES < _length(span)


def _length(span: Span) -> int:
    return (span[1] - span[0]) % _DAY_MINUTES or _DAY_MINUTES


def _joined(spans: list[Span]) -> Span:
    return spans[0][0], spans[-1][1]


def where(conditions: Iterable[Condition]) -> str:
    """Return the conditions as words that follow a price in a sentence; without conditions, an empty text."""
    found = " and ".join(" ".join(map(str, condition)) for condition in conditions)
    return f" where {found}" if found else ""
