"""`manage.py api_key`: its output, its errors and its exit status."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.db import connections
from django.utils import timezone

from access.keys import Keys, WrongKey
from access.models import LONGEST_NAME, ApiKey, digest_of
from catalog.management.commands.api_key import Command

pytestmark = pytest.mark.django_db

NOW = datetime(2100, 11, 22, 8, tzinfo=UTC)


def run(*arguments: str) -> tuple[str, str]:
    stdout, stderr = StringIO(), StringIO()
    call_command("api_key", *arguments, stdout=stdout, stderr=stderr, no_color=True)
    return stdout.getvalue(), stderr.getvalue()


def read_keys() -> Keys:
    """Return the keys as a serving process reads them now."""
    keys = Keys()
    keys.refresh()
    return keys


def refused(*arguments: str) -> str:
    with pytest.raises(CommandError) as failure:
        run(*arguments)
    return str(failure.value)


def listed() -> dict[str, list[str]]:
    """Return the words of each key's line by the name of the key."""
    header, *lines = run("list")[0].splitlines()
    assert header.split() == ["id", "prefix", "state", "scopes", "per", "minute", "created", "expires", "name"]
    at = header.index("name")
    return {line[at:]: line[:at].split() for line in lines}


# --- creating --------------------------------------------------------------------------------------------------------


def test_a_new_key_works_and_its_secret_is_all_of_stdout() -> None:
    out, err = run("create", "the deployment", "--scope", "sync", "--per-minute", "90", "--expires", "2101-01-31")

    secret = out.removesuffix("\n")
    key = ApiKey.objects.get()
    assert re.fullmatch(r"gwz_[\w-]{43}", secret)
    assert key.digest == digest_of(secret)
    assert (key.name, key.scopes, key.requests_per_minute) == ("the deployment", ["sync"], 90)
    assert (key.expires_at, key.created_by, key.revoked_at) == (datetime(2101, 1, 31, tzinfo=UTC), None, None)
    assert secret not in err
    assert f"{key.pk} the deployment ({key.prefix}…)" in err
    found = read_keys().key_of(api_key=secret)
    assert found is not None
    assert (found.scopes, found.per_minute) == (frozenset({"sync"}), 90)


