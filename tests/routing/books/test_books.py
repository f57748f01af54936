"""`/v1/usage`, metrics, signals and the desk. Numbers refer to the acceptance list of the research."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connections, transaction
from django.db.models import Sum
from django.test import Client
from drf_spectacular.generators import SchemaGenerator
from jsonschema import Draft202012Validator
from prometheus_client import CollectorRegistry, generate_latest

from access.keys import Keys
from access.models import INFER, READ, ApiKey, digest_of
from catalog.api import metrics
from catalog.desk.roles import Role
from catalog.memory import following
from catalog.memory.following import Follower
from catalog.models import CurationAction, CurationItem
from catalog.publication.audit import verify
from front.counts import Counts
from gatewayz.run import supervisor
from routing import bookkeeping, checks, first_key
from routing.ledger import storing
from routing.models import Attempt, Budget, Period
from routing.signals import signals_between
from tests.catalog.desk.people import logged_in
from tests.catalog.memory.fresh import nothing_served_yet
from tests.front.web import Web, one_connection
from tests.routing.ledger.rows import begun, ended, open_entry, spooling, whole_entry
from usage.router import alias

__all__ = ["nothing_served_yet", "one_connection"]

pytestmark = [pytest.mark.django_db(databases="__all__"), pytest.mark.usefixtures("one_connection")]
Json = Any


def keep(*entries: dict[str, Any]) -> None:
    with transaction.atomic(using=alias()), connections[alias()].cursor() as cursor:
        storing.write(cursor, entries)


def some_requests(key: int, *, count: int = 6) -> None:
    """Requests of the last days, each with an attempt that another offer made good."""
    now = datetime.now(UTC)
    for number in range(count):
        at = now - timedelta(days=number % 3)
        name = f"k{key}-{number}"
        absorbed = open_entry(name, 1, at=at, key_id=key, gateway="openrouter", offer_id="x/y")
        final = open_entry(name, 2, at=at, key_id=key)
        cost = None if number == 4 else Decimal(number) / 10**4
        outcome = "cut" if number == 5 else "ok"
        keep(
            whole_entry(absorbed, at=at, outcome="limited", is_final=False, tokens=None, cost=Decimal(0)),
            whole_entry(final, at=at, cost=cost, outcome=outcome, first_content_ms=100 * number),
        )


@pytest.fixture
def issued(monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[ApiKey, str]]:
    def issue(*scopes: str) -> tuple[ApiKey, str]:
        key, secret = ApiKey.objects.issue(name="client", scopes=list(scopes))
        keys.refresh()
        return key, secret

    keys = Keys()
    monkeypatch.setattr(following, "FOLLOWER", Follower(keys=keys))
    return issue


def asked(client: Client, query: str = "", *, secret: str = "") -> Json:
    answer = client.get(f"/v1/usage?{query}", headers={"Authorization": f"Bearer {secret}"} if secret else {})
    assert answer.status_code == 200, answer.content
    return answer.json()


# --- 29 --------------------------------------------------------------------------------------------------------------
def test_29_by_key_model_offer_and_day_the_sums_are_those_of_the_ledger() -> None:
    some_requests(1)
    some_requests(2, count=4)
    staff = logged_in(Role.VIEWER)

    ledger = Attempt.objects.aggregate(Sum("cost_nano"), Sum("input_tokens"), Sum("charged_nano"))
    for group in ("day", "model", "offer", "key"):
        body = asked(staff, f"group={group}")
        for rows in (body["data"], [body["total"]]):
            assert sum(Decimal(row["cost_usd"]) * 10**9 for row in rows) == ledger["cost_nano__sum"]
            assert sum(Decimal(row["charged_usd"]) * 10**9 for row in rows) == ledger["charged_nano__sum"]
            assert sum(row["input_tokens"] for row in rows) == ledger["input_tokens__sum"]
            assert sum(row["attempts"] for row in rows) == Attempt.objects.count()
            assert sum(row["requests"] for row in rows) == 10
            assert sum(row["absorbed"] for row in rows) == 10, "neither requests nor errors"
            assert sum(row["errors"] for row in rows) == 1
    total = body["total"]
    assert total["failures"] == {"cut": 1}
    assert total["unpriced"] == 1
    assert total["first_content_ms"] == {"p50": 200, "p95": 400}
    by_offer = {(row["gateway"], row["offer"]): row["requests"] for row in asked(staff, "group=offer")["data"]}
    assert by_offer == {("chutes", "maker/Model"): 10, ("openrouter", "x/y"): 0}


def test_29_a_key_reads_its_own_and_needs_the_scope(issued: Callable[..., tuple[ApiKey, str]]) -> None:
    key, secret = issued(INFER)
    some_requests(key.pk)
    some_requests(key.pk + 1)
    reader = issued(READ)[1]

    body = asked(Client(), f"group=key&key={key.pk + 1}", secret=secret)

    assert [row["key"] for row in body["data"]] == [key.pk]
    assert body["total"]["requests"] == 6
    assert Client().get("/v1/usage", headers={"Authorization": f"Bearer {reader}"}).status_code == 403
    assert Client().get("/v1/usage").status_code == 401
    assert logged_in(None).get("/v1/usage").status_code == 403


def test_29_the_front_lets_a_key_without_the_scope_read_ask(issued: Callable[..., tuple[ApiKey, str]]) -> None:
    key, secret = issued(INFER)
    some_requests(key.pk)

    answer = Web().ask("/v1/usage", HTTP_X_API_KEY=secret)

    assert answer.json["total"]["requests"] == 6
    assert answer["Cache-Control"] == "no-store"


def test_the_days_are_a_range_in_utc_and_wrong_ones_are_named() -> None:
    some_requests(1)
    staff = logged_in(Role.VIEWER)
    day = (datetime.now(UTC) - timedelta(days=1)).date().isoformat()

    body = asked(staff, f"from={day}&to={day}")
    assert (body["from"], body["to"], body["total"]["requests"]) == (day, day, 2)
    assert [row["day"] for row in body["data"]] == [day]
    wrong = staff.get("/v1/usage?from=2026-11-30&to=2026-11-01")
    assert (wrong.status_code, "must not be after to" in wrong.content.decode()) == (400, True)
    assert staff.get("/v1/usage?from=2020-01-01&to=2026-11-01").status_code == 400


def test_the_answer_is_what_the_openapi_document_says() -> None:
    some_requests(1)
    document: Json = SchemaGenerator(urlconf="routing.urls").get_schema(request=None, public=True)  # type: ignore[no-untyped-call]  # drf-spectacular types it partly
    schema = document["paths"]["/v1/usage"]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    staff = logged_in(Role.VIEWER)
    for group in ("day", "offer"):
        Draft202012Validator({**schema, "components": document["components"]}).validate(asked(staff, f"group={group}"))


# --- metrics ---------------------------------------------------------------------------------------------------------
def test_operators_see_outcomes_unpriced_attempts_reservations_and_the_spool(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fresh = Counts()
    monkeypatch.setattr(metrics.SHARED_COUNTS, "_counts", fresh)
    monkeypatch.setattr(bookkeeping, "counts", fresh)
    monkeypatch.setattr(bookkeeping.LEDGER, "folder", tmp_path)
    with spooling(tmp_path) as spool:
        spool._on_end = bookkeeping._count
        spool.begin(begun("secret-model"))
        spool.end(ended("secret-model", cost=None, cost_reason="unknown price"))
        registry = CollectorRegistry()
        registry.register(metrics.CatalogueCollector())
        shown = generate_latest(registry).decode()

    assert 'gatewayz_inference_attempts_total{outcome="ok"} 1.0' in shown
    assert "gatewayz_inference_unpriced_total 1.0" in shown
    assert "gatewayz_inference_reserved_usd 0.0" in shown
    assert float(shown.split("\ngatewayz_inference_spool_bytes ")[1].split()[0]) > 500
    assert "maker/model" not in shown


# --- signals ---------------------------------------------------------------------------------------------------------
def test_signals_tell_good_answers_failures_and_limits_apart_and_ignore_clients() -> None:
    at = datetime.now(UTC).replace(microsecond=0)
    for number, outcome in enumerate(["ok", "ok", "broken", "cut", "limited", "client", "cancelled", "credential"]):
        keep(whole_entry(open_entry(f"r{number}"), at=at, outcome=outcome, first_content_ms=number))
    keep(whole_entry(open_entry("later"), at=at + timedelta(seconds=300)))
    keep(open_entry("goes on"))

    [signal] = signals_between(at, at + timedelta(seconds=300))

    assert (signal.gateway, signal.offer, signal.ok, signal.error, signal.limited) == ("chutes", "maker/Model", 2, 2, 1)
    assert (signal.first_content_ms, signal.output_tokens) == ([0, 1], 40)


# --- the desk --------------------------------------------------------------------------------------------------------
def test_the_page_shows_figures_and_sets_budgets_with_an_action_in_the_audit_trail() -> None:
    key = ApiKey.objects.issue(name="<i>bot</i>", scopes=[INFER])[0]
    some_requests(key.pk)
    admin = _superuser()

    shown = admin.get("/admin/inference/").content.decode()
    assert "<dt>requests in 30 days</dt><dd>6</dd>" in shown
    assert "There is no budget" in shown
    assert "<i>bot" not in shown
    assert "style=" not in shown
    sent = {"key": str(key.pk), "period": "day", "kind": "hard", "amount": "2.50", "reason": "A trial."}
    assert admin.post("/admin/inference/", sent).status_code == 303
    assert "2.5 USD a day" in admin.get("/admin/inference/").content.decode()
    budget = Budget.objects.get()
    assert (budget.key, budget.period, budget.nano, budget.is_hard) == (key.pk, "day", 2_500_000_000, True)
    item = CurationItem.objects.order_by("-pk").first()
    assert item is not None
    assert (item.field, item.before, item.after) == ("budget_day", None, {"usd": "2.5", "is_hard": True})
    assert admin.post("/admin/inference/", sent).status_code == 303, "nothing changes"
    assert admin.post("/admin/inference/", {**sent, "amount": ""}).status_code == 303
    assert not Budget.objects.exists()
    assert CurationAction.objects.count() == 2
    assert verify().broken is None


@pytest.mark.parametrize(
    "wrong", [{"amount": "much"}, {"amount": "-1"}, {"amount": "NaN"}, {"key": "99"}, {"key": "x"}, {"period": "year"}]
)
def test_a_wrong_budget_is_named_and_changes_nothing(wrong: dict[str, str]) -> None:
    answer = _superuser().post("/admin/inference/", {"key": "0", "period": "day", "amount": "1", **wrong})

    assert answer.status_code == 422
    assert "Must be" in answer.content.decode() or "Must have" in answer.content.decode()
    assert not Budget.objects.exists()


def test_only_those_who_manage_keys_set_budgets() -> None:
    for role in Role:
        client = logged_in(role)
        assert client.get("/admin/inference/").status_code == 200
        assert client.post("/admin/inference/", {"key": "0", "period": "day", "amount": "1"}).status_code == 403


def _superuser() -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("root"))
    return client


# --- the first key and the spool's place -----------------------------------------------------------------------------
def test_make_run_makes_one_key_with_a_budget_and_never_another() -> None:
    now = datetime.now(UTC)
    secret = first_key.make_first_key(now=now)

    assert secret is not None
    key = ApiKey.objects.get()
    assert key.scopes == [READ, INFER]
    assert secret not in str(key.__dict__)
    budget = Budget.objects.get()
    assert (budget.key, budget.period, budget.nano, budget.is_hard) == (key.pk, Period.DAY, 10**9, True)
    ApiKey.objects.all().revoke(now=now)
    assert first_key.make_first_key(now=now) is None, "a revoked key does not come back"


def test_make_run_prints_the_key_once_and_only_while_inference_is_on(
    settings: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    supervisor.prepare_inference()
    assert (capsys.readouterr().out, ApiKey.objects.count()) == ("", 0)
    settings.INFERENCE = "on"
    supervisor.prepare_inference()
    announced, secret = capsys.readouterr().out.splitlines()
    supervisor.prepare_inference()

    assert "at most 1 USD a day" in announced
    assert ApiKey.objects.get().digest == digest_of(secret.strip())
    assert capsys.readouterr().out == ""


def test_a_spool_in_memory_is_refused_while_inference_is_on(tmp_path: Path, settings: Any) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(
        "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
        f"40 22 0:33 / {tmp_path} rw shared:1 - tmpfs tmpfs rw\n"
        f"41 40 8:2 / {tmp_path}/a\\040volume rw - xfs /dev/sdb rw\n"
    )
    assert checks.file_system_of(tmp_path / "spool" / "deep", mounts=mounts) == "tmpfs"
    (tmp_path / "a volume").mkdir()
    assert checks.file_system_of(tmp_path / "a volume" / "spool", mounts=mounts) == "xfs"
    assert checks.file_system_of(Path("/"), mounts=mounts) == "ext4"
    settings.INFERENCE, settings.INFERENCE_SPOOL = "on", tmp_path / "spool"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checks, "file_system_of", lambda folder: "tmpfs")
        [problem] = checks.check_spool(None)
        assert "INFERENCE_SPOOL" in problem.msg
        settings.INFERENCE = "off"
        assert checks.check_spool(None) == []
    settings.INFERENCE, settings.INFERENCE_SPOOL = "on", mounts / "no folder"
    assert [problem.id for problem in checks.check_spool(None)] == ["routing.E002"]
