from __future__ import annotations

from django.contrib import admin
from django.utils.safestring import SafeString

from catalog.admin.readonly import ReadOnlyAdmin, ReadOnlyInline, pretty_json
from catalog.models import RejectedRow, SyncRun

_COUNTS = ("seen", "new", "changed", "unchanged", "withdrawn", "rejected")


class RejectedRowInline(ReadOnlyInline):
    model = RejectedRow
    fields = ("position", "model_id", "reason")
    readonly_fields = fields
    ordering = ("position",)


@admin.register(SyncRun)
class SyncRunAdmin(ReadOnlyAdmin):
    list_display = ("started_at", "gateway", "outcome", *_COUNTS, "revision_after", "trigger", "source", "error")
    list_filter = ("gateway", "outcome", "trigger", "source")
    list_select_related = ("gateway",)
    search_fields = ("error",)
    ordering = ("-started_at",)
    date_hierarchy = "started_at"
    inlines = (RejectedRowInline,)


@admin.register(RejectedRow)
class RejectedRowAdmin(ReadOnlyAdmin):
    list_display = ("run", "gateway", "position", "model_id", "reason")
    list_filter = ("run__gateway",)
    list_select_related = ("run__gateway",)
    search_fields = ("model_id", "reason")
    ordering = ("-run__started_at", "position")
    fields = ("run", "position", "model_id", "reason", "row")
    readonly_fields = ("row",)

    @admin.display(ordering="run__gateway")
    def gateway(self, rejected: RejectedRow) -> str:
        return rejected.run.gateway.slug

    @admin.display
    def row(self, rejected: RejectedRow) -> SafeString | str:
        try:
            return pretty_json(rejected.raw)
        except ValueError:  # cut where it was very long
            return rejected.raw
