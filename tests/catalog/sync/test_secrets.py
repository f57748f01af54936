"""The API key is sent only to the gateway: no table, log or output ever contains it."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from functools import partial
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from pytest_django.fixtures import Settings

from catalog.models import SyncRun
from catalog.sync import decisions, fetch
from tests import upstream as faults
from tests.catalog.syncing import Shop, stored
from tests.factories import chutes_rows
from tests.upstream import Fault, Upstream

pytestmark = pytest.mark.django_db

KEY = "sk-shop-0123456789abcdef-THE-SECRET"
ROWS = chutes_rows(4)

ANSWERS: dict[str, list[Fault]] = {
    "a good answer": [],
    "refused with the key": [faults.status(401, f'{{"error": "Incorrect API key provided: {KEY}"}}')],
    "forbidden with the header": [faults.status(403, f"Authorization: Bearer {KEY} is not allowed")],
    "rate limited with the key": [faults.status(429, f"slow down, {KEY}")],
    "broken with the key": [faults.status(500, f"panic: {KEY}")],
    "redirected with the key": [faults.redirect(f"https://elsewhere.example/models?key={KEY}")],
    "moved with the key": [faults.redirect(f"/models/{KEY}?key={KEY}")],
    "no JSON": [faults.html()],
    "hung up": [faults.hung_up()],
    "reset": [faults.connection_reset()],
}


@pytest.fixture
def gateway(shop: Shop, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Upstream]:
    """The shop over a real connection, with a key. Retries do not wait."""
    waits: list[float] = []
    monkeypatch.setattr(fetch, "Fetcher", partial(fetch.Fetcher, sleep=waits.append))
    settings.FETCH_ATTEMPTS = 2
    settings.FETCH_LONGEST_WAIT_SECONDS = 0
    settings.GATEWAY_SOURCES = {**settings.GATEWAY_SOURCES, shop.slug: "api"}
    settings.GATEWAY_KEYS = {**settings.GATEWAY_KEYS, shop.slug: KEY}
    with Upstream() as upstream:
        settings.GATEWAY_BASES = {**settings.GATEWAY_BASES, shop.slug: {"api": upstream.base}}
        upstream.serve("/models", {"rows": ROWS})
        yield upstream


@pytest.mark.parametrize("broken", ANSWERS.values(), ids=ANSWERS)
def test_the_key_reaches_the_gateway_and_no_table_log_or_output(
    broken: list[Fault], gateway: Upstream, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    if broken:
        gateway.breaks("/models", *broken)
    out = StringIO()

    for command in (("sync", "shop"), ("sync", "shop", "--dry-run"), ("status",), ("holds",)):
        try:
            call_command(*command, stdout=out, stderr=out, verbosity=3, traceback=True)
        except CommandError as failure:
            out.write(str(failure))

    assert all(seen.headers["authorization"] == f"Bearer {KEY}" for seen in gateway.seen)
    assert gateway.seen
    assert bool(broken) == (SyncRun.objects.get().outcome == SyncRun.Outcome.FAILED)
    shown = [out.getvalue(), caplog.text, *capfd.readouterr(), repr(stored())]
    assert [text for text in shown if "THE-SECRET" in text] == []


def test_an_unexpected_error_does_not_contain_the_key_either(
    gateway: Upstream, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(self: Shop, row: object) -> None:
        raise RuntimeError("a bug in the adapter")

    monkeypatch.setattr(Shop, "record", fail)
    caplog.set_level(logging.DEBUG)

    with pytest.raises(CommandError):
        call_command("sync", "shop", stdout=StringIO(), stderr=StringIO())

    assert "a bug in the adapter" in caplog.text
    assert "THE-SECRET" not in caplog.text + repr(stored())


def test_no_page_shows_the_key(gateway: Upstream, admin_client: Client) -> None:
    call_command("sync", "shop", stdout=StringIO())
    gateway.breaks("/models", faults.status(401, f"Incorrect API key provided: {KEY}"))
    with pytest.raises(CommandError):
        call_command("sync", "shop", stdout=StringIO(), stderr=StringIO())

    run = SyncRun.objects.latest("pk")
    pages = [
        reverse("admin:catalog_syncrun_changelist"),
        reverse("admin:catalog_syncrun_change", args=[run.pk]),
        reverse("admin:catalog_gateway_change", args=[run.gateway_id]),
        reverse("admin:catalog_runpage_changelist"),
    ]
    for page in pages:
        content = admin_client.get(page).content
        assert b"401" in content or b"/models" in content
        assert b"THE-SECRET" not in content


def test_captures_are_read_again_without_the_key(gateway: Upstream, settings: Settings) -> None:
    call_command("sync", "shop", stdout=StringIO())
    settings.GATEWAY_KEYS = {**settings.GATEWAY_KEYS, "shop": ""}

    report = decisions.rebuild("shop")

    assert report.run.outcome == SyncRun.Outcome.UNCHANGED
    assert len(gateway.seen) == 1
    assert json.loads(report.run.pages.get().request)["query"] == {"page": "1"}
