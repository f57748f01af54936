"""The form that says what is to change, read into steps and shown again with what is wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.http import QueryDict

from catalog.curation import steps
from catalog.curation.steps import Clear, Scale, Set, Step, Tag
from catalog.desk import values
from catalog.desk.pages import Values
from catalog.publication import audit
from catalog.publication.fields import FEATURED, FIELDS, HIDDEN, PRICES, TAGS, UNITS, split_words
from catalog.records import ModelType
from catalog.web import figures

ENDS: Mapping[str, tuple[str, timedelta | None]] = {
    "": ("no end", None),
    "1": ("1 day", timedelta(days=1)),
    "7": ("7 days", timedelta(days=7)),
    "30": ("30 days", timedelta(days=30)),
    "90": ("90 days", timedelta(days=90)),
}
SWITCHES = {HIDDEN: ("hide", "show again"), FEATURED: ("recommend", "recommend no longer")}
NAMES = (
    *(
        "add",
        "remove",
        "model_type",
        HIDDEN,
        FEATURED,
        "price",
        "amount",
        "unit",
        "scaled",
        "factor",
        "reason",
        "until",
    ),
)


@dataclass(slots=True)
class Said:
    """What the form says, or what is wrong with it."""

    steps: Sequence[Step] = ()
    reason: str = ""
    expires_at: datetime | None = None
    errors: dict[str, str] = field(default_factory=dict)
    """By the name of the form's field; `all` for the form as a whole."""


def entered(data: QueryDict) -> Values:
    """Return what was typed, to show the form again."""
    return {**{name: data.get(name, "") for name in NAMES}, "clear": data.getlist("clear")}


def said(data: QueryDict, *, now: datetime) -> Said:
    reading = _Reading(data)
    found = Said(steps=reading.steps(), errors=reading.errors)
    try:
        found.reason = audit.checked_reason(data.get("reason", ""))
    except audit.ReasonMissing as error:
        found.errors["reason"] = f"{figures.first_upper(str(error))}."
    until = data.get("until", "")
    if until not in ENDS:
        found.errors["until"] = "Choose one of these."
    elif (lasts := ENDS[until][1]) is not None:
        found.expires_at = now + lasts
    if not found.errors:
        try:
            found.steps = steps.checked_steps(found.steps)
        except ValueError as error:
            found.errors["all"] = f"{figures.first_upper(str(error))}."
    return found


class _Reading:
    """Reads the steps, and collects what is wrong by the name of the field."""

    def __init__(self, data: QueryDict) -> None:
        self._data = data
        self.errors: dict[str, str] = {}

    def steps(self) -> list[Step]:
        found = [
            self._tags(),
            self._set("model_type", self._text("model_type")),
            *(self._switch(name) for name in SWITCHES),
            self._price(),
            self._scaled(),
            *(self._checked("clear", Clear(name)) for name in dict.fromkeys(self._data.getlist("clear"))),
        ]
        return [step for step in found if step is not None]

    def _text(self, name: str) -> str:
        return self._data.get(name, "").strip()

    def _tags(self) -> Step | None:
        words: dict[str, tuple[str, ...]] = {}
        for name in ("add", "remove"):
            try:
                words[name] = tuple(split_words(self._text(name)))
                if words[name]:
                    Tag(TAGS, words[name]).checked()
            except ValueError as error:
                self.errors[name] = f"Tags {error}." if str(error).startswith("must") else f"A tag {error}."
        if self.errors or not any(words.values()):
            return None
        return self._checked("remove", Tag(TAGS, words["add"], words["remove"]))

    def _set(self, name: str, value: object) -> Step | None:
        return self._checked(name, Set(name, value)) if value else None

    def _switch(self, name: str) -> Step | None:
        match self._text(name):
            case "yes":
                return Set(name, True)
            case "no":
                return Clear(name)
            case _:
                return None

    def _price(self) -> Step | None:
        name, amount, unit = self._text("price"), self._text("amount"), self._text("unit")
        if not name and not amount:
            return None
        if not name:
            self.errors["price"] = "Choose the price that is to be set."
        elif not amount:
            self.errors["amount"] = "An amount is required."
        elif not unit:
            self.errors["unit"] = "A unit is required."
        else:
            return self._checked("amount", Set(name, {"amount": amount, "unit": unit}))
        return None

    def _scaled(self) -> Step | None:
        name, factor = self._text("scaled"), self._text("factor")
        if not name and not factor:
            return None
        if not name:
            self.errors["scaled"] = "Choose the price that is to be scaled."
            return None
        if not factor:
            self.errors["factor"] = "A factor is required."
            return None
        return self._checked("factor", Scale(name, factor))

    def _checked(self, name: str, step: Step) -> Step | None:
        try:
            return step.checked()
        except ValueError as error:
            self.errors[name] = f"{figures.first_upper(str(error))}."
            return None