def test_a_key_reads_without_end_by_the_setting_unless_something_else_is_given() -> None:
    run("create", "a client")

    key = ApiKey.objects.get()
    assert (key.scopes, key.requests_per_minute, key.expires_at) == (["read"], None, None)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2101-01-31T12:30", datetime(2101, 1, 31, 12, 30, tzinfo=UTC)),
        ("2101-01-31T12:30+02:00", datetime(2101, 1, 31, 10, 30, tzinfo=UTC)),
    ],
)
def test_a_time_is_utc_unless_it_names_its_zone(text: str, moment: datetime) -> None:
    run("create", "a client", "--expires", text)

    assert ApiKey.objects.get().expires_at == moment


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["create"], "the following arguments are required: name"),
        (["create", " "], f"argument name: must be 1 to {LONGEST_NAME} printable characters"),
        (["create", "x" * (LONGEST_NAME + 1)], f"argument name: must be 1 to {LONGEST_NAME} printable characters"),
        (["create", "x\x1b[2J"], f"argument name: must be 1 to {LONGEST_NAME} printable characters"),
        (["create", "x", "--scope", "admin"], "argument --scope: invalid choice: 'admin'"),
        (["create", "x", "--per-minute", "-1"], "argument --per-minute: must be a whole number from 0 to 999999999"),
        (["create", "x", "--per-minute", "9999999999"], "argument --per-minute: must be a whole number from 0 to"),
        (["create", "x", "--per-minute", "many"], "argument --per-minute: must be a whole number from 0 to 999999999"),
        (["create", "x", "--expires", "soon"], "argument --expires: must be a date or a time such as 2027-01-31"),
        (["create", "x", "--expires", "2100-02-30"], "argument --expires: must be a date or a time such as"),
        (["create", "x", "--expires", "2020-01-31"], "argument --expires: must be in the future"),
        ([], "the following arguments are required: action"),
        (["delete", "x"], "argument action: invalid choice: 'delete'"),
        (["revoke"], "the following arguments are required: key"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_created(arguments: list[str], reason: str) -> None:
    assert reason in refused(*arguments)
    assert not ApiKey.objects.exists()


# --- listing ---------------------------------------------------------------------------------------------------------


def test_the_list_has_what_is_known_of_each_key_and_no_secret() -> None:
    with time_machine.travel(NOW, tick=False):
        ApiKey.objects.issue(name="plain")
        _, secret = ApiKey.objects.issue(name="everything", scopes=["sync"], requests_per_minute=5)
        ApiKey.objects.issue(name="no limit", requests_per_minute=0, expires_at=NOW + timedelta(days=1))
        ApiKey.objects.issue(name="old", expires_at=NOW)
        ApiKey.objects.issue(name="bad\x1b[2J\n", revoked_at=NOW)
        found = listed()
        text = run("list")[0]

    made = ["2100-11-22", "08:00"]
    assert [words[2:] for words in found.values()] == [
        ["valid", "read", "default", *made, "-"],
        ["valid", "sync", "5", *made, "-"],
        ["valid", "read", "no", "limit", *made, "2100-11-23", "08:00"],
        ["expired", "read", "default", *made, *made],
        ["revoked", "read", "default", *made, "-"],
    ]
    assert list(found) == ["plain", "everything", "no limit", "old", "bad?[2J?"]
    assert [words[:2] for words in found.values()] == [
        [str(key.pk), f"{key.prefix}…"] for key in ApiKey.objects.order_by("pk")
    ]
    assert secret not in text


def test_without_keys_the_list_reports_that() -> None:
    assert run("list")[0] == "There are no keys.\n"


# --- revoking --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("by", ["id", "name", "prefix", "prefix as listed"])
def test_a_key_is_revoked_by_its_id_its_name_or_its_prefix(by: str) -> None:
    key, secret = ApiKey.objects.issue(name="a client")
    other, _ = ApiKey.objects.issue(name="another client")
    spelling = {"id": str(key.pk), "name": key.name, "prefix": key.prefix, "prefix as listed": f"{key.prefix}…"}[by]

    with time_machine.travel(NOW, tick=False):
        out, _ = run("revoke", spelling)

    assert out == f"Revoked {key.pk} a client ({key.prefix}…).\n"
    assert ApiKey.objects.get(pk=key.pk).revoked_at == NOW
    assert ApiKey.objects.get(pk=other.pk).revoked_at is None
    with pytest.raises(WrongKey):
        read_keys().key_of(api_key=secret)


def test_the_name_of_several_keys_is_not_clear_until_one_is_left() -> None:
    first, second = (ApiKey.objects.issue(name="twins")[0] for _ in range(2))

    assert refused("revoke", "twins") == (
        f"twins may be {first.pk} twins ({first.prefix}…), {second.pk} twins ({second.prefix}…); give the id of one"
    )
    run("revoke", str(first.pk))
    run("revoke", "twins")

    assert not ApiKey.objects.valid(now=timezone.now()).exists()


def test_a_name_that_is_another_keys_id_is_not_clear() -> None:
    first, _ = ApiKey.objects.issue(name="x")
    ApiKey.objects.issue(name=str(first.pk))

    assert "give the id of one" in refused("revoke", str(first.pk))


@pytest.mark.parametrize("spelling", ["nothing", "0", "9" * 30, "²", "gwz_nothing", ""])
def test_a_key_that_does_not_exist_is_not_revoked(spelling: str) -> None:
    assert refused("revoke", spelling) == f"there is no key {spelling}; `manage.py api_key list` lists them"


def test_a_key_is_revoked_once() -> None:
    key, _ = ApiKey.objects.issue(name="x", revoked_at=NOW)

    assert refused("revoke", "x") == f"{key.pk} x ({key.prefix}…) was revoked at 2100-11-22 08:00 UTC"
    assert ApiKey.objects.get().revoked_at == NOW


def test_if_one_of_several_is_not_clear_none_is_revoked() -> None:
    ApiKey.objects.issue(name="x")

    refused("revoke", "x", "y")

    assert ApiKey.objects.get().revoked_at is None


# --- the process -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "status", "error"),
    [
        (["revoke", "nothing"], 1, "CommandError: there is no key nothing; `manage.py api_key list` lists them\n"),
        (["create", "x", "--per-minute", "many"], 2, "must be a whole number from 0 to 999999999\n"),
        (["create", "x"], 0, "only its hash is stored:\n"),
    ],
)
def test_the_exit_status_distinguishes_an_error_from_a_wrong_call(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], arguments: list[str], status: int, error: str
) -> None:
    monkeypatch.setattr(connections, "close_all", lambda: None)  # the test's transaction must stay open

    try:
        Command().run_from_argv(["manage.py", "api_key", *arguments])
    except SystemExit as ended:
        found = ended.code
    else:
        found = 0

    out, err = capfd.readouterr()
    assert found == status
    assert err.endswith(error)
    assert re.fullmatch(r"gwz_[\w-]{43}\n" if status == 0 else "", out)
