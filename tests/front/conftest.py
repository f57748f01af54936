from __future__ import annotations

from tests.catalog.serving.fresh import nothing_served_yet
from tests.catalog.serving.web import one_connection

__all__ = ["nothing_served_yet", "one_connection"]
