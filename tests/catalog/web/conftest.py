from __future__ import annotations

from tests.catalog.bundled import _bundled_once, bundled

__all__ = ["_bundled_once", "bundled"]
