from __future__ import annotations

from tests.catalog.bundled import _bundled_once, bundled
from tests.catalog.memory.fresh import nothing_served_yet
from tests.front.web import one_connection

__all__ = ["_bundled_once", "bundled", "nothing_served_yet", "one_connection"]
