"""The page of the desk that shows requests to models, what they cost and how they failed, and sets budgets."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from decimal import ROUND_CEILING, Decimal, InvalidOperation
from http import HTTPStatus
from urllib.parse import quote

from django.http import HttpRequest, HttpResponse, QueryDict
from django.utils import timezone

from access.models import INFER, ApiKey
from catalog.desk.pages import DeskPage, Values
from catalog.desk.roles import Action
from catalog.publication.audit import Actor
from catalog.web import charts, figures
from routing.models import ALL_KEYS, Budget, Period, Spending
from routing.money.limits import read_limits
from routing.money.setting import ALL_NAME, InvalidBudget, Wanted, set_budget
from routing.nano import dollars_of, text_of
from routing.periods import start_of
from routing.totals import Group, Total, added_up, percentile, totals
from usage.days import today

DAYS = 30
MOST_ROWS = 20
MOST_KEYS = 500
_EPOCH = date(1970, 1, 1)
_SCALES = ((10, 1, "US dollars"), (Decimal("0.1"), 100, "US cents"), (0, 1_000_000, "millionths of a US dollar"))
"""From which highest cost of a day on the chart counts in which unit, of which a dollar has so many."""
_HEAD = ("Requests", "Errors", "Tokens in", "Tokens out", "Cost in USD", "First content")
_UNITS = {Period.DAY: "a day", Period.MONTH: "a month"}


class InferencePage(DeskPage):
    address = "inference/"
    name = "inference"
    title = "Inference"
    changes = Action.KEYS

    def get(self, request: HttpRequest) -> HttpResponse:
        return self._page(sent=None, error="")

    def post(self, request: HttpRequest) -> HttpResponse:
        try:
            wanted = _wanted(request.POST)
            reason = request.POST.get("reason", "")
            set_budget(wanted, reason=reason, actor=Actor.of(self.user), now=timezone.now())
        except ValueError as error:
            return self._page(sent=request.POST, error=str(error))
        return self.go("inference", said="The budget is set." if wanted.amount is not None else "There is no budget.")

    def _page(self, *, sent: QueryDict | None, error: str) -> HttpResponse:
        days = range(today() - DAYS + 1, today() + 1)
        by_day = totals(days, ("day",))
        by_key = totals(days, ("key",))
        names = _names([key for (key,) in by_key])
        values = {
            "counts": _counts(added_up(by_day.values())),
            "plots": _plots([(_EPOCH + timedelta(days=day), by_day.get((day,), Total())) for day in days]),
            "tables": [
                _table("Models", "Model", totals(days, ("model",)), _model),
                _table("Offers", "Offer", totals(days, ("gateway", "offer")), _offer),
                _table("Keys", "Key", by_key, lambda group: {"text": names.get(group[0], f"key {group[0]}, deleted")}),
            ],
            "failures": _failures(totals(days, ("gateway",))),
            "budgets": _budgets(),
            "form": _form(sent, error),
        }
        return self.show("routing/page.html", values, HTTPStatus.UNPROCESSABLE_ENTITY if error else HTTPStatus.OK)


# --- figures ---------------------------------------------------------------------------------------------------------
def _counts(total: Total) -> list[Values]:
    numbers = total.numbers
    return [
        {"name": f"requests in {DAYS} days", "number": f"{numbers['requests']:,}"},
        {"name": "errors", "number": _share(total.errors, numbers["requests"]), "is_caution": total.errors > 0},
        {"name": "cost in USD", "number": figures.dollars(dollars_of(numbers["cost_nano"]))},
        {"name": "without a known cost", "number": f"{numbers['unpriced']:,}", "is_caution": numbers["unpriced"] > 0},
    ]


def _plots(days: Sequence[tuple[date, Total]]) -> list[Values]:
    most = max(dollars_of(total.numbers["cost_nano"]) for _, total in days)
    factor, unit = next((factor, unit) for least, factor, unit in _SCALES if most >= least)

    def cost(total: Total) -> int:
        in_unit = dollars_of(total.numbers["cost_nano"]) * factor
        return int(in_unit.to_integral_value(ROUND_CEILING))

    def percent(total: Total) -> int | None:
        requests = total.numbers["requests"]
        return round(100 * total.errors / requests) if requests else None

    return [
        _plot("Requests", "Requests that have ended, by day in UTC.", days, lambda total: total.numbers["requests"]),
        _plot("Cost", f"The known costs in {unit}, rounded up.", days, cost),
        _plot("Errors", "The percentage of the requests of a day without a good answer.", days, percent, unit="%"),
        _plot(
            "First content",
            "Half of the good answers of a day began after no more milliseconds.",
            days,
            lambda total: percentile(total.first_content_ms, 0.5),
        ),
    ]


def _plot(
    title: str,
    words: str,
    days: Sequence[tuple[date, Total]],
    number_of: Callable[[Total], int | None],
    *,
    unit: str = "",
) -> Values:
    numbers = [(day, number_of(total)) for day, total in days]
    known = [number for _, number in numbers if number is not None]
    summary = f"{title} on {len(numbers)} days, from {min(known):,}{unit} to {max(known):,}{unit}" if known else title
    rows = [
        {"day": figures.day(day), "number": "" if number is None else f"{number:,}{unit}"}
        for day, number in reversed(numbers)
    ]
    return {"title": title, "words": words, "summary": summary, "rows": rows, **charts.bars(numbers, unit=unit)}


def _table(title: str, name: str, found: Mapping[Group, Total], cell: Callable[[Group], Values]) -> Values:
    ordered = sorted(found.items(), key=lambda each: (-each[1].numbers["cost_nano"], -each[1].numbers["requests"]))
    head = [{"text": name}, *({"text": text, "right": True} for text in _HEAD)]
    rows = [
        [cell(group), *({"text": text, "right": True} for text in _figures(total))]
        for group, total in ordered[:MOST_ROWS]
    ]
    return {"title": title, "head": head, "rows": rows}


def _figures(total: Total) -> list[str]:
    numbers = total.numbers
    first = percentile(total.first_content_ms, 0.5)
    unpriced = f" and {numbers['unpriced']:,} unknown" if numbers["unpriced"] else ""
    return [
        f"{numbers['requests']:,}",
        f"{total.errors:,}",
        f"{numbers['input_tokens']:,}",
        f"{numbers['output_tokens']:,}",
        f"{figures.dollars(dollars_of(numbers['cost_nano']))}{unpriced}",
        "" if first is None else f"{first:,} ms",
    ]


def _model(group: Group) -> Values:
    return {"text": group[0], "href": f"/models/{quote(group[0])}"}


def _offer(group: Group) -> Values:
    return {"text": f"{group[0]}/{group[1]}"}


def _failures(found: Mapping[Group, Total]) -> list[list[Values]]:
    rows = [
        (number, gateway, outcome) for (gateway,), each in found.items() for outcome, number in each.failures.items()
    ]
    rows.sort(key=lambda row: (-row[0], *row[1:]))
    return [
        [{"text": gateway}, {"text": outcome, "id": True}, {"text": f"{number:,}", "right": True}]
        for number, gateway, outcome in rows
    ]


def _share(part: int, whole: int) -> str:
    return f"{part:,} ({100 * part / whole:.1f}%)" if whole else "no request"


# --- budgets ---------------------------------------------------------------------------------------------------------
def _budgets() -> list[list[Values]]:
    limits, stored = read_limits(), set(Budget.objects.values_list("key", "period"))
    names = {ALL_KEYS: ALL_NAME, **_names([key for key, _ in limits])}
    rows: list[list[Values]] = []
    for (key, period), limit in sorted(limits.items()):
        spending = Spending.objects.filter(key=key, period=period, start=start_of(period, today())).first()
        spent = spending.spent_nano if spending is not None else 0
        kind = "hard" if limit.is_hard else "soft"
        rows.append(
            [
                {"text": names.get(key, f"key {key}, deleted"), "note": "" if (key, period) in stored else "a setting"},
                {"text": f"{text_of(limit.nano)} USD {_UNITS[Period(period)]}", "right": True},
                {"text": kind},
                {"text": f"{text_of(spent)} USD", "right": True, "note": _percentage(spent, limit.nano)},
            ]
        )
    return rows


def _percentage(part: int, whole: int) -> str:
    return f"{100 * part // whole}%" if whole else ""


def _names(keys: Sequence[int]) -> dict[int, str]:
    return dict(ApiKey.objects.filter(pk__in=keys).values_list("pk", "name"))


def _wanted(sent: QueryDict) -> Wanted:
    """Return what the form asks for. Raise InvalidBudget."""
    key, text = sent.get("key", ""), sent.get("amount", "").strip()
    if not (key.isascii() and key.isdecimal() and len(key) < 18):
        raise InvalidBudget("must be for a key, or for all keys together")
    try:
        amount = Decimal(text) if text else None
    except InvalidOperation as error:
        raise InvalidBudget("must be an amount of US dollars such as 2.50") from error
    period = sent.get("period", "")
    return Wanted(key=int(key), period=period, amount=amount, is_hard=sent.get("kind") != "soft")


def _form(sent: QueryDict | None, error: str) -> Values:
    def value(name: str, default: str) -> str:
        return str(sent.get(name, default)) if sent is not None else default

    keys = [key for key in ApiKey.objects.filter(revoked_at=None).order_by("-pk")[:MOST_KEYS] if INFER in key.scopes]
    return {
        "key": _choice("key", "For", [(str(ALL_KEYS), ALL_NAME), *((str(key.pk), str(key)) for key in keys)], value),
        "period": _choice("period", "In each", [(Period.DAY, "day"), (Period.MONTH, "month")], value),
        "kind": _choice("kind", "Kind", [("hard", "hard"), ("soft", "soft")], value),
        "amount": {
            "name": "amount",
            "label": "US dollars",
            "value": value("amount", ""),
            "inputmode": "decimal",
            "error": figures.first_upper(f"{error}.") if error else "",
            "hint": "Empty: no budget.",
        },
        "reason": {"name": "reason", "label": "Reason", "value": value("reason", ""), "hint": "For the audit trail."},
    }


def _choice(name: str, label: str, options: Sequence[tuple[str, str]], value: Callable[[str, str], str]) -> Values:
    chosen = value(name, options[0][0])
    found = [{"value": option, "text": text, "chosen": option == chosen} for option, text in options]
    return {"name": name, "label": label, "options": found}
