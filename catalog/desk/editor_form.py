"""Reads the form of the editor: what was typed for each field, and which fields that changes. Pure.

The form carries a signed token with what the person saw of each field when it was opened: the version of the override,
what the gateway reported, and the override's value and end. A field is changed if what is typed differs from that; so
another person's change of another field stays.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Self

from django.core import signing
from django.http import QueryDict

from catalog.curation.wishes import CLEAR, Expected, Wish, seen_now
from catalog.publication.fields import FEATURED, FIELDS, HIDDEN, PRICES, TAGS, joined_words, split_words
from catalog.publication.states import OfferState
from catalog.records import OfferRecord

Json = Any
Raw = tuple[str, ...]
"""The texts of a field's controls, as they are typed."""
SALT = "catalog.desk.offer"
WORDS = frozenset({"input_modalities", "output_modalities"})
SWITCHES = frozenset({HIDDEN, FEATURED})
LEAVE, KEEP, CLEARED = "leave", "keep", "clear"


class Forged(ValueError):
    """The token of the form is not ours, or belongs to another offer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What a person saw of a field."""

    version: int
    """Of the override; 0: there was none."""
    reported: Json
    value: Json = None
    """Of the override; None: there was none."""
    ends: str | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """What a person saw of an offer."""

    offer: int
    fields: Mapping[str, Sight]

    @classmethod
    def of(cls, state: OfferState, upstream: OfferRecord) -> Self:
        found = {}
        for name in FIELDS:
            version, reported = seen_now(state, upstream, name)
            standing = state.overrides.get(name)
            ends = standing.expires_at.isoformat() if standing and standing.expires_at else None
            found[name] = Sight(
                version=version, reported=reported, value=standing.value if standing else None, ends=ends
            )
        return cls(state.offer.pk, found)

    @classmethod
    def read(cls, token: str, *, offer: int) -> Self:
        """Raises Forged."""
        try:
            found = signing.loads(token, salt=SALT)
        except signing.BadSignature as error:
            raise Forged("the form is not from this page") from error
        if found["offer"] != offer:
            raise Forged("the form belongs to another offer")
        return cls(offer, {name: Sight(**sight) for name, sight in found["fields"].items() if name in FIELDS})

    @property
    def token(self) -> str:
        fields = {
            name: {"version": each.version, "reported": each.reported, "value": each.value, "ends": each.ends}
            for name, each in self.fields.items()
        }
        return signing.dumps({"offer": self.offer, "fields": fields}, salt=SALT, compress=True)

    @property
    def expected(self) -> Expected:
        return {(self.offer, name): (each.version, each.reported) for name, each in self.fields.items()}

    def moved(self, now: Seen) -> list[str]:
        """Return the fields whose override is another one now."""
        return [name for name, each in self.fields.items() if each.version != now.fields[name].version]

    def accepting(self, now: Seen) -> Seen:
        """Return the same, but with what is stored now as known: the next save replaces it."""
        return Seen(
            self.offer,
            {
                name: replace(each, version=now.fields[name].version, reported=now.fields[name].reported)
                for name, each in self.fields.items()
            },
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Entered:
    """What was typed."""

    seen: Seen
    raws: Mapping[str, Raw]
    """What is in the controls of each field."""
    does: Mapping[str, str]
    """LEAVE, KEEP or CLEARED for each field that had an override."""
    meant: frozenset[str] = frozenset()
    """The fields whose doubtful change is confirmed."""
    dropped: frozenset[str] = frozenset()
    """The fields that the person left to another one, after a conflict."""
    reason: str = ""
    until: str = ""
    has_no_end: bool = False

    @classmethod
    def untouched(cls, seen: Seen) -> Self:
        return cls(seen=seen, raws={name: raw_of(name, each.value) for name, each in seen.fields.items()}, does={})

    @classmethod
    def read(cls, sent: QueryDict, *, offer: int) -> Self:
        """Raises Forged."""
        seen = Seen.read(sent.get("token", ""), offer=offer)
        return cls(
            seen=seen,
            raws={name: _sent(name, sent) for name in seen.fields},
            does={name: sent.get(f"do_{name}", LEAVE) for name in seen.fields},
            meant=frozenset(sent.getlist("mean")),
            dropped=frozenset(sent.getlist("drop")),
            reason=sent.get("reason", ""),
            until=sent.get("until", ""),
            has_no_end="no_end" in sent,
        )

    @property
    def hidden(self) -> list[tuple[str, str]]:
        """Return the form as hidden fields, without the token, the reason and what is confirmed."""
        found = [
            (control, text)
            for name, raw in self.raws.items()
            for control, text in zip(controls(name, len(raw)), raw, strict=True)
        ]
        found += [(f"do_{name}", does) for name, does in self.does.items() if does != LEAVE]
        found += [("drop", name) for name in sorted(self.dropped)]
        return [*found, ("until", self.until), *([("no_end", "1")] if self.has_no_end else [])]

    def is_touched(self, name: str) -> bool:
        """Whether something else is typed than what the form had at first."""
        raw, first = self.raws[name], raw_of(name, self.seen.fields[name].value)
        if name in PRICES and not raw[0].strip() and not first[0]:
            return False  # a unit alone says nothing
        return raw != first


@dataclass(slots=True)
class Wishes:
    """What a form asks for."""

    wishes: list[Wish] = field(default_factory=list)
    errors: dict[str, str] = field(default_factory=dict)
    """What is wrong, by field; `until` too."""


def wishes_of(entered: Entered) -> Wishes:
    """Return what was asked for, and what cannot be understood."""
    found = Wishes()
    end: datetime | None = None
    try:
        end = _end(entered.until)
    except ValueError as error:
        found.errors["until"] = str(error)
    for name, sight in entered.seen.fields.items():
        if name in entered.dropped:
            continue
        try:
            wanted = _wanted(entered, name)
        except ValueError as error:
            found.errors[name] = str(error)
            continue
        if wanted is not None:
            ends = end or (None if entered.has_no_end or not sight.ends else datetime.fromisoformat(sight.ends))
            expires_at = None if wanted is CLEAR else ends
            found.wishes.append(Wish(offer=entered.seen.offer, field=name, value=wanted, expires_at=expires_at))
    return found


def _wanted(entered: Entered, name: str) -> Json:
    """Return the value that a field is to have, or CLEAR; None if it stays as it is. Raises ValueError."""
    had = entered.seen.fields[name].value
    does, is_touched = entered.does.get(name, LEAVE), entered.is_touched(name)
    if does == CLEARED and had is not None:
        if is_touched:
            raise ValueError("either clear it or type another value")
        return CLEAR
    if does == KEEP and had is not None and not is_touched:
        return had
    if not is_touched:
        return None
    wanted = value_of(name, entered.raws[name])
    return wanted if wanted is not None else CLEAR if had is not None else None


def _end(text: str) -> datetime | None:
    """Return the moment that was typed, in UTC. Raises ValueError."""
    if not text.strip():
        return None
    try:
        moment = datetime.fromisoformat(text.strip())
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ValueError("must be a day and a time, such as 2026-12-31T18:00") from error


# --- the controls of a field -----------------------------------------------------------------------------------------
def controls(name: str, count: int = 2) -> Sequence[str]:
    """Return the names of the controls of a field; a field of words has one control for each word."""
    if name in PRICES:
        return name, f"{name}_unit"
    if name == TAGS:
        return "tags_add", "tags_remove"
    return [name] * count if name in WORDS else [name]


def raw_of(name: str, value: Json) -> Raw:
    """Return what is in the controls of a field that has this override; None: it has none."""
    if name in PRICES:
        units = PRICES[name].units
        return (value["amount"], value["unit"]) if value else ("", units[0] if len(units) == 1 else "")
    if name == TAGS:
        return (joined(value["add"]), joined(value["remove"])) if value else ("", "")
    if name in WORDS:
        return tuple(sorted(value or ()))
    if name in SWITCHES:
        return ("1" if value else "",)
    return ("" if value is None else str(value),)


def joined(words: Sequence[str]) -> str:
    return ", ".join(joined_words([word]) for word in words)


def value_of(name: str, raw: Raw) -> Json:
    """Return the value that is typed; None if nothing is. Raises ValueError."""
    if not any(text.strip() for text in raw):
        return None
    if name in PRICES:
        amount, unit = raw
        return PRICES[name].parsed(amount, unit) if amount.strip() else None
    if name == TAGS:
        return {"add": split_words(raw[0]), "remove": split_words(raw[1])}
    if name in WORDS:
        return list(raw)
    return True if name in SWITCHES else FIELDS[name].parsed(raw[0])


def _sent(name: str, sent: QueryDict) -> Raw:
    if name in WORDS:
        return tuple(sorted(sent.getlist(name)))
    return tuple(sent.get(control, "").replace("\r\n", "\n") for control in controls(name))
