"""Chromium, and pages in it that collect whatever goes wrong."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Error, Page, Playwright, Request, Response

Json = Any

WIDE, NARROW = 1280, 390
HEIGHTS = {WIDE: 900, NARROW: 844}
REPORT_VIOLATIONS = (
    "document.addEventListener('securitypolicyviolation', "
    "(event) => console.error(`violation of ${event.violatedDirective} by ${event.blockedURI}`))"
)


def program() -> str:
    """Return the path of Chromium. Without it the test is skipped; the banner at the end of the run says so."""
    found = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if found and Path(found).exists():
        return found
    reason = "a browser: Chromium is not installed; `make chromium` installs it, or set CHROMIUM"
    if report := os.environ.get("TEST_NOT_RUN"):
        with Path(report).open("a") as file:
            file.write(f"{reason}\n")
    pytest.skip(f"NOT RUN: {reason}")


@contextmanager
def launched(playwright: Playwright) -> Iterator[Browser]:
    # The sandbox needs rights that containers and root do not have. Only pages of this machine are opened.
    path = program()
    try:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
    except Error as error:
        found = subprocess.run([path, "--version"], capture_output=True, text=True, check=False).stdout.strip()
        raise AssertionError(f"Playwright {version('playwright')} does not start {found or path}: {error}") from error
    try:
        yield browser
    finally:
        browser.close()


@dataclass
class Visitor:
    """Opens pages of one service, and remembers what no page may do."""

    browser: Browser
    address: str
    faults: list[str] = field(default_factory=list)
    """Messages of the console, errors of scripts, failed requests, and requests to other hosts."""
    expected: list[str] = field(default_factory=list)
    """Parts of faults that the test causes itself, such as a page that does not exist."""
    _contexts: list[BrowserContext] = field(default_factory=list)

    def opens(
        self,
        path: str = "/",
        *,
        width: int = WIDE,
        theme: Literal["light", "dark"] = "light",
        forced: bool = False,
        javascript: bool = True,
        permissions: tuple[str, ...] = (),
    ) -> Page:
        """Open a page as a new reader, without the cookies and the cache of others."""
        context = self.browser.new_context(
            base_url=self.address,
            viewport={"width": width, "height": HEIGHTS[width]},
            color_scheme=theme,
            forced_colors="active" if forced else "none",
            java_script_enabled=javascript,
            permissions=list(permissions),
        )
        self._contexts.append(context)
        context.add_init_script(REPORT_VIOLATIONS)
        page = context.new_page()
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.faults.append(f"an error of a script: {error}"))
        page.on("request", self._request)
        page.on("response", self._response)
        page.goto(path)
        return page

    def close(self) -> None:
        for context in self._contexts:
            context.close()

    @property
    def unexpected(self) -> list[str]:
        return [fault for fault in self.faults if not any(part in fault for part in self.expected)]

    def _console(self, message: ConsoleMessage) -> None:
        self.faults.append(f"{message.type} on the console: {message.text} at {message.location['url']}")

    def _request(self, request: Request) -> None:
        url = urlsplit(request.url)
        if url.scheme != "data" and f"{url.scheme}://{url.netloc}" != self.address:
            self.faults.append(f"a request to another host: {request.url}")

    def _response(self, response: Response) -> None:
        if response.status >= 400:
            self.faults.append(f"{response.status} for {response.url}")
