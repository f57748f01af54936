"""The draft of an action on many offers: what is asked, and the preview of what it would do.

A draft is JSON. `asked` is written by the page that says what is to change, `preview` each time a person looks, so the
page, its CSV file and the confirmation are about exactly the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from catalog.curation import bulk, steps
from catalog.curation.bulk import Plan, Print, Request
from catalog.curation.sheets import Entry, Line
from catalog.curation.wishes import CLEAR, Change, Decision, Key, Problem, Wish

Json = Any
MORE_COLUMNS = ("upstream", "served_now", "will_be_served")


# --- what is asked ---------------------------------------------------------------------------------------------------
def of_selection(keys: Sequence[int], *, selection: str, is_all: bool, now: datetime) -> Json:
    """Return a new draft about these offers."""
    return {
        "kind": "bulk",
        "offers": list(keys),
        "selection": selection,
        "is_all": is_all,
        "fixed_at": now.isoformat(),
        "source_sha256": "",
    }


def of_lines(lines: Sequence[Line], keys: Mapping[tuple[str, str], int], *, reason: str, sha256: str) -> Json:
    """Return a new draft about the lines of a file. `keys` has the primary key of each of their offers."""
    return {
        "kind": "csv",
        "offers": list(dict.fromkeys(keys[line.gateway, line.id] for line in lines)),
        "selection": "",
        "source_sha256": sha256,
        "asked": {
            "reason": reason,
            "wishes": [
                [keys[line.gateway, line.id], line.field, line.value, _iso(line.expires_at), line.reason, line.number]
                for line in lines
            ],
        },
    }


def request_of(draft: Json) -> Request:
    asked = draft["asked"]
    return Request(
        offers=draft["offers"],
        steps=[steps.step_of(step) for step in asked.get("steps", ())],
        wishes=[
            Wish(
                offer=pk,
                field=field,
                value=CLEAR if value is None else value,
                expires_at=_moment(end),
                reason=reason,
                line=line,
            )
            for pk, field, value, end, reason, line in asked.get("wishes", ())
        ],
        expires_at=_moment(asked.get("expires_at")),
    )


# --- what it would do ------------------------------------------------------------------------------------------------
def preview(draft: Json, *, now: datetime) -> Json:
    """Return what would be done now. Raises InvalidOverride if there are too many offers."""
    plan = bulk.planned(request_of(draft), now=now)
    decision = plan.decision(now=now)
    return {
        "at": now.isoformat(),
        "prints": [[*key, *found] for key, found in plan.prints.items()],
        "counts": _counts(plan, decision),
        # What must be confirmed comes first: people see the beginning.
        "changes": [_change(each) for each in sorted(decision.changes, key=lambda each: each.doubt is None)],
        "refused": [_refusal(each) for each in plan.refused],
    }


def prints_of(found: Json) -> dict[Key, Print]:
    return {(pk, field): (version, reported, listed, would) for pk, field, version, reported, listed, would in found}


def entry_of(change: Json, *, reason: str) -> Entry:
    """Return the line of the CSV file of a preview."""
    return Entry(
        gateway=change["gateway"],
        id=change["id"],
        field=change["field"],
        value=change["value"],
        reason=change["reason"] or reason,
        expires_at=_moment(change["expires_at"]),
        more={"upstream": change["upstream"], "served_now": change["before"], "will_be_served": change["after"]},
    )


def _counts(plan: Plan, decision: Decision) -> dict[str, int]:
    """Count the offers: each once, as what happens to most of it."""
    changed = {change.offer.pk for change in decision.changes}
    refused = {problem.wish.offer for problem in plan.refused} - changed
    same = {pk for pk, _ in plan.same} - changed - refused
    return {"changed": len(changed), "same": len(same), "refused": len(refused)}


def _change(change: Change) -> Json:
    return {
        "offer": change.offer.pk,
        "gateway": change.offer.gateway.slug,
        "id": change.offer.model_id,
        "field": change.wish.field,
        "value": None if change.is_cleared else change.value,
        "expires_at": _iso(change.wish.expires_at),
        "reason": change.wish.reason,
        "upstream": change.reported,
        "before": change.served_before,
        "after": change.served_after,
        "doubt": change.doubt or "",
    }


def _refusal(problem: Problem) -> Json:
    gateway, _, model_id = problem.subject.partition(" ")
    pk = problem.wish.offer
    return {"offer": pk, "gateway": gateway, "id": model_id, "field": problem.wish.field, "reason": problem.reason}


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
