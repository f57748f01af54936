from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from tests.web import serving
from tests.web.browsers import Visitor, launched, program
from tests.web.desk import Desk

PATIENCE_MILLISECONDS = 10_000
"""How long a test waits for what must happen soon."""


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of the service, with everything published."""
    path = tmp_path_factory.mktemp("service")
    serving.publish(path, with_hostile_rows=True)
    return path


@pytest.fixture(scope="session")
def address(folder: Path) -> Iterator[str]:
    """The address of the service."""
    with serving.serving(folder) as url:
        yield url


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    program()
    with sync_playwright() as playwright, launched(playwright) as found:
        yield found


@pytest.fixture
def visitor(browser: Browser, address: str) -> Iterator[Visitor]:
    """A reader of the pages. At the end of each test, nothing may have gone wrong in the browser."""
    expect.set_options(timeout=PATIENCE_MILLISECONDS)
    found = Visitor(browser, address)
    yield found
    found.close()
    assert found.unexpected == []


@pytest.fixture
def person(browser: Browser, desk: Desk) -> Iterator[Visitor]:
    """Somebody at the desk that the test's module serves. At the end, nothing may have gone wrong in the browser."""
    expect.set_options(timeout=PATIENCE_MILLISECONDS)
    found = Visitor(browser, desk.address)
    yield found
    found.close()
    assert found.unexpected == []