# --- the form as it is shown -----------------------------------------------------------------------------------------
def view(given: Values, errors: Mapping[str, str]) -> Values:
    """Return the fields of the form, each with what was typed and what is wrong with it."""

    def part(name: str, label: str, **more: object) -> Values:
        return {"name": name, "label": label, "value": given.get(name, ""), "error": errors.get(name, ""), **more}

    def choice(name: str, label: str, options: Mapping[str, str], **more: object) -> Values:
        chosen = given.get(name, "")
        found = [{"value": value, "text": text, "chosen": value == chosen} for value, text in options.items()]
        return part(name, label, options=found, **more)

    prices = {"": "leave", **{name: values.short_name_of(name) for name in values.PRICE_FIELDS}}
    return {
        "tags": [part("add", "Add", hint="Separated by commas."), part("remove", "Remove")],
        "kinds": [
            choice("model_type", "Type", {"": "leave", **{kind.value: kind.value for kind in ModelType}}),
            *(
                choice(name, label, {"": "leave", "yes": yes, "no": no})
                for (name, (yes, no)), label in zip(SWITCHES.items(), ("Listing", "Recommendation"), strict=True)
            ),
        ],
        "price": [
            choice("price", "Set the price of", prices),
            part("amount", "to", inputmode="decimal", autocomplete="off"),
            choice("unit", "Unit", {"": "choose", **{unit: values.unit_words(unit) for unit in UNITS}}),
        ],
        "scaled": [
            choice("scaled", "Multiply the price of", prices),
            part(
                "factor", "by", inputmode="decimal", autocomplete="off", hint="1.1 is a tenth more, 0.9 a tenth less."
            ),
        ],
        "clear": [
            {"value": name, "label": values.short_name_of(name), "checked": name in given.get("clear", [])}
            for name in FIELDS
        ],
        "clear_error": errors.get("clear", ""),
        "reason": part("reason", "Shown in the audit trail, required", required=True),
        "until": choice("until", "Until", {value: text for value, (text, _) in ENDS.items()}),
        "error": errors.get("all", ""),
    }


def in_words(found: Sequence[Step]) -> str:
    """Return what the steps do: `Add the tag “hot”. Hide them.`"""
    return " ".join(_words(step) for step in found)


def _words(step: Step) -> str:
    match step:
        case Tag():
            parts = [
                f"{verb} the {'tag' if len(tags) == 1 else 'tags'} {figures.listed([f'“{tag}”' for tag in tags])}"
                for verb, tags in (("add", step.add), ("remove", step.remove))
                if tags
            ]
            return f"{figures.first_upper(' and '.join(parts))}."
        case Scale():
            return f"Multiply the {values.short_name_of(step.field)} price by {step.factor}."
        case Set(field="is_hidden"):
            return "Hide them."
        case Set(field="is_featured"):
            return "Recommend them."
        case Set():
            kind = f"{values.short_name_of(step.field)} price" if step.field in PRICES else "type"
            return f"Set the {kind} to {values.override_shown(step.field, step.to)}."
        case _:
            return f"Clear the override of {values.short_name_of(step.field)}."
