"""The pages that the walk reads, and how the rows of both hosts are joined."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from catalog.adapter.contract import Json, Page, Request
from catalog.adapter.errors import BadPayload
from catalog.normalize import dates

_PAGE_SIZE = 1000
_MOST_PAGES = 100
_OFFICIAL_USER = "chutes"


@dataclass(slots=True, kw_only=True)
class Deployments:
    """The content of the pages of deployments so far."""

    total: int = 0
    received: int = 0
    by_id: dict[str, Json] = field(default_factory=dict)
    without_id: list[Json] = field(default_factory=list)
    cord_refs: dict[str, Json] = field(default_factory=dict)

    def add(self, payload: Json) -> int:
        """Add a page and return the number of its rows."""
        rows = rows_under(payload, "items")
        total = payload.get("total")
        if isinstance(total, bool) or not isinstance(total, int) or total < 0:
            raise BadPayload("Chutes' total must be a whole number")
        self.total = total
        self.received += len(rows)
        for row in rows:
            chute_id = row.get("chute_id") if isinstance(row, dict) else None
            if isinstance(chute_id, str) and chute_id:
                self.by_id.setdefault(chute_id, row)
            else:
                self.without_id.append(row)
        refs = payload.get("cord_refs")
        self.cord_refs |= refs if isinstance(refs, dict) else {}
        return len(rows)


def all_deployments() -> Generator[Request, Page, Deployments]:
    found = Deployments()
    for number in range(_MOST_PAGES):
        query = {"include_public": "true", "limit": str(_PAGE_SIZE), "page": str(number)}
        page = yield Request(host="api", path="/chutes/", query=query)
        # Repeated rows count too, so that a list that moves while it is read still comes to an end.
        if not found.add(page.payload) or found.received >= found.total:
            return found
    raise BadPayload(f"Chutes' pages do not end: {_MOST_PAGES} were read")


def rows_under(payload: Json, key: str) -> list[Json]:
    rows = payload.get(key) if isinstance(payload, dict) else None
    if not isinstance(rows, list):
        raise BadPayload(f"Chutes' answer holds no list under {key}")
    return rows


def is_public(row: dict[str, Json]) -> bool:
    """A row without this key is kept, and its record rejects it. If the key ever disappears, no offer may count as
    withdrawn."""
    return row.get("public", True) is True


def joined(public: Mapping[str, Json], llms: Iterable[Json], *, cord_refs: Mapping[str, Json]) -> Iterator[Json]:
    matched = set()
    for llm in llms:
        chute_id = llm.get("chute_id") if isinstance(llm, dict) else None
        chute = public.get(chute_id) if isinstance(chute_id, str) else None
        if chute is not None:
            matched.add(chute_id)
        yield {"chute": chute, "llm": llm}
    for chute_id, chute in public.items():
        if chute_id not in matched:
            yield alone(chute, cord_refs=cord_refs)


def alone(chute: Json, *, cord_refs: Mapping[str, Json] = MappingProxyType({})) -> Json:
    row = {"chute": chute, "llm": None}
    if not isinstance(chute, dict) or chute.get("standard_template") is not None:
        return row
    reference = chute.get("cord_ref_id")
    shared = cord_refs.get(reference) if isinstance(reference, str) else None
    cords = chute.get("cords") or shared
    return row | {"cords": cords if isinstance(cords, list) else None}


def precedence(row: Json) -> tuple[bool, bool, int, str]:
    """The order of rows with one id; the first is used. It is the language model that the gateway itself serves under
    the id, then Chutes' own deployment, then the newest. Busy or warm deployments do not come first, because that
    changes by the hour."""
    chute = row["chute"] if isinstance(row["chute"], dict) else {}
    llm = row["llm"] if isinstance(row["llm"], dict) else {}
    user = chute.get("user")
    is_official = isinstance(user, dict) and user.get("username") == _OFFICIAL_USER
    try:
        created = dates.unix_seconds(chute.get("created_at")) or 0
    except ValueError:
        created = 0
    return not llm, not is_official, -created, str(chute.get("chute_id") or llm.get("chute_id"))
