"""The table of overrides. They are made, changed and cleared at the desk, in the editor of their offer."""

from __future__ import annotations

from django.contrib import admin
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from catalog.admin.readonly import ReadOnlyAdmin
from catalog.models import Override


@admin.register(Override)
class OverrideAdmin(ReadOnlyAdmin):
    list_display = ("offer", "gateway", "field", "value", "reason", "author", "made_at", "expires_at", "is_stale")
    list_filter = ("field", "offer__gateway", "author", "is_stale", "expires_at")
    list_select_related = ("offer__gateway", "author")
    search_fields = ("offer__model_id", "reason")
    ordering = ("-made_at",)
    fields = (
        "edit",
        ("offer", "field"),
        "value",
        "reason",
        ("author", "made_at", "expires_at"),
        ("version", "reported", "is_stale"),
    )
    readonly_fields = ("edit",)

    @admin.display(ordering="offer__gateway")
    def gateway(self, override: Override) -> str:
        return override.offer.gateway.slug

    @admin.display(description="change or clear")
    def edit(self, override: Override) -> SafeString:
        address = reverse("desk:offer", args=[override.offer_id])
        return format_html('<a href="{}#{}">Edit the offer</a>', address, override.field)
