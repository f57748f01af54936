from __future__ import annotations

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from catalog.admin.readonly import ReadOnlyAdmin, ReadOnlyInline, curator, pretty_json
from catalog.models import Capture, RejectedRow, RunPage, SyncRun
from catalog.sync import decisions, run

_COUNTS = ("seen", "new", "changed", "unchanged", "withdrawn", "rejected", "held_prices", "confirmed_prices")


class RejectedRowInline(ReadOnlyInline):
    model = RejectedRow
    fields = ("position", "model_id", "reason")
    readonly_fields = fields
    ordering = ("position",)


class RunPageInline(ReadOnlyInline):
    model = RunPage
    fields = ("position", "request", "capture")
    readonly_fields = fields
    ordering = ("position",)
    verbose_name_plural = "Captures"


@admin.register(SyncRun)
class SyncRunAdmin(ReadOnlyAdmin):
    list_display = ("started_at", "gateway", "outcome", *_COUNTS, "revision_after", "trigger", "source", "error")
    list_filter = ("gateway", "outcome", "trigger", "source")
    list_select_related = ("gateway",)
    search_fields = ("error",)
    ordering = ("-started_at",)
    date_hierarchy = "started_at"
    inlines = (RejectedRowInline, RunPageInline)
    actions = ("release", "discard")

    @admin.action(description="Release: publish the listing of the held run", permissions=["decide"])
    def release(self, request: HttpRequest, queryset: QuerySet[SyncRun]) -> None:
        for held in queryset.select_related("gateway").order_by("pk"):
            try:
                report = decisions.release(held, author=curator(request))
            except (decisions.NothingToDecide, run.AlreadyRunning) as error:
                self.message_user(request, str(error), messages.WARNING)
            else:
                level = messages.ERROR if report.has_failed else messages.SUCCESS
                outcome = report.run.error or f"published revision {report.run.revision_after}"
                self.message_user(request, f"Run {held.pk} of {held.gateway}: {outcome}", level)

    @admin.action(description="Discard: do not publish the listing of the held run", permissions=["decide"])
    def discard(self, request: HttpRequest, queryset: QuerySet[SyncRun]) -> None:
        for held in queryset.select_related("gateway").order_by("pk"):
            try:
                decisions.discard(held, author=curator(request))
            except decisions.NothingToDecide as error:
                self.message_user(request, str(error), messages.WARNING)
            else:
                self.message_user(request, f"Run {held.pk} of {held.gateway} is discarded", messages.SUCCESS)

    def has_decide_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("catalog.desk_decide_runs")


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
        except ValueError:  # the stored row was cut because it was very long
            return rejected.raw


@admin.register(RunPage)
class RunPageAdmin(ReadOnlyAdmin):
    list_display = ("run", "position", "request", "capture")
    list_filter = ("run__gateway",)
    list_select_related = ("run", "capture")
    search_fields = ("request", "capture__sha256")
    ordering = ("-run", "position")


@admin.register(Capture)
class CaptureAdmin(ReadOnlyAdmin):
    list_display = ("sha256", "size", "captured_at")
    search_fields = ("sha256",)
    ordering = ("-captured_at",)
    fields = ("sha256", "size", "captured_at")  # without the body, which can have megabytes
