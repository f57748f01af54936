"""Many offers at once in a browser: tagged in one revision, undone, refused if they moved, and brought in by a file."""

from __future__ import annotations

import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.clients.service import ROOT
from tests.web.browsers import NARROW, WIDE, Visitor
from tests.web.desk import DATABASE, MARKUP, Desk, log_in, serving_desk
from tests.web.test_everywhere import SERIOUS, STRICT, background, brightness, keep

Json = Any
CHOOSE = """(fields) => {
  const form = document.querySelector("form[action='/admin/logout/']").cloneNode(true);
  form.action = "/admin/bulk/";
  for (const [name, value] of fields) {
    const input = document.createElement("input");
    [input.type, input.name, input.value] = ["hidden", name, value];
    form.append(input);
  }
  document.body.append(form);
  form.submit();
}"""
"""Sends what the list of offers sends."""


@pytest.fixture(scope="module")
def desk(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with serving_desk(folder, tmp_path_factory.mktemp("bulk")) as found:
        yield found


def choose(page: Page, *fields: tuple[str, str]) -> None:
    page.evaluate(CHOOSE, list(fields))
    expect(page.get_by_role("heading", name="Reason")).to_be_visible()


def keys(desk: Desk, where: str, most: int = 5) -> list[tuple[str, str]]:
    query = f"SELECT id FROM catalog_offer WHERE {where} ORDER BY id LIMIT {most}"  # noqa: S608
    with closing(sqlite3.connect(desk.folder / DATABASE)) as database:
        return [("offer", str(pk)) for (pk,) in database.execute(query)]


def meanwhile(desk: Desk, code: str) -> None:
    """Run lines of Python on the service's data, in another process."""
    lines = f"import django; django.setup()\nfrom django.utils import timezone\n{code}"
    environment = desk.environment | {"DJANGO_SETTINGS_MODULE": "gatewayz.settings"}
    done = subprocess.run([sys.executable, "-c", lines], cwd=ROOT, env=environment, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()


def set_tag(desk: Desk, key: str, tag: str) -> None:
    meanwhile(
        desk,
        f"""
from catalog.curation.overrides import Order, carry_out
from catalog.curation.wishes import Wish
from catalog.publication.audit import Actor
wish = Wish(offer={key}, field="tags", value={{"add": [{tag!r}], "remove": []}})
carry_out(Order(wishes=[wish], actor=Actor("ben"), reason="mine"), now=timezone.now())
""",
    )


def revision(desk: Desk) -> int:
    return int(desk.sql("SELECT MAX(number) FROM catalog_revision"))


def test_07_all_that_match_are_tagged_in_one_revision_and_08_undone_but_for_what_changed(
    person: Visitor, desk: Desk
) -> None:
    page = log_in(person, "curator")
    before, total = (
        revision(desk),
        desk.sql(
            "SELECT COUNT(*) FROM catalog_offer JOIN catalog_gateway g ON g.id = gateway_id"
            " WHERE g.slug = 'chutes' AND withdrawn_at IS NULL"
        ),
    )
    page.goto("/admin/offers/?gateway=chutes")
    page.get_by_label("Choose all on this page").check()
    expect(page.locator(".tray")).to_contain_text("50 ")
    page.get_by_role("link", name=f"Choose all {total} offers that match").click()
    page.get_by_role("button", name=f"Change {total} offers").click()
    expect(page.get_by_role("heading", name="Reason")).to_be_visible()
    expect(page.get_by_role("heading", level=1)).to_have_text(f"Change {total} offers")
    expect(page.get_by_role("main")).to_contain_text(f"You chose all {total} offers that match gateway “chutes”.")
    keep(page, "bulk say")

    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_label("Shown in the audit trail, required")).to_be_focused()  # the browser asks for it
    page.get_by_label("Add").fill("Bulk")
    page.get_by_label("Shown in the audit trail, required").fill(MARKUP)
    page.get_by_role("button", name="Preview").click()

    # Two of them have a tag until a day: one override has one end.
    expect(page.locator(".verdict dd")).to_have_text([str(total - 2), "0", "2"])
    expect(page.get_by_role("region", name="Refused").locator("li")).to_have_count(2)
    total -= 2
    expect(page.locator(".preview tbody tr")).to_have_count(50)
    expect(page.locator(".preview .least").first).to_have_text("bulk")
    expect(page.locator(".why")).to_have_text(MARKUP)
    assert revision(desk) == before
    with page.expect_download() as download:
        page.get_by_role("link", name="All as CSV").click()
    assert Path(download.value.path()).read_text("utf-8-sig").count("'+bulk,") == total
    keep(page, "bulk preview")
    page.get_by_role("button", name=f"Change {total} offers").click()

    expect(page.get_by_role("status").first).to_contain_text(f"{total} offers changed in revision {before + 1}.")
    assert revision(desk) == before + 1
    number = page.url.rstrip("/").rpartition("/")[2]
    page.goto("/admin/audit/")
    page.get_by_role("link", name=re.compile(rf"^curator changed {total} values$")).click()
    expect(page.get_by_role("heading", name="Facts")).to_be_visible()
    keep(page, "audit action")

    ((_, mine), *_) = keys(desk, "id IN (SELECT offer_id FROM catalog_override WHERE value LIKE '%bulk%')", 1)
    set_tag(desk, mine, "bens")
    page.get_by_label("Reason, for the audit trail").fill("by mistake")
    page.get_by_role("button", name=f"Undo {total} changes").click()

    expect(page.get_by_role("status").first).to_contain_text(f"Action {number}: {total - 1} values went back.")
    kept = page.get_by_role("region", name="Kept")
    expect(kept.locator("li")).to_have_count(1)
    expect(kept).to_contain_text("changed by ben")
    keep(page, "audit undo")
    assert desk.sql("SELECT COUNT(*) FROM catalog_override WHERE value LIKE '%\"bulk\"%'") == 0
    page.get_by_role("link", name=f"action {number}", exact=True).click()
    expect(page.get_by_role("main")).to_contain_text("Undone by action")


def test_09_offers_that_moved_are_named_and_nothing_is_half_done(person: Visitor, desk: Desk) -> None:
    person.expected.append("409")
    page = log_in(person, "curator", javascript=True)
    chosen = keys(desk, "gateway_id = (SELECT id FROM catalog_gateway WHERE slug = 'featherless')", 4)
    choose(page, *chosen)
    page.get_by_label("Recommendation").select_option("recommend")
    page.get_by_label("Shown in the audit trail, required").fill("the team asks")
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_role("button", name="Change 4 offers")).to_be_visible()
    gone = chosen[1][1]
    meanwhile(
        desk, f"from catalog.models import Offer\nOffer.objects.filter(pk={gone}).update(withdrawn_at=timezone.now())"
    )
    before = revision(desk)

    page.get_by_role("button", name="Change 4 offers").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("1 offer changed since the preview.")
    name = desk.sql(f"SELECT model_id FROM catalog_offer WHERE id = {gone}")  # noqa: S608
    expect(page.locator(".log li")).to_contain_text(name)
    expect(page.locator(".log li")).to_contain_text("its gateway withdrew it")
    keep(page, "bulk moved")
    assert revision(desk) == before
    assert desk.sql("SELECT COUNT(*) FROM catalog_override WHERE field = 'is_featured'") == 0
    page.get_by_role("button", name="Preview again").click()
    expect(page.locator(".verdict dd")).to_have_text(["3", "0", "1"])
    page.get_by_role("button", name="Change 3 offers").click()
    expect(page.get_by_role("status").first).to_contain_text("3 offers changed")


