"""`python -m tests.web.screenshots <folder>`: take the pictures of the pages for the README.

They show the bundled catalogue and the history of `catalogue.py`, at a moment that never changes: two runs differ only
if the pages do.
"""

from __future__ import annotations

import os
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.clock import sitecustomize
from tests.web import catalogue, serving
from tests.web.browsers import launched

NOW = datetime(2026, 11, 28, 9, 30, tzinfo=UTC)
PAGES = {"list.png": "/", "model.png": f"/models/{catalogue.MOVING_SLUG}"}


def main(pictures: Path) -> None:
    pictures.mkdir(parents=True, exist_ok=True)
    os.environ[sitecustomize.SHIFT] = str(NOW.timestamp() - sitecustomize.real_seconds())
    with tempfile.TemporaryDirectory() as name:
        serving.publish(Path(name), with_hostile_rows=False)
        with serving.serving(Path(name)) as address, sync_playwright() as playwright, launched(playwright) as browser:
            context = browser.new_context(base_url=address, viewport={"width": 1280, "height": 800})
            context.clock.set_fixed_time(NOW)
            page = context.new_page()
            for file, path in PAGES.items():
                page.goto(path)
                page.wait_for_load_state("networkidle")
                page.screenshot(path=pictures / file)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
