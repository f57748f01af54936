"""The API keys of clients: a list, a form that makes one and shows its secret once, and a page to change or revoke."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from http import HTTPStatus

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.utils import timezone
from django.utils.dateparse import parse_date

from access.models import SCOPES, ApiKey, usual_scopes
from catalog.curation import keys
from catalog.curation.keys import InvalidKey, NoSuchKey, Wanted
from catalog.desk.pages import DeskPage, Problem, Values
from catalog.desk.roles import Action
from catalog.publication.audit import Actor
from catalog.web import figures

MOST_SHOWN = 500


class Keys(DeskPage):
    address = "keys/"
    name = "keys"
    title = "API keys"
    action = Action.KEYS
    changes = Action.KEYS

    def get(self, request: HttpRequest) -> HttpResponse:
        return self._page(sent=None, errors={})

    def post(self, request: HttpRequest) -> HttpResponse:
        try:
            wanted = _wanted(request.POST, before=None)
            key, secret = keys.make(wanted, actor=Actor.of(self.user), now=timezone.now())
        except InvalidKey as error:
            return self._page(sent=request.POST, errors=error.problems)
        # Shown at once, in the answer to the form: a message would be stored until the next page.
        return self.show("desk/key_made.html", {"title": "The new key", "key": _view(key), "secret": secret})

    def _page(self, *, sent: QueryDict | None, errors: Mapping[str, str]) -> HttpResponse:
        found = ApiKey.objects.select_related("created_by").order_by("-pk")[:MOST_SHOWN]
        values = {"keys": [_view(key) for key in found], "form": _form(sent, None, errors)}
        return self.show("desk/keys.html", values, HTTPStatus.UNPROCESSABLE_ENTITY if errors else HTTPStatus.OK)


class KeyPage(DeskPage):
    address = "keys/<int:number>/"
    name = "key"
    current = "keys"
    action = Action.KEYS
    changes = Action.KEYS

    def get(self, request: HttpRequest, number: int) -> HttpResponse:
        return self._page(_key(number), sent=None, errors={})

    def post(self, request: HttpRequest, number: int) -> HttpResponse:
        key = _key(number)
        try:
            if "revoke" in request.POST:
                return self._revoke(key, reason=request.POST.get("reason", ""))
            wanted = _wanted(request.POST, before=key)
            key = keys.change(number, wanted, actor=Actor.of(self.user), now=timezone.now())
        except InvalidKey as error:
            return self._page(key, sent=request.POST, errors=error.problems)
        except NoSuchKey as error:
            raise Problem("This key cannot be changed.", f"{figures.first_upper(str(error))}.") from error
        return self.go("keys", said=f"Saved {key.name}. Serving processes follow within seconds.")

    def _revoke(self, key: ApiKey, *, reason: str) -> HttpResponse:
        try:
            keys.revoke([key.pk], reason=reason.strip(), actor=Actor.of(self.user), now=timezone.now())
        except NoSuchKey:
            raise
        except ValueError as error:
            raise Problem("The key was not revoked.", f"{figures.first_upper(str(error))}.") from error
        return self.go("keys", said=f"Revoked {key.name}. Serving processes refuse it within seconds.")

    def _page(self, key: ApiKey, *, sent: QueryDict | None, errors: Mapping[str, str]) -> HttpResponse:
        values = {"title": key.name, "key": _view(key), "form": _form(sent, key, errors)}
        return self.show("desk/key.html", values, HTTPStatus.UNPROCESSABLE_ENTITY if errors else HTTPStatus.OK)


def _key(number: int) -> ApiKey:
    key = ApiKey.objects.select_related("created_by").filter(pk=number).first() if number < 2**63 else None
    if key is None:
        raise Http404("There is no key of this number.")
    return key


def _view(key: ApiKey) -> Values:
    state, end = "valid", key.revoked_at or key.expires_at
    if key.revoked_at is not None:
        state = "revoked"
    elif key.expires_at is not None and key.expires_at <= timezone.now():
        state = "expired"
    return {
        "number": key.pk,
        "name": key.name,
        "prefix": f"{key.prefix}…",
        "state": state,
        "mark": "fresh" if state == "valid" else "unknown",
        "scopes": figures.listed(list(key.scopes)) or "none",
        "limit": _limit(key.requests_per_minute),
        "by": str(key.created_by) if key.created_by else "the command line",
        "made": figures.moment_view(key.created_at),
        "ends": figures.minute(end) if end else "never",
    }


def _limit(per_minute: int | None) -> str:
    if per_minute is None:
        return f"{settings.API_KEY_RATE_LIMIT_PER_MINUTE:,} by default"
    return f"{per_minute:,}" if per_minute else "no limit"


# --- the form --------------------------------------------------------------------------------------------------------
def _wanted(sent: QueryDict, *, before: ApiKey | None) -> Wanted:
    """Return what the form asks for. Raises InvalidKey for values that have not even the right form."""
    errors: dict[str, str] = {}
    wanted = Wanted(
        name=sent.get("name", ""),
        scopes=sent.getlist("scopes"),
        requests_per_minute=_number(sent.get("requests_per_minute", "").strip(), errors),
        expires_at=_end(sent.get("expires_at", "").strip(), errors, before=before),
    )
    if errors:
        raise InvalidKey(errors)
    return wanted


def _number(text: str, errors: dict[str, str]) -> int | None:
    if not text:
        return None
    if text.isascii() and text.isdecimal() and len(text) < 15:
        return int(text)
    errors["requests_per_minute"] = "must be a whole number; 0 means no limit, and empty the default"
    return None


def _end(text: str, errors: dict[str, str], *, before: ApiKey | None) -> datetime | None:
    """Return the beginning of the day after the last one, in UTC: the key works on the whole day."""
    if not text:
        return None
    if before is not None and before.expires_at is not None and text == _day(before.expires_at):
        return before.expires_at  # the field was not touched, and a key of the command line may end within a day
    try:
        day = parse_date(text)
        if day is not None:
            return datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)
    except (ValueError, OverflowError):
        pass
    errors["expires_at"] = "must be a date such as 2027-01-31"
    return None


def _day(end: datetime) -> str:
    return f"{end.astimezone(UTC) - timedelta(microseconds=1):%Y-%m-%d}"


def _form(sent: QueryDict | None, key: ApiKey | None, errors: Mapping[str, str]) -> Values:
    def value(name: str, stored: str) -> str:
        return str(sent.get(name, "")) if sent is not None else stored

    chosen = sent.getlist("scopes") if sent is not None else key.scopes if key else usual_scopes()
    said = {name: figures.first_upper(f"{reason}.") for name, reason in errors.items()}
    limit = key.requests_per_minute if key else None
    end = _day(key.expires_at) if key and key.expires_at else ""
    default = f"{settings.API_KEY_RATE_LIMIT_PER_MINUTE:,}"
    return {
        "name": {
            "name": "name",
            "label": "Who uses it, and for what",
            "value": value("name", key.name if key else ""),
            "error": said.get("name", ""),
            "required": True,
        },
        "scopes": [{"value": scope, "words": words, "checked": scope in chosen} for scope, words in SCOPES.items()],
        "scopes_error": said.get("scopes", ""),
        "limit": {
            "name": "requests_per_minute",
            "label": "Requests a minute",
            "value": value("requests_per_minute", "" if limit is None else str(limit)),
            "error": said.get("requests_per_minute", ""),
            "inputmode": "numeric",
            "hint": f"Empty: {default}. 0: no limit.",
        },
        "end": {
            "name": "expires_at",
            "label": "Last day",
            "type": "date",
            "value": value("expires_at", end),
            "error": said.get("expires_at", ""),
            "hint": "In UTC. Empty: it never expires.",
        },
    }
