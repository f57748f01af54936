from __future__ import annotations

from django.contrib import admin

from catalog.admin.readonly import ReadOnlyAdmin
from catalog.models import Revision


@admin.register(Revision)
class RevisionAdmin(ReadOnlyAdmin):
    list_display = (
        "number",
        "published_at",
        "gateway",
        "author",
        "is_curated",
        "is_observed",
        "new",
        "changed",
        "withdrawn",
    )
    list_filter = ("gateway", "author")
    list_select_related = ("gateway", "author")
    search_fields = ("number",)
    ordering = ("-number",)
    date_hierarchy = "published_at"
