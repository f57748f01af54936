"""`python -m tests.web.screenshots <folder>`: take the pictures of the pages for the README.

They show the bundled catalogue and the history of `catalogue.py`, at a moment that never changes: two runs differ only
if the pages do.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from tests.clock import sitecustomize
from tests.web import catalogue, desk, serving
from tests.web.browsers import launched

NOW = datetime(2026, 11, 28, 9, 30, tzinfo=UTC)
PAGES = {"list.png": "/", "model.png": f"/models/{catalogue.MOVING_SLUG}"}
DESK = {"desk.png": "/admin/"}


def main(pictures: Path) -> None:
    pictures.mkdir(parents=True, exist_ok=True)
    os.environ[sitecustomize.SHIFT] = str(NOW.timestamp() - sitecustomize.real_seconds())
    with tempfile.TemporaryDirectory() as name:
        published, copy = Path(name) / "published", Path(name) / "copy"
        published.mkdir()
        copy.mkdir()
        serving.publish(published, with_hostile_rows=False)
        with sync_playwright() as playwright, launched(playwright) as browser:
            with serving.serving(published) as address:
                take(opened(browser, address), PAGES, into=pictures)
            with desk.serving_desk(published, copy, has_markup=False) as served:
                page = opened(browser, served.address)
                desk.fill_login(page, "curator")
                take(page, DESK, into=pictures)


def opened(browser: Browser, address: str) -> Page:
    context = browser.new_context(base_url=address, viewport={"width": 1280, "height": 800})
    context.clock.set_fixed_time(NOW)
    return context.new_page()


def take(page: Page, paths: Mapping[str, str], *, into: Path) -> None:
    for file, path in paths.items():
        page.goto(path)
        page.wait_for_load_state("networkidle")
        page.screenshot(path=into / file)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
