"""Overrides as CSV files: all of them, those of a selection, and the import of a file by a preview."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from http import HTTPStatus

from django.core.files.uploadedfile import UploadedFile
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone

from catalog import records
from catalog.curation import sheets
from catalog.curation.overrides import MOST_OFFERS
from catalog.curation.sheets import BadLine, Entry, Line, UnusableFile
from catalog.desk import bulk_draft, drafts
from catalog.desk.csv_answers import csv_answer
from catalog.desk.pages import DeskPage
from catalog.desk.roles import Action
from catalog.models import Offer, Override
from catalog.publication import audit
from catalog.publication.batches import batches
from catalog.publication.fields import FIELDS
from catalog.web import figures

SHOWN = 200
"""The bad lines that are shown."""


class Sheets(DeskPage):
    """Takes a file, checks every line of it, and leads to the preview."""

    address = "csv/"
    name = "csv"
    title = "Overrides as CSV"
    current = "offers"
    changes = Action.BULK

    def get(self, request: HttpRequest) -> HttpResponse:
        return self._form()

    def post(self, request: HttpRequest) -> HttpResponse:
        file = request.FILES.get("file")
        if not isinstance(file, UploadedFile):
            return self._form(file_error="Choose a file.")
        try:
            reason = audit.checked_reason(request.POST.get("reason", ""))
        except audit.ReasonMissing as error:
            return self._form(reason_error=f"{figures.first_upper(str(error))}.")
        if (file.size or 0) > sheets.MOST_BYTES:
            return self._form(
                file_error=f"The file has {file.size:,} bytes; at most {sheets.MOST_BYTES:,} are allowed."
            )
        content = file.read()
        try:
            sheet = sheets.read(content)
        except UnusableFile as error:
            return self._form(file_error=f"The file {error}.")
        keys = keys_of(sheet.lines)
        bad = sorted([*sheet.bad, *_unknown(sheet.lines, keys)], key=lambda line: line.number)
        if bad:
            return self._form(bad=bad)
        if (count := len({keys[line.gateway, line.id] for line in sheet.lines})) > MOST_OFFERS:
            return self._form(file_error=f"The file is about {count:,} offers; at most {MOST_OFFERS:,} are allowed.")
        return self._look(bulk_draft.of_lines(sheet.lines, keys, reason=reason, sha256=_sha256(content)))

    def _look(self, draft: bulk_draft.Json) -> HttpResponse:
        seen = bulk_draft.preview(draft, now=timezone.now())
        if seen["refused"]:
            lines = {(pk, field): line for pk, field, *_, line in draft["asked"]["wishes"]}
            return self._form(bad=[_bad_line(each, lines) for each in seen["refused"]])
        return self.go("bulk_preview", drafts.begin(self.user, {**draft, "preview": seen}))

    def _form(self, *, bad: Sequence[BadLine] = (), file_error: str = "", reason_error: str = "") -> HttpResponse:
        values = {
            "bad": [{"line": f"{each.number:,}", "reason": each.reason} for each in bad[:SHOWN]],
            "bad_words": f"{figures.counted(len(bad), 'line')} cannot be used" if bad else "",
            "more": len(bad) - SHOWN,
            "file_error": file_error,
            "reason": {
                "name": "reason",
                "label": "Reason, for lines without one of their own",
                "required": True,
                "value": self.request.POST.get("reason", ""),
                "error": reason_error,
            },
            "export": reverse("desk:csv_overrides"),
            "count": figures.counted(Override.objects.count(), "override"),
            "columns": sheets.COLUMNS,
            "fields": list(FIELDS),
            "most_rows": f"{sheets.MOST_ROWS:,}",
            "most_offers": f"{MOST_OFFERS:,}",
        }
        is_wrong = bad or file_error or reason_error
        return self.show("desk/csv.html", values, HTTPStatus.BAD_REQUEST if is_wrong else HTTPStatus.OK)


class AllOverrides(DeskPage):
    """All overrides as a file that can be imported."""

    address = "csv/overrides.csv"
    name = "csv_overrides"

    def get(self, request: HttpRequest) -> HttpResponse:
        return csv_answer(sheets.write(entries(Override.objects.all())), name="overrides")


class ChosenOverrides(DeskPage):
    """The overrides of the chosen offers as a file that can be imported."""

    address = "bulk/<str:draft>/overrides.csv"
    name = "bulk_overrides"
    action = Action.BULK

    def get(self, request: HttpRequest, draft: str) -> HttpResponse:
        keys = drafts.read(self.user, draft)["offers"]
        found = (each for batch in batches(keys) for each in entries(Override.objects.filter(offer__in=batch)))
        return csv_answer(sheets.write(found), name="overrides")


def entries(overrides: QuerySet[Override]) -> Iterator[Entry]:
    """Yield the lines of an export, by gateway, id and field."""
    stored = overrides.select_related("offer__gateway").order_by("offer__gateway__slug", "offer__model_id", "field")
    for override in stored.iterator(chunk_size=1_000):
        if override.field in FIELDS:
            yield Entry(
                gateway=override.offer.gateway.slug,
                id=override.offer.model_id,
                field=override.field,
                value=override.value,
                reason=override.reason,
                expires_at=override.expires_at,
                more={"upstream": FIELDS[override.field].of(records.load(override.offer.upstream))},
            )


def keys_of(lines: Iterable[Line]) -> dict[tuple[str, str], int]:
    """Return the primary keys of the offers of these lines, by gateway and id."""
    ids = sorted({line.id for line in lines})
    return {
        (gateway, model_id): pk
        for batch in batches(ids)
        for pk, gateway, model_id in Offer.objects.filter(model_id__in=batch).values_list(
            "pk", "gateway__slug", "model_id"
        )
    }


def _unknown(lines: Iterable[Line], keys: dict[tuple[str, str], int]) -> Iterator[BadLine]:
    for line in lines:
        if (line.gateway, line.id) not in keys:
            yield BadLine(line.number, f"there is no offer {line.id} at the gateway {line.gateway}")


def _bad_line(refused: bulk_draft.Json, lines: dict[tuple[int, str], int]) -> BadLine:
    number = lines.get((refused["offer"], refused["field"]), 0)
    return BadLine(number, f"{refused['field']}: {refused['reason']}")


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
