from __future__ import annotations

from tests.catalog.memory.fresh import nothing_served_yet
from tests.front.web import one_connection

__all__ = ["nothing_served_yet", "one_connection"]
