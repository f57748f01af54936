from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from access import logins
from access.limits import client_of
from access.logins import Locked, account_of, short
from catalog.curation import logins as curation
from catalog.publication.audit import Actor

_ROW = "{:<8} {:>6}  {:>8}  {:<39}  {}"
_COLUMNS = ("limit", "failed", "seconds", "address", "account")


class Command(BaseCommand):
    help = "List the logins to the admin that are refused after wrong ones, and unlock accounts and addresses."

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        actions.add_parser("list", help="list what is refused at present, by which limit and for how long")
        unlock = actions.add_parser("unlock", help="forget wrong logins: of an account, of an address, or of both")
        unlock.add_argument("--account", metavar="NAME", help="the user name, which need not exist")
        unlock.add_argument("--address", help="as `list` and the log show it, or any address of an IPv6 /64")

    def handle(self, *args: Any, **options: Any) -> None:
        match options["action"]:
            case "list":
                self._list()
            case "unlock":
                self._unlock(account=options["account"], address=options["address"])

    def _list(self) -> None:
        found = logins.locked(now=timezone.now())
        if not found:
            self.stdout.write("No login is refused.")
            return
        names = {account_of(name): name for name in User.objects.order_by("pk").values_list("username", flat=True)}
        self.stdout.write(_ROW.format(*_COLUMNS))
        for each in found:
            self.stdout.write(_line(each, names=names))

    def _unlock(self, *, account: str | None, address: str | None) -> None:
        if account is None and address is None:
            raise CommandError("give --account, --address or both")
        count = curation.unlock(
            account=None if account is None else account_of(account.strip()),
            # As requests are counted: without a port, and an IPv6 address as its /64.
            address=None if address is None else client_of({"REMOTE_ADDR": address}, trusted_hops=0),
            actor=Actor.of(None),
            now=timezone.now(),
        )
        self.stdout.write(f"Forgot {count} wrong logins." if count != 1 else "Forgot 1 wrong login.")


def _line(locked: Locked, *, names: dict[str, str]) -> str:
    """Return the row. An account that does not exist has no name, because none was stored."""
    account = "all" if locked.account is None else names.get(locked.account, f"unknown {short(locked.account)}")
    return _ROW.format(locked.limit, locked.failures, locked.wait_seconds, locked.address or "all but known", account)
