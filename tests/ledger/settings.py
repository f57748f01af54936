"""The product's settings for the ledger; `__main__` gives this process a clean environment.

Files that a developer may have fetched, collected or edited must not change an answer: logos, static files, docs/.
"""

from __future__ import annotations

from gatewayz.settings import *  # noqa: F403
from gatewayz.settings import BASE_DIR, DATA_DIR

LOGOS_DIR = DATA_DIR / "logos"
STATIC_ROOT = DATA_DIR / "staticfiles"
WHITENOISE_USE_FINDERS = True
DOCS_DIR = BASE_DIR / "tests/ledger/documents"
