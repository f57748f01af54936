"""The desk's pages of settings in a browser: gateways, API keys, saved filters, failed logins."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.clients.service import environment_of, free_address, manage, running
from tests.web.browsers import NARROW, WIDE, Visitor
from tests.web.conftest import PATIENCE_MILLISECONDS
from tests.web.test_everywhere import SERIOUS, STRICT, keep

Json = Any
Theme = Literal["light", "dark"]

NAME, PASSWORD = "root", "correct horse battery"
LOCKED = {"CHUTES_SOURCE": "bundled"}
PAGES = {
    "desk gateways": "/admin/gateways/",
    "desk gateway": "/admin/gateways/portkey/",
    "desk locked gateway": "/admin/gateways/chutes/",
    "desk keys": "/admin/keys/",
    "desk key": "/admin/keys/1/",
    "desk views": "/admin/views/",
    "desk new view": "/admin/views/new/?expression=supported_parameters=tools%26prompt_price_max=0.5",
    "desk logins": "/admin/logins/",
    "desk usage": "/admin/usage/",
}


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a service of its own, with one superuser, one key and one saved filter."""
    address = free_address()
    environment = environment_of(tmp_path_factory.mktemp("desk"), address, **LOCKED)
    manage(environment, "migrate", "--verbosity", "0")
    manage(environment, "sync", "--source", "bundled")
    account = {"DJANGO_SUPERUSER_PASSWORD": PASSWORD, "DJANGO_SUPERUSER_EMAIL": "root@example.org"}
    manage(environment | account, "createsuperuser", "--noinput", "--username", NAME)
    manage(environment, "api_key", "create", "the first client", "--per-minute", "90", "--expires", "2100-01-31")
    with running(environment, address) as url:
        yield url


@pytest.fixture
def operator(browser: Browser, desk: str) -> Iterator[Visitor]:
    expect.set_options(timeout=PATIENCE_MILLISECONDS)
    found = Visitor(browser, desk)
    yield found
    found.close()
    assert found.unexpected == []


