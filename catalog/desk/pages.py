"""What all pages of the desk share: who may see them, what the layout shows, and what happens if something is wrong.

A page declares its address, its name and its action, and answers `get` with `self.show(template, values)`. A `post`
changes something and answers with `self.go(…)`. Each answer is made for one person, so no cache keeps it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, ClassVar

from django.contrib import messages
from django.contrib.auth.models import User
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.middleware.csrf import get_token
from django.urls import NoReverseMatch, resolve, reverse
from django.views import View

from catalog import queries
from catalog.desk import roles
from catalog.desk.roles import Action
from catalog.models.patience import Busy
from catalog.publication.clock import ClockMoved
from catalog.web import assets, figures
from catalog.web.pages import HTML
from catalog.web.templates import render

Values = dict[str, Any]

LOGIN = "/admin/login/"


@dataclass(frozen=True, slots=True)
class Item:
    """An item of the navigation: a page of the desk, or, while it has none, a table of Django's."""

    name: str
    page: str
    """The name of the page, below `desk:`."""
    table: str = ""
    """The name of its address."""
    permission: str = ""
    """Who may read the table."""
    query: str = ""
    """The query string with which the table shows only what is meant."""


NAVIGATION = (
    Item("Waiting", "front"),
    Item("Offers", "offers"),
    Item("Queues", "queues"),
    Item("Runs", "runs", "admin:catalog_syncrun_changelist", "catalog.view_syncrun"),
    Item("Tags", "tags"),
    Item("Makers", "makers"),
    Item("Gateways", "gateways"),
    Item("Audit", "audit"),
)
MORE = (
    Item("Overrides as CSV", "csv"),
    Item("Saved filters", "views"),
    Item("API keys", "keys"),
    Item("Usage", "usage"),
    Item("Inference", "inference"),
    Item("Failed logins", "logins"),
    Item("All tables", "tables", "desk:tables", "catalog.desk_see"),
)
"""What is found at the foot of each page."""


