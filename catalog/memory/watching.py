"""What is observed of offers, as far as pages and formats of the catalogue show it. Pure.

Another app observes that, and it may be missing: then nothing is known of any offer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Watch:
    """What is observed of one offer."""

    uptime_1d: float | None
    """The percentage of the last day in which it could be used; None if too little is known."""
    facts: object = None
    """What the parts of pages that the same app adds make their words from."""


Watches = Mapping[tuple[str, str], Watch]
"""By gateway and id. An offer that is missing has no observation."""
