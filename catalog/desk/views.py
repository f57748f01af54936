"""The saved filters: a list, and a form that shows what an expression finds before it is saved."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone

from catalog.curation import saved_filters
from catalog.curation.saved_filters import InvalidSavedFilter
from catalog.desk import feeds
from catalog.desk.pages import DeskPage, Problem, Values
from catalog.desk.roles import Action
from catalog.memory.selection import Selection
from catalog.models import SavedFilter
from catalog.parameters import expressions, views
from catalog.parameters.expressions import InvalidExpression, Taken
from catalog.publication.audit import Actor
from catalog.web import figures

SAMPLES = 5


class Views(DeskPage):
    address = "views/"
    name = "views"
    title = "Saved filters"

    def get(self, request: HttpRequest) -> HttpResponse:
        rows = SavedFilter.objects.order_by("name")
        return self.show("desk/views.html", {"views": [_line(row) for row in rows]})


class _Form(DeskPage):
    """The form, for a new filter and for a stored one."""

    current = "views"
    action = Action.SAVED_FILTERS
    changes = Action.SAVED_FILTERS

    def form(self, row: SavedFilter, sent: Mapping[str, str], *, error: str = "") -> HttpResponse:
        shown = {name: sent.get(name, getattr(row, name)) for name in ("name", "title", "expression")}
        found, problem = _tried(shown["expression"])
        values = {
            "title": row.name or "New saved filter",
            "row": {"number": row.pk or "", "name": row.name},
            "fields": _fields(shown, is_new=not row.pk),
            "error": figures.first_upper(f"{error}.") if error else "",
            "problem": figures.first_upper(f"{problem}.") if problem and not error else "",
            "found": _found(found) if found else None,
        }
        status = HTTPStatus.UNPROCESSABLE_ENTITY if error else HTTPStatus.OK
        return self.show("desk/view.html", values, status)

    def save(self, row: SavedFilter, sent: Mapping[str, str]) -> HttpResponse:
        """Save what was sent, or only show what it finds."""
        if "preview" in sent:
            return self.form(row, sent)
        fields = {name: sent.get(name, "") for name in ("name", "title", "expression")}
        try:
            saved = saved_filters.save(**fields, changes=row.name, actor=Actor.of(self.user), now=timezone.now())
        except InvalidSavedFilter as error:
            return self.form(row, sent, error=str(error))
        return self.go("views", said=f"Saved {saved.name}. Requests take it as view={saved.name} within seconds.")


class NewView(_Form):
    address = "views/new/"
    name = "view_new"

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show the form; a list of the site may lead here with `?expression=`, its own address."""
        return self.form(SavedFilter(), request.GET.dict())

    def post(self, request: HttpRequest) -> HttpResponse:
        return self.save(SavedFilter(), request.POST.dict())


class ViewPage(_Form):
    address = "views/<int:number>/"
    name = "view"

    def get(self, request: HttpRequest, number: int) -> HttpResponse:
        return self.form(_row(number), {})

    def post(self, request: HttpRequest, number: int) -> HttpResponse:
        row = _row(number)
        if "delete" not in request.POST:
            return self.save(row, request.POST.dict())
        try:
            saved_filters.delete(row.name, actor=Actor.of(self.user), now=timezone.now())
        except InvalidSavedFilter as error:
            raise Problem("Nothing was deleted.", f"{figures.first_upper(str(error))}.") from error
        return self.go("views", said=f"Deleted {row.name}. Requests that name it get an error.")


def _row(number: int) -> SavedFilter:
    row = SavedFilter.objects.filter(pk=number).first() if number < 2**63 else None
    if row is None:
        raise Http404("There is no saved filter of this number; somebody may have deleted it.")
    return row


def _line(row: SavedFilter) -> Values:
    found, problem = _tried(row.expression)
    count = _count(found) if found else None
    return {
        "number": row.pk,
        "name": row.name,
        "title": row.title,
        "expression": row.expression,
        "count": "" if count is None else f"{count:,}",
        "problem": problem,
    }


def _tried(expression: str) -> tuple[Taken | None, str]:
    """Return the expression as it would be saved, or its problem; neither if it is empty."""
    if not expression.strip():
        return None, ""
    try:
        return expressions.taken(expression), ""
    except InvalidExpression as error:
        return None, str(error)


def _selection(found: Taken) -> Selection | None:
    served = feeds.snapshot()
    return found.filters.narrowed(Selection.of(served)) if served else None


def _count(found: Taken) -> int | None:
    selection = _selection(found)
    return None if selection is None else len(selection)


def _found(found: Taken) -> Values:
    selection = _selection(found)
    rows = selection.page(offset=0, limit=SAMPLES) if selection else []
    return {
        "expression": found.expression,
        "count": figures.counted(len(selection), "offer") if selection is not None else "an unknown number of offers",
        "left_out": figures.listed(list(found.left_out)),
        "samples": [{"id": row.id, "gateway": row.gateway} for row in rows],
    }


def _fields(shown: Mapping[str, str], *, is_new: bool) -> list[Values]:
    return [
        {
            "name": "name",
            "label": "Name",
            "value": shown["name"],
            "required": True,
            "hint": f"{figures.first_upper(views.FORM)}. Requests use it as view=…"
            + ("" if is_new else " A new name makes the old one an error."),
        },
        {"name": "title", "label": "Title", "value": shown["title"], "required": True, "hint": "What it is for."},
        {
            "name": "expression",
            "label": "Filter",
            "value": shown["expression"],
            "required": True,
            "is_long": True,
            "hint": "A query string such as supported_parameters=tools&prompt_price_max=0.5, or the address of a list "
            "on the site.",
        },
    ]
