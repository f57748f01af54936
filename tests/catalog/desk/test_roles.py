"""Who may do what: every cell of the table, by address, and on every page of the desk."""

from __future__ import annotations

import re
from collections.abc import Callable
from html.parser import HTMLParser
from http import HTTPStatus
from typing import Any
from urllib.parse import urljoin

import pytest
from django.contrib.auth.models import AnonymousUser, Group, Permission, User
from django.contrib.messages.storage.fallback import FallbackStorage
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory

from catalog.desk import roles, urls
from catalog.desk.pages import DeskPage
from catalog.desk.roles import ALLOWED, Action, Role
from catalog.memory.snapshot import Snapshot
from catalog.models import Offer
from tests.catalog.desk.people import logged_in, person
from tests.policy import blocked

pytestmark = pytest.mark.django_db(databases="__all__")  # other apps have pages and databases too

FORBIDDEN = HTTPStatus.FORBIDDEN
EXAMPLES: dict[str, Callable[[], Any]] = {
    "gateway": lambda: "chutes",
    "run": lambda: 1,
    "number": lambda: 1,
    "draft": lambda: "none",
    "offer": lambda: Offer.objects.values_list("pk", flat=True).first() or 1,
}
"""A value for each variable part of an address, found when it is needed."""
PAGES = sorted(urls.pages(), key=lambda page: page.address)


class Probe(DeskPage):
    """A page whose reading and whose form need the same action."""

    def get(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse("read")

    def post(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse("done")


@pytest.mark.parametrize("role", [None, *Role])
@pytest.mark.parametrize("action", Action)
def test_18_a_role_may_do_by_get_and_post_what_the_table_says_and_nothing_else(action: Action, role: Role) -> None:
    user = person(role)
    is_allowed = role in ALLOWED[action]
    may_see = role in ALLOWED[Action.SEE]

    assert roles.may(user, action) == is_allowed
    assert (_asked(Probe.as_view(action=action), "get", user) != FORBIDDEN) == is_allowed
    assert (_asked(Probe.as_view(action=action), "post", user) != FORBIDDEN) == is_allowed
    assert (_asked(Probe.as_view(changes=action), "post", user) != FORBIDDEN) == (is_allowed and may_see)
    assert (_asked(Probe.as_view(buttons={"go": action}), "post", user, go="1") != FORBIDDEN) == (
        is_allowed and may_see
    )


@pytest.mark.parametrize("action", Action)
def test_superusers_may_do_all_and_accounts_that_are_no_active_staff_nothing(action: Action) -> None:
    root = User.objects.create_superuser("root")
    outsider = User.objects.create_superuser("outsider")
    outsider.is_staff = False

    assert roles.may(root, action)
    assert not roles.may(outsider, action)
    assert not roles.may(AnonymousUser(), action)


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_18_every_page_refuses_a_role_exactly_what_the_table_does_not_give_it(
    page: type[DeskPage], role: Role, bundled: Snapshot, sent: list[str]
) -> None:
    client, address = logged_in(role), _address(page)
    needed = [page.action, *([page.changes] if page.changes else [])]

    read, sent_form = client.get(address), client.post(address)

    assert (read.status_code == FORBIDDEN) == (role not in ALLOWED[page.action])
    assert (sent_form.status_code == FORBIDDEN) == any(role not in ALLOWED[action] for action in needed)
    for button, action in page.buttons.items():
        refused = client.post(address, {button: "1"}).status_code == FORBIDDEN
        assert refused == any(role not in ALLOWED[each] for each in [*needed, action])
    assert {read["Cache-Control"], sent_form["Cache-Control"]} == {"no-store"}
    assert blocked(read) == []


@pytest.mark.parametrize("role", Role)
def test_18_no_page_shows_a_button_or_a_link_that_answers_403(role: Role, bundled: Snapshot, sent: list[str]) -> None:
    client = logged_in(role)
    read = {_address(page): client.get(_address(page)) for page in PAGES}
    # A page that is refused, or that shows a row which does not exist, links to itself for those who skip to its text.
    shown = [_Page(address, answer) for address, answer in read.items() if answer.status_code < 400]
    forms = {form for page in shown for form in page.forms} - {("/admin/logout/", ())}
    links = {link for page in shown for link in page.links if link.startswith("/admin/")}

    assert (("/admin/sync/chutes/", ()) in forms) == (role is Role.OPERATOR)
    assert {form: answer for form in forms if (answer := client.post(form[0], dict(form[1])).status_code) == 403} == {}
    assert {link: answer for link in links if (answer := client.get(link).status_code) >= 400} == {}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_strangers_are_sent_to_the_login_and_back(page: type[DeskPage], client: Client) -> None:
    address = _address(page)

    assert client.get(address)["Location"] == f"/admin/login/?next={address}"
    assert client.post(address).status_code == 302
    client.force_login(User.objects.create_user("no staff"))
    assert client.get(address).status_code == 302
    assert client.get(address, headers={"HX-Request": "true"}).status_code == 204, "no login within a page"


def test_the_groups_have_what_the_table_says_again_after_each_migration_and_keep_what_was_added() -> None:
    viewers = Group.objects.get(name=Role.VIEWER)
    others = Permission.objects.get(codename="add_apikey")
    viewers.permissions.set([others, Permission.objects.get(codename="desk_override")])

    roles.ensure()

    assert viewers.permissions.filter(codename__startswith="desk_").get().codename == "desk_see"
    assert viewers.permissions.contains(others)
    assert viewers.permissions.filter(codename="view_syncrun").exists()
    assert set(roles.WORDS) == set(ALLOWED) == set(Action)


def _asked(view: Any, method: str, user: User, **entered: str) -> int:
    request = getattr(RequestFactory(), method)("/admin/probe/", entered)
    request.user, request.session = user, {}
    request._messages = FallbackStorage(request)
    return int(view(request).status_code)


def _address(page: type[DeskPage]) -> str:
    return "/admin/" + re.sub(r"<(?:\w+:)?(\w+)>", lambda part: str(EXAMPLES[part[1]]()), page.address)


class _Page(HTMLParser):
    """The forms that a page sends by POST, each as its address and its fields, and its links."""

    def __init__(self, address: str, response: Any) -> None:
        super().__init__()
        self.forms: list[tuple[str, tuple[tuple[str, str], ...]]] = []
        self.links: list[str] = []
        self._address = address
        self._form: tuple[str, list[tuple[str, str]]] | None = None
        self.feed(response.content.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "a" and not given["href"].startswith("#"):
            self.links.append(urljoin(self._address, given.get("href", "")).partition("#")[0])
        if tag == "form" and given.get("method") == "post":
            self._form = (urljoin(self._address, given.get("action", "")), [])
        name = given.get("name", "")
        if tag in {"input", "button"} and self._form and name not in {"", "csrfmiddlewaretoken"}:
            self._form[1].append((name, given.get("value", "")))

    def handle_endtag(self, tag: str) -> None:
        if tag == "form" and self._form:
            self.forms.append((self._form[0], tuple(self._form[1])))
            self._form = None
