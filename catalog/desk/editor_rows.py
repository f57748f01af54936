"""The rows of the editor: for each field what its gateway says, what curators say, and what is served."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from catalog.desk import editor_words
from catalog.desk.editor_form import CLEARED, KEEP, LEAVE, SWITCHES, WORDS, Entered
from catalog.desk.pages import Values
from catalog.models import Override
from catalog.publication.fields import FIELDS, KINDS, PRICES, TAGS
from catalog.publication.states import OfferState, Rendered, rendered
from catalog.records import ModelType, OfferRecord
from catalog.web import figures, words

Json = Any


@dataclass(frozen=True, slots=True)
class Shown:
    """An offer that is shown: as it is stored, reported and served."""

    state: OfferState
    upstream: OfferRecord
    served: Rendered

    @classmethod
    def of(cls, state: OfferState, upstream: OfferRecord) -> Shown:
        return cls(state, upstream, rendered(state, upstream))


def groups(shown: Shown, entered: Entered, errors: Mapping[str, str]) -> list[Values]:
    """Return the groups of fields. Prices that the offer has none of are `more`."""
    found = []
    for number, group in enumerate(editor_words.GROUPS):
        rows = [_row(shown, entered, name, errors.get(name, "")) for name in group.fields]
        main = [row for row in rows if not row["is_spare"]]
        more = [row for row in rows if row["is_spare"]]
        found.append({"id": f"group-{number}", "title": group.title, "about": group.about, "rows": main, "more": more})
    return found


def _row(shown: Shown, entered: Entered, name: str, error: str) -> Values:
    field = FIELDS[name]
    served = field.served(shown.served.record, shown.state.curated)
    override = shown.state.overrides.get(name)
    upstream = editor_words.value(name, field.of(shown.upstream))
    says = "" if name in SWITCHES else upstream or _missing(shown, name)
    is_priced = bool(upstream or override or error or entered.is_touched(name))
    return {
        "name": name,
        "label": editor_words.price_label(name) if name in PRICES else editor_words.LABELS[name],
        "unit": editor_words.SHORT_UNITS[PRICES[name].units[0]] if name in PRICES else "",
        "upstream": says,
        "is_unknown": not upstream,
        "served": editor_words.value(name, served) or ("no" if name in SWITCHES else _missing(shown, name)),
        "is_ours": override is not None,
        "held": _held(shown, name),
        "error": error,
        "is_spare": name in PRICES and name not in editor_words.ALWAYS_SHOWN and not is_priced,
        "override": _override(override) if override else None,
        "does": entered.does.get(name, LEAVE),
        "choices": _choices(override, entered.does.get(name, LEAVE)) if override else [],
        **_controls(name, entered.raws[name]),
    }


def _missing(shown: Shown, name: str) -> str:
    if name not in PRICES:
        return "none" if name == TAGS else editor_words.NOTHING
    is_unclear = any(each.meter == PRICES[name].meter for each in shown.upstream.unclear)
    return "unclear" if is_unclear else editor_words.NOTHING


def _held(shown: Shown, name: str) -> str:
    """Return since when the gateway's price waits for a decision; empty if it does not."""
    key = PRICES[name].meter if name in PRICES else ""
    holds = [hold for (meter, _), hold in shown.state.holds.items() if meter == key and hold.state == hold.State.OPEN]
    return f"held since {figures.day(holds[0].made_at)}: {holds[0].reason}" if holds else ""


def _override(override: Override) -> Values:
    was = override.reported["value"] if override.reported else None
    return {
        "words": editor_words.override(override.field, override.value),
        "reason": override.reason,
        "who": str(override.author) if override.author else "the command line",
        "when": figures.moment_view(override.made_at),
        "ends": figures.minute(override.expires_at) if override.expires_at else "",
        "is_stale": override.is_stale,
        "was": editor_words.value(override.field, was) or editor_words.NOTHING,
    }


def _choices(override: Override, does: str) -> list[Values]:
    stale = {LEAVE: "decide later", KEEP: "keep ours", CLEARED: "take the value of the gateway"}
    usual = {LEAVE: "leave it", KEEP: "set again with another end", CLEARED: "clear it"}
    chosen = stale if override.is_stale else usual
    return [{"value": value, "text": text, "chosen": value == does} for value, text in chosen.items()]


# --- controls --------------------------------------------------------------------------------------------------------
def _controls(name: str, raw: Sequence[str]) -> Values:
    """Return the kind of a field's controls, and what is in them."""
    if name in PRICES:
        return {"kind": "price", "value": raw[0], "units": _units(PRICES[name].units, raw[1])}
    if name == TAGS:
        return {"kind": "tags", "add": raw[0], "remove": raw[1]}
    if name in WORDS:
        ticks = [{"value": word, "chosen": word in raw} for word in sorted(KINDS)]
        return {"kind": "ticks", "ticks": ticks}
    if name in SWITCHES:
        return {"kind": "switch", "value": raw[0]}
    if name == "model_type":
        options = [{"value": "", "text": "as the gateway says", "chosen": not raw[0]}]
        options += [
            {"value": each.value, "text": words.kind(each), "chosen": each.value == raw[0]} for each in ModelType
        ]
        return {"kind": "choice", "options": options}
    fields = {"description": "area", "context_length": "number"}
    return {"kind": fields.get(name, "text"), "value": raw[0]}


def _units(units: Sequence[str], chosen: str) -> list[Values]:
    """Return the units to choose from. A price of tokens needs a choice: a unit that was assumed is a wrong price."""
    found = [{"value": unit, "text": editor_words.SHORT_UNITS[unit], "chosen": unit == chosen} for unit in units]
    return found if len(units) == 1 else [{"value": "", "text": "unit", "chosen": not chosen}, *found]
