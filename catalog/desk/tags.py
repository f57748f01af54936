"""The tags: how many offers have each, what it means, and what is served in its place."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlencode

from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone

from catalog.curation import tags
from catalog.curation.tags import InvalidTag, TagRow
from catalog.desk import renamed
from catalog.desk.pages import DeskPage, Problem, Values
from catalog.desk.roles import Action
from catalog.models.naming import MAX_DESCRIPTION
from catalog.publication.audit import Actor, Subject
from catalog.publication.renaming import Preview
from catalog.web import figures


class Tags(DeskPage):
    address = "tags/"
    name = "tags"
    title = "Tags"

    def get(self, request: HttpRequest) -> HttpResponse:
        rows = tags.listed()
        asked = request.GET.get("q", "").strip()[:100]
        found = [row for row in rows if asked.lower() in row.name or asked.lower() in row.description.lower()]
        found.sort(key=lambda row: (-row.offers, row.name))
        shown, pager = renamed.paged(found, page=request.GET.get("page", ""), at="tags", query={"q": asked})
        counts = {row.name: row.offers for row in rows}
        in_use = sum(1 for count in counts.values() if count)
        return self.show(
            "desk/tags.html",
            {
                "heading": figures.counted(in_use, "tag"),
                "pairs": [_pair(rare, other, counts) for rare, other in tags.lookalike_pairs()],
                "fields": [{"name": "q", "label": "Search", "value": asked, "type": "search"}],
                "rows": [_cells(row) for row in shown],
                "pager": pager,
            },
        )


class Tag(DeskPage):
    """One tag, by its name in the query: a name may have any sign."""

    address = "tag/"
    name = "tag"
    title = "Tag"
    current = "tags"
    changes = Action.TAGS

    def get(self, request: HttpRequest) -> HttpResponse:
        if not request.GET.get("name"):
            return self.go("tags")
        return self._page(request.GET["name"])

    def post(self, request: HttpRequest) -> HttpResponse:
        name, form = request.POST.get("name", ""), request.POST
        try:
            done = tags.describe(
                name,
                description=form.get("description", ""),
                reason=form.get("reason", ""),
                actor=Actor.of(self.user),
                now=timezone.now(),
            )
        except InvalidTag as error:
            entered = {"description": form.get("description", ""), "reason": form.get("reason", "")}
            return self._page(name, entered=entered, error=f"Nothing was changed: {error}.")
        renamed.served(done)
        self.say(f"The tag “{name}” is described.")
        return self.go_to(renamed.address("tag", name=name))

    def _page(self, name: str, *, entered: dict[str, str] | None = None, error: str = "") -> HttpResponse:
        rows = {row.name: row for row in tags.listed()}
        row = rows.get(name.strip().lower())
        if row is None:
            raise Http404("No offer has this tag.")
        values = {
            "title": f"Tag {row.name}",
            "tag": _view(row),
            "error": error,
            "describe": [
                {
                    "name": "description",
                    "label": "What it means",
                    "value": (entered or {}).get("description", row.description),
                    "hint": f"One line, at most {MAX_DESCRIPTION} characters. Empty: no description.",
                },
                {**renamed.REASON, "value": (entered or {}).get("reason", "")},
            ],
            "into": {"name": "into", "label": "Other name", "list": "names", "required": True, "autocomplete": "off"},
            "names": [each.name for each in rows.values() if each.offers and each.name != row.name],
            "history": renamed.history(self, Subject.TAG, [row.name, *row.merged]),
        }
        return self.show("desk/tag.html", values, 400 if error else 200)


class TagChange(DeskPage):
    """What a rename, a merger or a restoration would change; confirmed with a reason."""

    address = "tag/change/"
    name = "tag_change"
    title = "Change a tag"
    current = "tags"
    changes = Action.TAGS

    def get(self, request: HttpRequest) -> HttpResponse:
        name, into = request.GET.get("name", ""), request.GET.get("into", "").strip()
        if not name:
            return self.go("tags")
        near = tags.lookalikes([into]).get(into) if into and "as_typed" not in request.GET else None
        if near and near != name.strip().lower():
            return self._doubt(name, into, near)
        return self._preview(name, into)

    def post(self, request: HttpRequest) -> HttpResponse:
        form = request.POST
        name, into, reason = form.get("name", ""), form.get("into", "").strip(), form.get("reason", "")
        expected = str(self._found(name, into).offers)
        if form.get("expected", "") != expected:
            words = "The number of offers changed since you looked. Nothing was changed: please look again."
            return self._preview(name, into, reason=reason, error=words, status=409)
        actor, now = Actor.of(self.user), timezone.now()
        try:
            if not into:
                done = tags.restore(name, reason=reason, actor=actor, now=now)
            elif tags.is_known(tags.checked_name(into)):
                done = tags.merge(name, into=into, reason=reason, actor=actor, now=now)
            else:
                done = tags.rename(name, to=into, reason=reason, actor=actor, now=now)
        except InvalidTag as error:
            return self._preview(name, into, reason=reason, error=f"Nothing was changed: {error}.", status=400)
        renamed.served(done)
        served = f"served as “{into.lower()}”" if into else "served under its own name again"
        self.say(f"“{name}” is {served}: {figures.counted(done.offers, 'offer')} changed in one revision.")
        return self.go_to(renamed.address("tag", name=into or name))

    def _found(self, name: str, into: str) -> Preview:
        try:
            return tags.preview(name, into=into or None)
        except InvalidTag as error:
            raise Problem("This cannot be done.", f"Nothing was changed: {error}.", status=400) from error

    def _doubt(self, name: str, into: str, near: str) -> HttpResponse:
        values = {
            "title": f"Is it {near}?",
            "tag": {"name": name, "href": renamed.address("tag", name=name)},
            "into": into,
            "near": near,
            "near_href": renamed.address("tag_change", name=name, into=near),
            "typed_href": renamed.address("tag_change", name=name, into=into, as_typed="1"),
        }
        return self.show("desk/tag_doubt.html", values)

    def _preview(self, name: str, into: str, *, reason: str = "", error: str = "", status: int = 200) -> HttpResponse:
        found = self._found(name, into)
        name, into = name.strip().lower(), into.lower()
        if not into:
            title, words, verb = f"Restore {name}", f"Offers whose gateway reports “{name}” have it again.", "Restore"
        elif tags.is_known(into):
            title, verb = f"Merge {name} into {into}", "Merge"
            words = f"Offers that have “{name}” are served with “{into}” instead, now and whenever they come."
        else:
            title, verb = f"Rename {name} to {into}", "Rename"
            words = f"“{name}” is served as “{into}”, which no offer has yet."
        change = renamed.Change(
            title=title,
            words=words,
            verb=verb,
            name=name,
            back=renamed.address("tag", name=name),
            form={"name": name, "into": into},
            preview=found,
        )
        return renamed.show_change(self, change, reason=reason, error=error, status=status)


def _view(row: TagRow) -> Values:
    return {
        "name": row.name,
        "count": figures.counted(row.offers, "offer"),
        "description": row.description,
        "merged_into": row.merged_into or "",
        "into_href": renamed.address("tag", name=row.merged_into) if row.merged_into else "",
        "merged": [{"name": name, "href": renamed.address("tag", name=name)} for name in row.merged],
        "restore_href": renamed.address("tag_change", name=row.name) if row.merged_into else "",
        "offers_href": f"/?{urlencode({'tags': row.name})}" if row.offers and "," not in row.name else "",
    }


def _cells(row: TagRow) -> list[Values]:
    notes = [f"served as {row.merged_into}"] if row.merged_into else []
    notes += [f"also {', '.join(row.merged)}"] if row.merged else []
    return [
        {"text": row.name, "href": renamed.address("tag", name=row.name), "note": "; ".join(notes)},
        {"text": row.description},
        {"text": f"{row.offers:,}", "right": True},
    ]


def _pair(rare: str, other: str, counts: Mapping[str, int]) -> Values:
    return {
        "rare": rare,
        "other": other,
        "words": f"{figures.counted(counts[rare], 'offer')} and {counts[other]:,}",
        "merge": renamed.address("tag_change", name=rare, into=other),
        "rare_href": renamed.address("tag", name=rare),
        "other_href": renamed.address("tag", name=other),
    }