def opened(visitor: Visitor, path: str, *, width: int = WIDE, theme: Theme = "light", javascript: bool = True) -> Page:
    """Log in, and open a page of the desk."""
    page = visitor.opens("/admin/login/", width=width, theme=theme, javascript=javascript)
    page.locator("#id_username").fill(NAME)
    page.locator("#id_password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.goto(path)
    return page


@pytest.mark.parametrize(("width", "theme"), [(WIDE, "light"), (NARROW, "dark")])
def test_19_pages_of_settings_fit_and_are_easy_to_read_and_to_reach(
    operator: Visitor, width: int, theme: Theme
) -> None:
    page = opened(operator, "/admin/", width=width, theme=theme)
    for name, path in PAGES.items():
        page.goto(path)
        expect(page.get_by_role("main")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= width, name
        found: Json = Axe().run(page, options={"runOnly": {"type": "tag", "values": STRICT}}).response
        serious = [each for each in found["violations"] if each["impact"] in SERIOUS]
        assert [(each["id"], [node["html"] for node in each["nodes"]][:3]) for each in serious] == [], name
        keep(page, f"{name} {width} {theme}")


@pytest.mark.parametrize("javascript", [True, False])
def test_a_gateway_is_disabled_and_enabled_again_and_the_public_page_follows(
    operator: Visitor, javascript: bool
) -> None:
    page = opened(operator, "/admin/gateways/portkey/", javascript=javascript)
    page.get_by_label("Read at all").select_option("no")
    page.get_by_label("Minutes between two runs").fill("30")
    page.get_by_label("Why").fill("it is slow")
    page.get_by_role("button", name="Save the settings").click()
    expect(page.get_by_role("status").first).to_contain_text("Changed: read at all and minutes between two runs.")
    expect(page.get_by_role("button", name="Sync Portkey now")).to_have_count(0)
    page.goto("/gateways/portkey")
    expect(page.locator(".state").first).to_have_text("disabled")

    page.goto("/admin/gateways/portkey/")
    page.get_by_label("Read at all").select_option("default: yes")
    page.get_by_label("Minutes between two runs").fill("")
    page.get_by_label("Why").fill("it works again")
    page.get_by_role("button", name="Save the settings").click()
    expect(page.get_by_role("button", name="Sync Portkey now")).to_be_visible()


def test_what_the_environment_sets_is_locked_and_named(operator: Visitor) -> None:
    page = opened(operator, "/admin/gateways/chutes/")

    expect(page.get_by_text("Locked: the environment sets CHUTES_SOURCE.")).to_be_visible()
    expect(page.get_by_label("Source")).to_have_count(0)
    expect(page.get_by_label("Minutes between two runs")).to_be_editable()


def test_a_key_is_shown_once_works_at_once_and_ends_when_it_is_revoked(operator: Visitor) -> None:
    operator.expected += ["401 for", "status of 401"]
    page = opened(operator, "/admin/keys/")
    page.get_by_label("Who uses it, and for what").fill("a test")
    page.get_by_label("Requests a minute").fill("1000")
    page.get_by_role("button", name="Make the key").click()
    secret = page.locator("#secret").inner_text()
    assert re.fullmatch(r"gwz_[\w-]{43}", secret)
    page.get_by_role("link", name="I have copied it").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("API keys")
    assert secret not in page.content()

    def status() -> int:
        return page.request.get("/catalog/models?limit=1", headers={"X-API-Key": secret}).status

    _until(page, lambda: status() == 200)
    page.get_by_role("link", name="a test").click()
    page.get_by_role("button", name="Revoke the key").click()
    expect(page.get_by_role("status").first).to_contain_text("Revoked a test.")
    _until(page, lambda: status() == 401)


def test_a_filter_is_taken_from_the_address_of_a_list_and_used_as_a_view(operator: Visitor, desk: str) -> None:
    page = opened(operator, "/?gateway=chutes&sort=-created")
    page.goto(f"/admin/views/new/?expression={desk}/?gateway=chutes%26sort=-created")
    expect(page.get_by_text("104 offers of those that are listed now.")).to_contain_text("without sort")
    page.get_by_label("Name").fill("of-chutes")
    page.get_by_label("Title").fill("All of Chutes")
    page.get_by_role("button", name="Save the filter").click()
    expect(page.get_by_role("status").first).to_contain_text("Saved of-chutes.")

    def total() -> int:
        found = page.request.get("/catalog/models?view=of-chutes&limit=1")
        return int(found.json()["total"]) if found.ok else 0

    _until(page, lambda: total() == 104)
    page.get_by_role("link", name="page").click()
    expect(page.get_by_text("of-chutes").first).to_be_visible()
    page.goto("/admin/views/")
    page.get_by_role("link", name="of-chutes").click()
    page.get_by_role("button", name="Delete of-chutes").click()
    expect(page.get_by_text("There is no saved filter yet.")).to_be_visible()


def test_a_locked_login_is_unlocked(operator: Visitor) -> None:
    operator.expected += ["429"]
    page = opened(operator, "/admin/logins/")
    stranger = operator.opens("/admin/login/")
    for _ in range(6):
        stranger.locator("#id_username").fill("nobody")
        stranger.locator("#id_password").fill("wrong")
        stranger.get_by_role("button", name="Log in").click()
        stranger.goto("/admin/login/")
    page.reload()
    row = page.get_by_role("row").filter(has_text="no account")
    expect(row).to_contain_text("5 wrong logins to this account from this address")
    row.get_by_role("button", name="Unlock").click()
    expect(page.get_by_text("No login is refused at this moment.")).to_be_visible()


def _until(page: Page, is_so: Any) -> None:
    """Wait for what serving processes learn within seconds."""
    for _ in range(PATIENCE_MILLISECONDS // 100):
        if is_so():
            return
        page.wait_for_timeout(100)
    assert is_so()
