"""Decides when a held price is believed because its gateway keeps reporting it."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from decimal import Decimal

from django.conf import settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """How often and for how long a gateway must repeat a price. The settings have the fields' names after GUARD_."""

    repeat_percent: int = 2
    """A repeated price differs from the reading before it by at most this much."""
    band_percent: int = 10
    """A repeated price differs from the first reading by at most this much."""
    believe_readings: int = 3
    believe_hours: int = 96
    believe_edited_hours: int = 168
    """The hours that apply if other people edit the file that the price was read from."""
    question_resets: int = 10
    """A hold that started again this often is listed as a question."""
    question_days: int = 30
    """A discarded price that is reported for this long is listed as a question."""

    def is_repeat(self, amount: Decimal, *, before: Decimal, first: Decimal) -> bool:
        """Return whether `amount` repeats a held price. `before` is the previous reading, `first` the first one."""
        return _is_within(amount, before, self.repeat_percent) and _is_within(amount, first, self.band_percent)

    def may_be_believed(
        self, *, readings: int, first_read_at: datetime | None, now: datetime, is_edited: bool, has_agreeing: bool
    ) -> bool:
        """Return whether a price was repeated for long enough.

        `is_edited`: other people edit the file that the price comes from. `has_agreeing`: two or more other offers of
        the model cost about as much.
        """
        if first_read_at is None or readings < self.believe_readings:
            return False
        hours = self.believe_edited_hours if is_edited and not has_agreeing else self.believe_hours
        return now - first_read_at >= timedelta(hours=hours)


def rules() -> Rules:
    """Return the rules from the settings."""
    return Rules(**{rule.name: getattr(settings, f"GUARD_{rule.name.upper()}") for rule in fields(Rules)})


def _is_within(amount: Decimal, other: Decimal, percent: int) -> bool:
    return abs(amount - other) * 100 <= percent * other
