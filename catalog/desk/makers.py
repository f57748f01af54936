"""The makers: who has how many offers, under which spellings; their name, site and logo."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlencode

from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone

from catalog import registry
from catalog.curation import makers
from catalog.curation.makers import Facts, InvalidMaker, MakerRow
from catalog.desk import renamed
from catalog.desk.pages import DeskPage, Problem, Values
from catalog.desk.roles import Action
from catalog.providers import KnownProvider
from catalog.publication.audit import Actor, Subject
from catalog.publication.renaming import Preview
from catalog.web import figures
from catalog.web.logos import logo_address

_FACTS = ("name", "site_url", "icon")


class Makers(DeskPage):
    address = "makers/"
    name = "makers"
    title = "Makers"

    def get(self, request: HttpRequest) -> HttpResponse:
        rows = makers.listed()
        asked = request.GET.get("q", "").strip()[:100]
        only = request.GET.get("only", "")
        found = [row for row in rows if _has(row, asked.casefold()) and (only != "curated" or row.is_curated)]
        found.sort(key=lambda row: (-row.offers, row.name.casefold(), row.key))
        query = {"q": asked, "only": only}
        shown, pager = renamed.paged(found, page=request.GET.get("page", ""), at="makers", query=query)
        options = [("", "all makers"), ("curated", "changed by curators")]
        return self.show(
            "desk/makers.html",
            {
                "heading": figures.counted(sum(1 for row in rows if row.offers), "maker"),
                "fields": [
                    {"name": "q", "label": "Search", "value": asked, "type": "search"},
                    {
                        "name": "only",
                        "label": "Show",
                        "options": [{"value": key, "text": words, "chosen": key == only} for key, words in options],
                    },
                ],
                "rows": [_cells(row) for row in shown],
                "pager": pager,
            },
        )


class Maker(DeskPage):
    """One maker, by any of its spellings, in the query: a spelling may have any sign."""

    address = "maker/"
    name = "maker"
    title = "Maker"
    current = "makers"
    changes = Action.MAKERS

    def get(self, request: HttpRequest) -> HttpResponse:
        if not request.GET.get("slug"):
            return self.go("makers")
        return self._page(request.GET["slug"])

    def post(self, request: HttpRequest) -> HttpResponse:
        slug = request.POST.get("slug", "")
        entered = {name: request.POST.get(name, "").strip() for name in (*_FACTS, "reason")}
        try:
            done = makers.describe(
                slug,
                _facts(slug, entered),
                reason=entered["reason"],
                actor=Actor.of(self.user),
                now=timezone.now(),
            )
        except InvalidMaker as error:
            return self._page(slug, entered=entered, error=f"Nothing was changed: {error}.")
        renamed.served(done)
        self.say(f"The maker “{slug}” is changed.")
        return self.go_to(renamed.address("maker", slug=slug))

    def _page(self, slug: str, *, entered: Mapping[str, str] | None = None, error: str = "") -> HttpResponse:
        rows = makers.listed()
        row = makers.found(slug, among=rows)
        if row is None:
            raise Http404("There is no maker with this spelling.")
        shipped = registry.PROVIDERS.of(row.key)
        stated = {"name": row.name, "site_url": row.site_url or "", "icon": row.icon or "", "reason": ""}
        values = {
            "title": f"Maker {row.name}",
            "maker": _view(row),
            "error": error,
            "entries": _entries({**stated, **(entered or {})}, shipped),
            "icon": _icons((entered or stated)["icon"], shipped),
            "into": {"name": "into", "label": "Other maker", "list": "slugs", "required": True, "autocomplete": "off"},
            "alias": {
                "name": "slug",
                "label": "Spelling",
                "required": True,
                "autocomplete": "off",
                "hint": "Any spelling, also one that no gateway uses yet. Upper and lower case do not matter.",
            },
            "slugs": [{"value": each.slug, "text": each.name} for each in rows if each.offers and each.key != row.key],
            "history": renamed.history(self, Subject.MAKER, [row.slug, *row.merged]),
        }
        return self.show("desk/maker.html", values, 400 if error else 200)


class MakerChange(DeskPage):
    """What a merger or a restoration would change; confirmed with a reason."""

    address = "maker/change/"
    name = "maker_change"
    title = "Change a maker"
    current = "makers"
    changes = Action.MAKERS

    def get(self, request: HttpRequest) -> HttpResponse:
        slug = request.GET.get("slug", "").strip()
        if not slug:
            return self.go("makers")
        return self._preview(slug, request.GET.get("into", "").strip())

    def post(self, request: HttpRequest) -> HttpResponse:
        form = request.POST
        slug, into, reason = form.get("slug", "").strip(), form.get("into", "").strip(), form.get("reason", "")
        if form.get("expected", "") != str(self._found(slug, into).offers):
            words = "The number of offers changed since you looked. Nothing was changed: please look again."
            return self._preview(slug, into, reason=reason, error=words, status=409)
        actor, now = Actor.of(self.user), timezone.now()
        try:
            if into:
                done = makers.merge(slug, into=into, reason=reason, actor=actor, now=now)
            else:
                done = makers.restore(slug, reason=reason, actor=actor, now=now)
        except InvalidMaker as error:
            return self._preview(slug, into, reason=reason, error=f"Nothing was changed: {error}.", status=400)
        renamed.served(done)
        what = f"“{slug}” is “{into}”" if into else f"“{slug}” is a maker of its own again"
        self.say(f"{what}: {figures.counted(done.offers, 'offer')} changed in one revision.")
        return self.go_to(renamed.address("maker", slug=into or slug))

    def _found(self, slug: str, into: str) -> Preview:
        try:
            return makers.preview(slug, into=into or None)
        except InvalidMaker as error:
            raise Problem("This cannot be done.", f"Nothing was changed: {error}.", status=400) from error

    def _preview(self, slug: str, into: str, *, reason: str = "", error: str = "", status: int = 200) -> HttpResponse:
        found = self._found(slug, into)
        if into:
            title, verb = f"Merge {slug} into {into}", "Merge"
            words = f"“{slug}” is another spelling of “{into}”: filters, lists and models count them as one."
        else:
            title, verb = f"Restore {slug}", "Restore"
            words = f"“{slug}” is a maker of its own again."
        change = renamed.Change(
            title=title,
            words=words,
            verb=verb,
            name=into or slug,
            back=renamed.address("maker", slug=into or slug),
            form={"slug": slug, "into": into},
            preview=found,
        )
        return renamed.show_change(self, change, reason=reason, error=error, status=status)


# --- what is shown ---------------------------------------------------------------------------------------------------
def _has(row: MakerRow, folded: str) -> bool:
    return any(folded in text.casefold() for text in (row.name, row.slug, *row.aliases, *row.merged))


def _cells(row: MakerRow) -> list[Values]:
    others = [*row.aliases, *row.merged]
    return [
        {
            "text": row.name,
            "href": renamed.address("maker", slug=row.slug),
            "note": "changed by curators" if row.is_curated else "",
        },
        {"text": row.slug, "id": True, "note": f"also {', '.join(others)}" if others else ""},
        {"text": row.site_url or ""},
        {"text": f"{row.offers:,}", "right": True},
    ]


def _view(row: MakerRow) -> Values:
    return {
        "name": row.name,
        "slug": row.slug,
        "count": figures.counted(row.offers, "offer"),
        "offers_href": f"/?{urlencode({'provider': row.slug})}" if row.offers and "," not in row.slug else "",
        "logo": logo_address(makers.known(row.key)) or "",
        "aliases": list(row.aliases),
        "merged": [{"name": slug, "href": renamed.address("maker_change", slug=slug)} for slug in row.merged],
    }


def _entries(values: Mapping[str, str], shipped: KnownProvider | None) -> list[Values]:
    name, site = (shipped.name, shipped.site_url) if shipped else ("", None)
    return [
        {
            "name": "name",
            "label": "Name",
            "value": values["name"],
            "hint": f"Ships as {name}; empty: this." if name else "Empty: its spelling.",
        },
        {
            "name": "site_url",
            "label": "Site",
            "value": values["site_url"],
            "type": "url",
            "hint": f"Ships as {site}; empty: no site." if site else "Begins with https://; empty: no site.",
        },
        {**renamed.REASON, "value": values["reason"]},
    ]


def _icons(chosen: str, shipped: KnownProvider | None) -> Values:
    ships = shipped.icon if shipped else None
    options = [{"value": "", "text": "a letter", "chosen": not chosen}]
    options += [
        {"value": icon, "text": f"{icon} (ships)" if icon == ships else icon, "chosen": icon == chosen}
        for icon in sorted(registry.PROVIDERS.icons)
    ]
    return {"name": "icon", "label": "Logo", "options": options}


def _facts(slug: str, entered: Mapping[str, str]) -> Facts:
    """Return what is stated: what is as it ships needs no statement."""
    shipped = registry.PROVIDERS.of(slug)
    ships = {name: (getattr(shipped, name) or "") if shipped else "" for name in _FACTS}
    return Facts(**{name: None if entered[name] == ships[name] else entered[name] for name in _FACTS})
