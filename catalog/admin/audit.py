from __future__ import annotations

from django.contrib import admin

from catalog.admin.readonly import ReadOnlyAdmin
from catalog.models import CurationAction, CurationItem


@admin.register(CurationAction)
class CurationActionAdmin(ReadOnlyAdmin):
    list_display = ("number", "made_at", "kind", "actor", "reason", "count", "revision_before", "revision_after")
    list_filter = ("kind", "actor")
    search_fields = ("actor", "reason")
    ordering = ("-number",)


@admin.register(CurationItem)
class CurationItemAdmin(ReadOnlyAdmin):
    list_display = ("action", "position", "subject", "field", "before", "after")
    list_filter = ("subject_kind",)
    list_select_related = ("action",)
    search_fields = ("subject",)
    ordering = ("-action", "position")