class Problem(Exception):
    """Something that needs a page of its own, such as a conflict. Nothing was changed."""

    def __init__(
        self,
        title: str,
        words: str = "",
        *,
        status: int = HTTPStatus.CONFLICT,
        template: str = "desk/problem.html",
        values: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(title)
        self.title, self.words, self.status = title, words, status
        self.template, self.values = template, values or {}


class DeskPage(View):
    """A page of the desk. Its module is found by `urls`; a class without a name is only a base of others."""

    address: ClassVar[str] = ""
    """Below `/admin/`, as a Django path: `offers/<int:pk>/`."""
    name: ClassVar[str] = ""
    """For `reverse("desk:offers")`."""
    title: ClassVar[str] = ""
    current: ClassVar[str] = ""
    """The name of the item of the navigation that is marked; default: the page's own."""
    action: ClassVar[Action] = Action.SEE
    """What a person must be allowed to do to read the page."""
    changes: ClassVar[Action | None] = None
    """What a person must be allowed to do to send its forms."""
    buttons: ClassVar[Mapping[str, Action]] = {}
    """What single buttons of its forms need besides, by their names: `{"release": Action.DECIDE_PRICES}`."""

    @property
    def user(self) -> User:
        """The person who is logged in."""
        user = self.request.user
        assert isinstance(user, User)  # noqa: S101  `dispatch` has sent all others to the login
        return user

    @property
    def is_partial(self) -> bool:
        """Whether a script asks for a part of a page."""
        return self.request.headers.get("HX-Request") == "true"

    def may(self, action: Action) -> bool:
        return roles.may(self.request.user, action)

    def require(self, action: Action) -> None:
        """Answer 403 unless the person may do this."""
        if not self.may(action):
            raise PermissionDenied(f"Your account may not {roles.WORDS[action]}.")

    # --- answers ----------------------------------------------------------------------------------------------------
    def show(self, template: str, values: Mapping[str, Any], status: int = HTTPStatus.OK) -> HttpResponse:
        """Return the page of a template (`desk/offers.html`) with the values of the layout and these."""
        return _html(render(template, {**self._layout(), **values}), status)

    def fragment(self, template: str, values: Mapping[str, Any]) -> HttpResponse:
        """Return a part of a page, for htmx, with what buttons need: `may` and `csrf`."""
        return _html(render(template, {**self._buttons(), **values}), HTTPStatus.OK)

    def say(self, text: str, level: int = messages.SUCCESS) -> None:
        """Show this text once, on the next page."""
        messages.add_message(self.request, level, text)

    def go(self, name: str, /, *args: Any, query: str = "", said: str = "") -> HttpResponse:
        """Redirect to another page of the desk, such as after a change, with a text that it shows once."""
        if said:
            self.say(said)
        return self.go_to(_with(reverse(f"desk:{name}", args=args), query))

    def go_to(self, address: str) -> HttpResponse:
        """Redirect to an address of this service."""
        return _uncached(HttpResponseRedirect(address, status=HTTPStatus.SEE_OTHER))

    # --- requests ---------------------------------------------------------------------------------------------------
    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not (request.user.is_authenticated and request.user.is_active and request.user.is_staff):
            return self._login()
        try:
            for action in self._required():
                self.require(action)
            return _uncached(super().dispatch(request, *args, **kwargs))
        except Problem as problem:
            return self._problem(problem)
        except PermissionDenied as error:
            return self._refuse("This is not yours to do.", str(error), HTTPStatus.FORBIDDEN)
        except Http404 as error:
            return self._refuse("There is nothing at this address.", str(error), HTTPStatus.NOT_FOUND)
        except (Busy, ClockMoved) as error:
            words = f"Nothing was changed: {error}. Please try again."
            return self._refuse("Not possible at this moment.", words, HTTPStatus.SERVICE_UNAVAILABLE)

    def _required(self) -> list[Action]:
        if self.request.method != "POST":
            return [self.action]
        pressed = [action for name, action in self.buttons.items() if name in self.request.POST]
        return [self.action, *([self.changes] if self.changes else []), *pressed]

    def http_method_not_allowed(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        response = self._refuse("This page can only be read.", "Nothing was changed.", HTTPStatus.METHOD_NOT_ALLOWED)
        response["Allow"] = ", ".join(name.upper() for name in self.http_method_names if hasattr(self, name))
        return response

    def _login(self) -> HttpResponse:
        if self.is_partial:  # a script would put the login into the page
            return _uncached(HttpResponse(status=HTTPStatus.NO_CONTENT))
        return _uncached(redirect_to_login(self.request.get_full_path(), LOGIN))

    def _refuse(self, title: str, words: str, status: int) -> HttpResponse:
        return self._problem(Problem(title, words, status=status))

    def _problem(self, problem: Problem) -> HttpResponse:
        shown = {"title": problem.title.rstrip("."), "heading": problem.title, "words": problem.words}
        return self.show(problem.template, {**shown, "code": int(problem.status), **problem.values}, problem.status)

    # --- the layout -------------------------------------------------------------------------------------------------
    def _layout(self) -> Values:
        """Return what `base.html` shows: all in `desk`, so that the names of a page's own values are free."""
        revision = queries.newest_revision()
        return {
            **self._buttons(),
            "site": assets.addresses(),
            "title": self.title,
            "desk": {
                "user": self.user.get_username(),
                "navigation": self._items(NAVIGATION),
                "more": self._items(MORE),
                "messages": [
                    {"text": str(message), "is_quiet": message.level < messages.WARNING}
                    for message in messages.get_messages(self.request)
                ],
                "revision": {"number": f"{revision.number:,}", **figures.moment_view(revision.published_at)},
            },
        }

    def _buttons(self) -> Values:
        return {"may": roles.allowed(self.user), "csrf": get_token(self.request), "here": self.request.get_full_path()}

    def _items(self, items: Sequence[Item]) -> list[Values]:
        current = self.current or self.name
        found = [(item, self.way(item)) for item in items]
        return [{"name": item.name, "href": at, "is_current": item.page == current} for item, at in found if at]

    def way_to(self, name: str) -> str:
        """Return the address of a page of the desk; empty if there is none that this person may see."""
        return self.way(Item("", name))

    def way(self, item: Item, *, query: str = "") -> str:
        """Return where the item leads this person; empty if to nothing that the person may see.

        `query` is for the page of the desk; the table has its own.
        """
        try:
            address = reverse(f"desk:{item.page}")
        except NoReverseMatch:
            may_read = item.table and self.user.has_perm(item.permission)
            return _with(reverse(item.table), item.query) if may_read else ""
        page: type[DeskPage] = getattr(resolve(address).func, "view_class", DeskPage)
        return _with(address, query) if self.may(page.action) else ""


def _with(address: str, query: str) -> str:
    return f"{address}?{query}" if query else address


def _html(body: bytes, status: int) -> HttpResponse:
    return _uncached(HttpResponse(body, status=status, content_type=f"{HTML}; charset=utf-8"))


def _uncached(response: Any) -> HttpResponse:
    response["Cache-Control"] = "no-store"
    found: HttpResponse = response
    return found
