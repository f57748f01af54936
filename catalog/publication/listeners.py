"""The listeners that are told what listings state about the availability of offers.

An application above the catalogue that watches availability adds itself to `LISTENERS` in its `ready()`. If there is a
listener, a listing's word is evidence for it, and documents have the observed availability (`observed.py`). Without
one, documents have the availability that the adapter read.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from catalog.records import Availability

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What one listing of a gateway's API states of the availability of its offers."""

    gateway: str
    """Its slug."""
    at: datetime
    """When the listing was read."""
    states: Mapping[str, Availability]
    """The stated availability by offer id. Offers without a statement are left out, so no value is `unknown`. Ids of
    rows that became no offer may be in it."""


Listener = Callable[[Statement], None]
LISTENERS: list[Listener] = []
"""Called in this order, in the process that read the listing, outside of any transaction."""


def is_observed() -> bool:
    """Return whether availability is observed: whether anybody listens."""
    return bool(LISTENERS)


def tell(statement: Statement) -> None:
    """Call every listener. Their failures are logged and never raised: the listing is published already."""
    for listener in LISTENERS:
        try:
            listener(statement)
        except Exception:
            logger.exception("What %s states of availability was not taken", statement.gateway)
