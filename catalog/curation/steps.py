"""What a curator does to many offers at once: each step makes a wish for each offer, or says why it cannot.

A step reads what is served of the offer, so that "add a tag" and "a tenth more" mean what a person sees.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from decimal import Context, Decimal, Inexact
from typing import Any, ClassVar

from catalog.curation.wishes import CLEAR, price_bounds
from catalog.normalize import text
from catalog.pricing import money
from catalog.publication.fields import FIELDS, PRICES, TAGS, Tags, field_of
from catalog.publication.overlay import checked_value
from catalog.publication.prices import plausible
from catalog.publication.states import OfferState, served_record
from catalog.records import OfferRecord

Json = Any

LARGEST_FACTOR = Decimal(1_000_000)
MOST_FACTOR_DIGITS = 20
_EXACT = Context(prec=200, traps=[Inexact])


class Refused(ValueError):
    """The step is not possible for an offer; the message gives the reason."""


class _Same:
    def __repr__(self) -> str:
        return "SAME"


SAME = _Same()
"""The offer is so already."""


@dataclass(frozen=True, slots=True)
class Step(ABC):
    """One change that is made to all chosen offers."""

    kind: ClassVar[str]
    field: str

    @abstractmethod
    def value(self, state: OfferState, upstream: OfferRecord, expires_at: datetime | None) -> Json:
        """Return the value that the override must have: checked, CLEAR or SAME. Raises Refused."""

    def checked(self) -> Step:
        """Return the step with cleaned values. Raises ValueError, which names the problem."""
        field_of(self.field)
        return self

    def json(self) -> Json:
        return {"kind": self.kind, **asdict(self)}


@dataclass(frozen=True, slots=True)
class Tag(Step):
    """Adds and removes tags. What is left of an override that has no effect any more is cleared."""

    kind: ClassVar[str] = "tag"
    add: Sequence[str] = ()
    remove: Sequence[str] = ()

    def checked(self) -> Tag:
        value = checked_value(TAGS, {"add": list(self.add), "remove": list(self.remove)})
        return Tag(TAGS, tuple(value["add"]), tuple(value["remove"]))

    def value(self, state: OfferState, upstream: OfferRecord, expires_at: datetime | None) -> Json:
        served = {tag.lower() for tag in served_record(state, upstream).tags}
        if served >= set(self.add) and not served & set(self.remove):
            return SAME
        standing = state.overrides.get(TAGS)
        if standing is not None and standing.expires_at != expires_at:
            raise Refused(f"its tags have an override {_until(standing.expires_at)}, and one override has one end")
        before = standing.value if standing else {"add": [], "remove": []}
        reported = {tag.lower() for tag in upstream.tags}
        added = [tag for tag in before["add"] if tag not in self.remove]
        added += [tag for tag in self.add if tag not in reported and tag not in added]
        removed = [tag for tag in before["remove"] if tag not in self.add]
        removed += [tag for tag in self.remove if tag in reported and tag not in removed]
        if not added and not removed:
            return CLEAR
        return _checked(Tags(TAGS), {"add": added, "remove": removed})


@dataclass(frozen=True, slots=True)
class Set(Step):
    """Sets a value: a type, a price with its unit, hidden or recommended."""

    kind: ClassVar[str] = "set"
    to: Json = None

    def checked(self) -> Set:
        return Set(self.field, checked_value(self.field, self.to))

    def value(self, state: OfferState, upstream: OfferRecord, expires_at: datetime | None) -> Json:
        if self.field not in PRICES and FIELDS[self.field].served(served_record(state, upstream), state.curated) == (
            self.to
        ):
            return SAME
        return same_or(state, self.field, self.to, expires_at)


@dataclass(frozen=True, slots=True)
class Scale(Step):
    """Multiplies a served price by a factor, exactly."""

    kind: ClassVar[str] = "scale"
    factor: str = ""

    def checked(self) -> Scale:
        if self.field not in PRICES:
            raise ValueError(f"{text.shortened(self.field)} is not a price")
        factor = read_factor(self.factor)
        return Scale(self.field, format(factor, "f"))

    def value(self, state: OfferState, upstream: OfferRecord, expires_at: datetime | None) -> Json:
        about, record = PRICES[self.field], served_record(state, upstream)
        prices = [price for price in record.prices if price.meter == about.meter]
        if not prices:
            raise Refused(f"it has no price for {self.field}")
        if len(prices) > 1 or prices[0].conditions:
            raise Refused(f"its price for {self.field} depends on conditions; set it instead")
        amount = _EXACT.multiply(prices[0].amount, Decimal(self.factor))
        if not amount:
            return SAME
        unit = about.units[0]
        if unit == "usd_per_million_tokens":
            amount = _EXACT.scaleb(amount, 6)
        value = _checked(about, {"amount": _plain(amount), "unit": unit})
        if doubt := plausible.doubt(about.price(value), price_bounds()):
            raise Refused(doubt)
        return same_or(state, self.field, value, expires_at)


@dataclass(frozen=True, slots=True)
class Clear(Step):
    """Clears the override of a field."""

    kind: ClassVar[str] = "clear"

    def value(self, state: OfferState, upstream: OfferRecord, expires_at: datetime | None) -> Json:
        return CLEAR if self.field in state.overrides else SAME


_KINDS: Mapping[str, type[Step]] = {each.kind: each for each in (Tag, Set, Scale, Clear)}


def step_of(stored: Json) -> Step:
    """Return the step that `Step.json` stored."""
    return _KINDS[stored["kind"]](**{name: value for name, value in stored.items() if name != "kind"})


def checked_steps(steps: Iterable[Step]) -> list[Step]:
    """Return the cleaned steps. Raises ValueError if there are none, or if two are about the same field."""
    found = [step.checked() for step in steps]
    if not found:
        raise ValueError("say at least one thing that is to change")
    fields = [step.field for step in found]
    if twice := sorted({field for field in fields if fields.count(field) > 1}):
        raise ValueError(f"{', '.join(twice)} would be changed in two ways at once")
    return found


def read_factor(entered: str) -> Decimal:
    """Return the factor of a price. Raises ValueError."""
    if not money.is_number(entered):
        raise ValueError("the factor must be a decimal number, such as 0.9 or 1.25")
    factor = Decimal(entered.strip())
    if factor <= 0:
        raise ValueError("the factor must be above zero; to make a price free, set it to 0")
    if not 1 / LARGEST_FACTOR <= factor <= LARGEST_FACTOR or len(factor.as_tuple().digits) > MOST_FACTOR_DIGITS:
        raise ValueError(
            f"the factor must be between {1 / LARGEST_FACTOR:f} and {LARGEST_FACTOR:,}, "
            f"with at most {MOST_FACTOR_DIGITS} digits"
        )
    if factor == 1:
        raise ValueError("the factor 1 changes nothing")
    return factor


def same_or(state: OfferState, name: str, value: Json, expires_at: datetime | None) -> Json:
    """Return SAME if the override is so already, else the value."""
    standing = state.overrides.get(name)
    is_same = standing is not None and (standing.value, standing.expires_at) == (value, expires_at)
    return SAME if is_same else value


def _checked(about: Any, value: Json) -> Json:
    try:
        return about.checked(value)
    except ValueError as error:
        raise Refused(str(error)) from error


def _plain(amount: Decimal) -> str:
    """Return plain notation. Raises Refused if it would have to be rounded to be stored."""
    digits = len(amount.normalize(_EXACT).as_tuple().digits)
    if digits > money.MAX_DIGITS:
        raise Refused(f"the new price would have {digits} digits; at most {money.MAX_DIGITS} are exact")
    return money.plain(amount)


def _until(end: datetime | None) -> str:
    return "without an end" if end is None else f"until {end.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
