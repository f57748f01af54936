"""What operators choose for a gateway: whether it is read, how often, from where, and with which options.

A change publishes nothing. It applies in all processes from the next look at what is due, within a minute.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction

from catalog import gateway_settings, registry
from catalog.gateway_settings import LEAST_MINUTES, MOST_MINUTES, SOURCES, Chosen, GatewaySettings
from catalog.models import Gateway, GatewaySetting, RunCount, SyncRun
from catalog.normalize import text
from catalog.publication import audit, locks
from catalog.publication.audit import Actor, Draft, Item, Kind, Subject

Json = Any

OPTION = "options."
"""The beginning of the name of an option, such as `options.providers`."""


@dataclass(frozen=True, slots=True)
class Problem:
    setting: str
    reason: str
    """Continues a sentence after the name of the setting."""


class InvalidSettings(ValueError):
    """Some values cannot be chosen; nothing was changed."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = problems
        super().__init__("; ".join(f"{problem.setting} {problem.reason}" for problem in problems))


def choose(slug: str, wanted: Mapping[str, Json], *, reason: str, actor: Actor, now: datetime) -> Sequence[str]:
    """Choose values for a gateway, and return the names of the settings that changed.

    `wanted` has the new values by name: `enabled` (a bool), `interval_minutes` (a number), `source` (auto, api or
    bundled), `options.<name>` (a list of words). None, or an empty list, leaves the setting to its default. Settings
    that are missing stay. Raises InvalidSettings, which names all problems.
    """
    Gateway.objects.ensure([slug])
    with transaction.atomic():
        gateway = locks.lock_gateway(slug)
        row = GatewaySetting.objects.filter(gateway=gateway).first() or GatewaySetting(gateway=gateway)
        before = _chosen(row)
        changes = _checked(slug, wanted, before=before, reason=reason)
        if not changes:
            return ()
        newest = locks.lock_revision()
        _store(row, changes)
        _adapt(gateway, changes, now=now)
        items = [
            Item(kind=Subject.GATEWAY, number=gateway.pk, subject=slug, field=name, before=before[name], after=value)
            for name, value in changes.items()
        ]
        draft = Draft(kind=Kind.GATEWAY, actor=actor, reason=reason.strip(), items=items)
        audit.write(draft, before=newest.number, after=newest.number, now=now)
    return tuple(changes)


def _chosen(row: GatewaySetting) -> dict[str, Json]:
    """Return the stored values by name; None: nothing was chosen."""
    options = registry.GATEWAYS[row.gateway.slug].options
    return {
        "enabled": row.is_enabled,
        "interval_minutes": row.interval_minutes,
        "source": row.source or None,
        **{f"{OPTION}{name}": row.options.get(name) or None for name in options},
    }


def _store(row: GatewaySetting, changes: Mapping[str, Json]) -> None:
    after = {**_chosen(row), **changes}
    row.is_enabled, row.interval_minutes = after["enabled"], after["interval_minutes"]
    row.source = after["source"] or ""
    row.options = {
        name.removeprefix(OPTION): words for name, words in after.items() if name.startswith(OPTION) and words
    }
    row.save()


# --- checks ----------------------------------------------------------------------------------------------------------
def _checked(slug: str, wanted: Mapping[str, Json], *, before: Mapping[str, Json], reason: str) -> dict[str, Json]:
    """Return the cleaned values that differ from the stored ones. Raises InvalidSettings."""
    applying = gateway_settings.settings_of(slug)
    problems, changes = [], {}
    for name, value in wanted.items():
        try:
            cleaned = _cleaned(slug, name, value)
            if cleaned != before[name]:
                _check_unlocked(applying, name)
                changes[name] = cleaned
        except ValueError as error:
            problems.append(Problem(name, str(error)))
    if changes and (not text.is_storable(reason) or not reason.strip()):
        problems.append(Problem("reason", "is required, as text"))
    if problems:
        raise InvalidSettings(problems)
    return changes


def _check_unlocked(applying: GatewaySettings, name: str) -> None:
    by_name: dict[str, Chosen[Any]] = {
        "enabled": applying.enabled,
        "interval_minutes": applying.interval_minutes,
        "source": applying.source,
        **{f"{OPTION}{option}": each for option, each in applying.options.items()},
    }
    chosen = by_name[name]
    if chosen.is_locked:
        raise ValueError(f"is set by the environment ({chosen.variable}); it can only be changed there")


def _cleaned(slug: str, name: str, value: Json) -> Json:
    if name.startswith(OPTION):
        return _words(slug, name.removeprefix(OPTION), value)
    if name not in _CLEAN:
        raise ValueError(f"is not a setting; those are {', '.join(_CLEAN)} and {OPTION}<name>")
    return None if value is None else _CLEAN[name](value)


def _words(slug: str, option: str, value: Json) -> list[str] | None:
    if value is not None and (not isinstance(value, list) or not all(isinstance(word, str) for word in value)):
        raise ValueError("must be a list of words")
    return list(registry.GATEWAYS[slug].checked_option(option, value or [])) or None


def _flag(value: Json) -> bool:
    if not isinstance(value, bool):
        raise ValueError("must be true or false")
    return value


def _minutes(value: Json) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not LEAST_MINUTES <= value <= MOST_MINUTES:
        raise ValueError(f"must be a whole number from {LEAST_MINUTES} to {MOST_MINUTES:,}")
    return value


def _source(value: Json) -> str:
    if value not in SOURCES:
        raise ValueError(f"must be one of {', '.join(SOURCES)}")
    return str(value)


_CLEAN: Mapping[str, Callable[[Json], Json]] = {"enabled": _flag, "interval_minutes": _minutes, "source": _source}


# --- the schedule ----------------------------------------------------------------------------------------------------
def _adapt(gateway: Gateway, changes: Mapping[str, Json], *, now: datetime) -> None:
    """Let the changes apply soon, not only after the run that was due before them."""
    applying = gateway_settings.settings_of(gateway.slug)
    mine = Gateway.objects.filter(pk=gateway.pk)
    if not applying.is_enabled:
        _end_waiting_run(gateway, now=now)
    elif changes.keys() - {"interval_minutes"}:
        mine.update(next_run_at=None)
    else:
        # After failures the pause stays, which is longer with each of them.
        slot = gateway_settings.next_slot(gateway.slug, after=now, interval=applying.interval)
        mine.filter(failures=0, next_run_at__isnull=False).update(next_run_at=slot)


def _end_waiting_run(gateway: Gateway, *, now: datetime) -> None:
    """End a run that was requested and has not begun: otherwise its client would wait for it without an end."""
    ended = SyncRun.objects.waiting().filter(gateway=gateway)
    error = "the gateway was disabled before the run began"
    if ended.update(outcome=SyncRun.Outcome.FAILED, finished_at=now, error=error):
        RunCount.objects.add(gateway, SyncRun.Outcome.FAILED)
