from __future__ import annotations

from tests.catalog.serving.fresh import nothing_served_yet

__all__ = ["nothing_served_yet"]
