from __future__ import annotations

from argparse import ArgumentTypeError
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db.models import Q
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from access.models import LONGEST_NAME, MOST_PER_MINUTE, SCOPES, ApiKey, usual_scopes
from catalog.curation import keys
from catalog.curation.keys import Wanted
from catalog.publication.audit import Actor

_ROW = "{:>5}  {:<11} {:<8} {:<7} {:>10}  {:<16}  {:<16}  {}"
_COLUMNS = ("id", "prefix", "state", "scopes", "per minute", "created", "expires", "name")


class Command(BaseCommand):
    help = "Create, list and revoke API keys."

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        create = actions.add_parser("create", help="create a key; its secret is the only line on stdout")
        create.add_argument("name", type=_name, help="who uses it, and for what")
        create.add_argument(
            "--scope", action="append", choices=SCOPES, help="what it allows; repeatable; default: read"
        )
        create.add_argument(
            "--per-minute",
            type=_per_minute,
            metavar="REQUESTS",
            help="its limit in each serving process; 0: no limit; default: API_KEY_RATE_LIMIT_PER_MINUTE",
        )
        create.add_argument(
            "--expires", type=_future, metavar="TIME", help="2027-01-31 or 2027-01-31T12:00+02:00; default: never"
        )
        actions.add_parser("list", help="list all keys, revoked ones too")
        revoke = actions.add_parser("revoke", help="revoke keys; they are refused within seconds")
        revoke.add_argument("keys", nargs="+", metavar="key", help="the id, the name or the prefix that `list` shows")

    def handle(self, *args: Any, **options: Any) -> None:
        match options["action"]:
            case "create":
                self._create(options)
            case "list":
                self._list()
            case "revoke":
                self._revoke(options["keys"])

    def _create(self, options: dict[str, Any]) -> None:
        wanted = Wanted(
            name=options["name"],
            scopes=options["scope"] or usual_scopes(),
            requests_per_minute=options["per_minute"],
            expires_at=options["expires"],
        )
        key, secret = keys.make(wanted, actor=Actor.of(None), now=timezone.now())
        # A script may read stdout; everything else is for the person who calls it.
        self.stderr.write(f"Created {_shown(key)}. Its secret is shown this once; only its hash is stored:")
        self.stdout.write(secret)

    def _list(self) -> None:
        now = timezone.now()
        found = list(ApiKey.objects.order_by("pk"))
        if not found:
            self.stdout.write("There are no keys.")
            return
        self.stdout.write(_ROW.format(*_COLUMNS))
        for key in found:
            self.stdout.write(_line(key, now=now))

    def _revoke(self, spellings: Iterable[str]) -> None:
        """Revoke all of these keys, or none if one of them is not clear."""
        meant = {key.pk: key for key in map(_valid_key, spellings)}
        keys.revoke(list(meant), actor=Actor.of(None), now=timezone.now())
        for key in meant.values():
            self.stdout.write(f"Revoked {_shown(key)}.")


def _valid_key(spelling: str) -> ApiKey:
    """Return the key of this id, name or prefix. Raise CommandError if it is not one key that can be revoked."""
    meant = Q(name=spelling) | Q(prefix=spelling.removesuffix("…"))
    if spelling.isdecimal() and len(spelling) < 18:  # the databases have no larger ids
        meant |= Q(pk=int(spelling))
    found = list(ApiKey.objects.filter(meant).order_by("pk"))
    revocable = [key for key in found if key.revoked_at is None]
    if len(revocable) == 1:
        return revocable[0]
    if revocable:
        raise CommandError(f"{spelling} may be {', '.join(map(_shown, revocable))}; give the id of one")
    if found:
        raise CommandError(f"{_shown(found[-1])} was revoked at {_minute(found[-1].revoked_at)} UTC")
    raise CommandError(f"there is no key {spelling}; `manage.py api_key list` lists them")


def _line(key: ApiKey, *, now: datetime) -> str:
    limit = "default" if key.requests_per_minute is None else str(key.requests_per_minute or "no limit")
    return _ROW.format(
        key.pk,
        f"{key.prefix}…",
        _state(key, now=now),
        ",".join(key.scopes) or "-",
        limit,
        _minute(key.created_at),
        _minute(key.expires_at),
        _printable(key.name),
    )


def _state(key: ApiKey, *, now: datetime) -> str:
    if key.revoked_at is not None:
        return "revoked"
    return "expired" if key.expires_at is not None and key.expires_at <= now else "valid"


def _shown(key: ApiKey) -> str:
    return f"{key.pk} {_printable(key.name)} ({key.prefix}…)"


def _printable(name: str) -> str:
    """Return a name that cannot control a terminal: the admin accepts any characters."""
    return "".join(character if character.isprintable() else "?" for character in name)


def _minute(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M}" if moment else "-"


# --- arguments -------------------------------------------------------------------------------------------------------
def _name(text: str) -> str:
    name = text.strip()
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise ArgumentTypeError(f"must be 1 to {LONGEST_NAME} printable characters")
    return name


def _per_minute(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and int(text) <= MOST_PER_MINUTE):
        raise ArgumentTypeError(f"must be a whole number from 0 to {MOST_PER_MINUTE}")
    return int(text)


def _future(text: str) -> datetime:
    """Return the time; its default time zone is UTC."""
    try:
        moment = parse_datetime(text)
    except ValueError:
        moment = None
    if moment is None:
        raise ArgumentTypeError("must be a date or a time such as 2027-01-31 or 2027-01-31T12:00")
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    if moment <= timezone.now():
        raise ArgumentTypeError("must be in the future")
    return moment
