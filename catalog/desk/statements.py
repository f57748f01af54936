"""What curators stated about models: the list, a form for another statement, and the way to withdraw one."""

from __future__ import annotations

from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from catalog import registry
from catalog.curation import identity
from catalog.desk.pages import DeskPage, Problem, Values
from catalog.desk.roles import Action
from catalog.models import CanonicalModel, CurationAction, CurationItem, IdentityStatement, Offer
from catalog.web import figures
from catalog.web.offers import gateway_name, model_address

SHOWN = 100
_LONGEST_NUMBER = 15
Kind = IdentityStatement.Kind

_KINDS = {
    Kind.SPLIT: "the offer is not of this model (without a model: it is one of its own)",
    Kind.TIE: "the offer is of this model",
    Kind.ALIAS: "this spelling means this model",
}


class Statements(DeskPage):
    address = "queues/models/statements/"
    name = "statements"
    title = "Statements about models"
    current = "queues"
    changes = Action.IDENTITY

    def get(self, request: HttpRequest) -> HttpResponse:
        return self._page(_asked_about(request.GET.get("offer", "")))

    def post(self, request: HttpRequest) -> HttpResponse:
        entered = {name: request.POST.get(name, "").strip() for name in _FIELDS}
        if "withdraw" in request.POST:
            return self._withdraw(request.POST["withdraw"], entered["reason"])
        try:
            row = self._state(entered)
        except (identity.InvalidStatement, _Wrong) as error:
            return self._page(entered, error=f"{figures.first_upper(str(error))}.")
        return self.go("statements", said=f"Stated and published: {_about(row)} {_verb(row)} {_model(row)}.")

    def _state(self, entered: dict[str, str]) -> IdentityStatement:
        """Raises InvalidStatement, and _Wrong for what is entered."""
        kind = entered["kind"]
        if kind not in Kind.values:
            raise _Wrong("choose what you state")
        is_alias = kind == Kind.ALIAS
        return identity.state_identity(
            kind=kind,
            offer=None if is_alias else _offer(entered["gateway"], entered["id"]),
            spelling=entered["spelling"] if is_alias else "",
            model=_model_of(entered["model"]) if entered["model"] else None,
            reason=entered["reason"],
            author=self.user,
            now=timezone.now(),
        )

    def _withdraw(self, number: str, reason: str) -> HttpResponse:
        known = number.isascii() and number.isdecimal() and len(number) <= _LONGEST_NUMBER
        row = _statements().filter(pk=int(number)).first() if known else None
        if row is None:
            raise _withdrawn()
        identity.withdraw_statement(row, author=self.user, now=timezone.now(), reason=reason or "Withdrawn.")
        return self.go(
            "statements", said=f"Withdrawn: {_about(row)} {_verb(row)} {_model(row)}. The rules decide again."
        )

    def _page(self, entered: dict[str, str], *, error: str = "") -> HttpResponse:
        rows = list(_statements()[:SHOWN])
        values = {
            "heading": self.title,
            "rows": [_view(row) for row in rows],
            "can_decide": self.may(Action.IDENTITY),
            "fields": _fields(entered),
            "reason": {"name": "reason", "label": "Reason, for the audit trail", "required": True}
            | {"value": entered.get("reason", "")},
            "error": error,
            "is_open": bool(error or entered.get("id")),
        }
        return self.show("desk/statements.html", values, 400 if error else 200)


class _Wrong(ValueError):
    """Something entered cannot be used; the message names it."""


_FIELDS = ("kind", "gateway", "id", "spelling", "model", "reason")


def _statements() -> QuerySet[IdentityStatement]:
    return IdentityStatement.objects.select_related("offer__gateway", "model", "author").order_by("-made_at", "-pk")


def _asked_about(number: str) -> dict[str, str]:
    """Return the form for a split of this offer from its model."""
    if not (number.isascii() and number.isdecimal() and len(number) <= _LONGEST_NUMBER):
        return {}
    offer = Offer.objects.select_related("gateway", "canonical").filter(pk=int(number)).first()
    if offer is None:
        return {}
    model = offer.canonical.slug if offer.canonical else ""
    return {"kind": Kind.SPLIT, "gateway": offer.gateway.slug, "id": offer.model_id, "model": model}


def _offer(gateway: str, model_id: str) -> Offer:
    if "\0" in model_id or gateway not in {"", *registry.GATEWAYS}:
        raise _Wrong("there is no such gateway, or the offer's id contains NUL")
    found = (
        Offer.objects.filter(gateway__slug=gateway, model_id=model_id).first() if gateway in registry.GATEWAYS else None
    )
    if found is None:
        raise _Wrong(f"{gateway or 'no gateway'} has no offer with the id {model_id or '(empty)'}")
    return found


def _model_of(slug: str) -> CanonicalModel:
    if "\0" in slug:
        raise _Wrong("the model cannot contain NUL")
    found = CanonicalModel.objects.filter(Q(slug=slug) | Q(key=slug.casefold())).order_by("pk").first()
    if found is None:
        raise _Wrong(f"there is no model {slug}")
    return found


def _withdrawn() -> Problem:
    items = CurationItem.objects.filter(action__kind=CurationAction.Kind.IDENTITY, after=None)
    last = items.select_related("action").order_by("-action_id").first()
    by = f" {last.action.actor} withdrew one on {figures.minute(last.action.made_at)}." if last else ""
    return Problem("This statement is withdrawn already.", f"Nothing was changed.{by}")


def _view(row: IdentityStatement) -> Values:
    return {
        "pk": row.pk,
        "about": _about(row),
        "verb": _verb(row),
        "model": _model(row),
        "href": model_address(row.model.slug) if row.model else "",
        "reason": row.reason,
        "who": row.author.get_username() if row.author else "command line",
        "when": figures.moment_view(row.made_at),
    }


def _about(row: IdentityStatement) -> str:
    return f"{row.offer.gateway.slug} {row.offer.model_id}" if row.offer else row.spelling


def _verb(row: IdentityStatement) -> str:
    return {Kind.TIE: "is of", Kind.SPLIT: "is not of", Kind.ALIAS: "means"}[Kind(row.kind)]


def _model(row: IdentityStatement) -> str:
    return row.model.slug if row.model else "any other offer's model"


def _fields(entered: dict[str, str]) -> list[Values]:
    kind, gateway = entered.get("kind", Kind.SPLIT), entered.get("gateway", "")
    return [
        {"name": "kind", "label": "What you state", "options": [_option(*each, kind) for each in _KINDS.items()]},
        {
            "name": "gateway",
            "label": "Gateway of the offer",
            "options": [_option("", "none", gateway)]
            + [_option(slug, gateway_name(slug), gateway) for slug in registry.GATEWAYS],
        },
        {"name": "id", "label": "Id of the offer", "value": entered.get("id", "")},
        {"name": "spelling", "label": "Or a spelling", "value": entered.get("spelling", "")},
        {"name": "model", "label": "Model", "value": entered.get("model", "")},
    ]


def _option(value: str, text: str, chosen: str) -> Values:
    return {"value": value, "text": text, "chosen": value == chosen}
