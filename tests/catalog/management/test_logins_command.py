"""`manage.py logins`: what is refused, and how an operator unlocks it."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.utils import timezone

from access.logins import account_of
from access.models import FailedLogin

pytestmark = pytest.mark.django_db


def run(*arguments: str) -> str:
    stdout = StringIO()
    call_command("logins", *arguments, stdout=stdout)
    return stdout.getvalue()


def store_failures(name: str, address: str, *, count: int) -> None:
    FailedLogin.objects.bulk_create(
        [FailedLogin(account=account_of(name), address=address, failed_at=timezone.now())] * count
    )


def test_nothing_is_listed_while_no_login_is_refused() -> None:
    store_failures("ada", "192.0.2.1", count=4)

    assert run("list") == "No login is refused.\n"


def test_a_lock_is_listed_with_the_name_of_an_account_that_exists() -> None:
    User.objects.create(username="ada")
    store_failures("ada", "192.0.2.1", count=5)
    store_failures("my password", "2001:db8::/64", count=6)

    header, *lines = [line.split() for line in run("list").splitlines()]

    assert header == ["limit", "failed", "seconds", "address", "account"]
    shown = sorted((limit, failed, address, *account) for limit, failed, _, address, *account in lines)
    assert shown == [
        ("pair", "5", "192.0.2.1", "ada"),
        ("pair", "6", "2001:db8::/64", "unknown", account_of("my password")[:12]),
    ]
    assert all(298 <= int(line[2]) <= 300 for line in lines)


def test_limits_of_an_address_and_of_an_account_name_what_they_refuse() -> None:
    store_failures("ada", "192.0.2.1", count=100)
    FailedLogin.objects.update(failed_at=timezone.now() - timedelta(seconds=1))

    lines = {line.split()[0]: line for line in run("list").splitlines()}

    assert lines["account"].split()[3:6] == ["all", "but", "known"]
    assert lines["address"].split()[3:] == ["192.0.2.1", "all"]


@pytest.mark.parametrize(
    ("arguments", "left"),
    [
        (["--account", "ada"], {("grace", "192.0.2.1")}),
        (["--account", " \uff41da"], {("grace", "192.0.2.1")}),
        (["--address", "192.0.2.1"], {("ada", "2001:db8::/64")}),
        (["--address", "2001:db8::17"], {("ada", "192.0.2.1"), ("grace", "192.0.2.1")}),
        (["--address", "2001:db8::/64", "--account", "ada"], {("ada", "192.0.2.1"), ("grace", "192.0.2.1")}),
        (["--address", "2001:db8::/64", "--account", "grace"], None),
    ],
)
def test_an_account_an_address_or_both_are_unlocked(arguments: list[str], left: set[tuple[str, str]] | None) -> None:
    everything = {("ada", "192.0.2.1"), ("ada", "2001:db8::/64"), ("grace", "192.0.2.1")}
    for name, address in everything:
        store_failures(name, address, count=1)
    expected = everything if left is None else left

    answer = run("unlock", *arguments)

    count = len(everything) - len(expected)
    assert answer == f"Forgot {count} wrong login{'' if count == 1 else 's'}.\n"
    kept = {(account_of(name), address) for name, address in expected}
    assert set(FailedLogin.objects.values_list("account", "address")) == kept


def test_unlocking_requires_an_account_or_an_address() -> None:
    with pytest.raises(CommandError, match="give --account, --address or both"):
        run("unlock")