def test_10_a_file_goes_out_and_in_again_and_a_bad_line_is_named(person: Visitor, desk: Desk, tmp_path: Path) -> None:
    person.expected.append("400")
    page = log_in(person, "curator", "/admin/csv/")
    with page.expect_download() as download:
        page.get_by_role("link", name=re.compile("^Download")).click()
    export, before = Path(download.value.path()).read_text("utf-8-sig"), revision(desk)

    def bring(content: str) -> None:
        file = tmp_path / "values.csv"
        file.write_text(content, newline="")
        page.goto("/admin/csv/")
        page.get_by_label(re.compile("^File")).set_input_files(file)
        page.get_by_label(re.compile("^Reason")).fill("from a spreadsheet")
        page.get_by_role("button", name="Preview the file").click()

    bring(export)
    expect(page.get_by_role("heading", level=1)).to_have_text("Nothing would change")
    rows = ["openrouter,deepseek/deepseek-r1,tags,'+=cmd(),,,"] + [""] * 14
    bring("\n".join(["gateway,id,field,value,unit,reason,expires_at", *rows, "chutes,a,prompt,1,,,"]))
    expect(page.locator(".log.lines li")).to_have_text(re.compile(r"^line 17\s*prompt needs a unit: "))
    keep(page, "csv bad line")
    bring("gateway,id,field,value,unit,reason,expires_at,colour\n")
    expect(page.get_by_role("alert")).to_contain_text("unknown: colour")
    assert revision(desk) == before
    bring("\n".join(["gateway;id;field;value;unit;reason;expires_at", rows[0].replace(",", ";")]))
    page.get_by_role("button", name="Change 1 offer").click()
    expect(page.get_by_role("status").first).to_contain_text("1 offer changed")
    assert desk.sql("SELECT COUNT(*) FROM catalog_offerversion WHERE document LIKE '%\"=cmd()\"%'") == 1


PAGES = ("bulk", "bulk say", "bulk preview", "csv", "audit", "audit action", "undo")


@pytest.mark.parametrize(("width", "theme"), [(WIDE, "light"), (NARROW, "dark")])
def test_20_the_pages_fit_are_readable_and_show_markup_as_text(
    width: int, theme: Literal["light", "dark"], person: Visitor, desk: Desk
) -> None:
    page = log_in(person, "curator", width=width, theme=theme)
    hostile = keys(desk, "model_id LIKE 'gatewayz-tests/%'", 3)
    number = desk.sql("SELECT MIN(number) FROM catalog_curationaction WHERE kind = 'bulk'")
    choose(page, *hostile)
    say = page.url
    page.get_by_label("Add").fill(MARKUP[:40])
    page.get_by_label("Set the price of").select_option("input")
    page.get_by_label("to", exact=True).fill("90")
    page.get_by_label("Unit").select_option("US$ per 1M tokens")
    page.get_by_label("Shown in the audit trail, required").fill(MARKUP)
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_role("button", name="Change 3 offers")).to_be_visible()
    addresses = ("/admin/bulk/", say, page.url, "/admin/csv/", "/admin/audit/", f"/admin/audit/{number}/")
    for name, address in zip(PAGES, (*addresses, f"/admin/actions/{number}/undo/"), strict=True):
        page.goto(address)
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= width, name
        assert (brightness(background(page)) < 64) == (theme == "dark")
        for details in page.locator("main details:not([open]) > summary").all():
            details.click()
        found: Json = Axe().run(page, options={"runOnly": {"type": "tag", "values": STRICT}}).response
        serious = [each for each in found["violations"] if each["impact"] in SERIOUS]
        assert [(each["id"], [node["html"] for node in each["nodes"]][:3]) for each in serious] == [], name
        keep(page, f"{name} {width} {theme}")
