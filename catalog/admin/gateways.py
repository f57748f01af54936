from __future__ import annotations

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from catalog import gateway_settings, queries, registry
from catalog.admin.readonly import ReadOnlyAdmin
from catalog.models import Gateway
from catalog.models.patience import Busy
from catalog.sync import schedule


@admin.register(Gateway)
class GatewayAdmin(ReadOnlyAdmin):
    list_display = ("slug", "vendor", "state", "models", "source", "last_success_at", "last_outcome", "next_run_at")
    search_fields = ("slug",)
    ordering = ("slug",)
    actions = ("sync_now",)
    readonly_fields = ("vendor", "state", "models", "source", "last_outcome", "last_error")

    @admin.action(description="Sync now", permissions=["sync"])
    def sync_now(self, request: HttpRequest, queryset: QuerySet[Gateway]) -> None:
        slugs = queryset.order_by("slug").values_list("slug", flat=True)
        requested = ", ".join(slug for slug in slugs if self._request_run(request, slug))
        if not requested:
            return
        try:
            schedule.send_due()
        except schedule.NoBroker as error:
            self.message_user(request, f"{requested}: {error}", messages.WARNING)
        else:
            self.message_user(request, f"Requested a run of {requested}; see the sync runs.", messages.SUCCESS)

    def _request_run(self, request: HttpRequest, slug: str) -> bool:
        """Request a run, and return whether that was possible."""
        try:
            schedule.request_run(slug, now=timezone.now())
        except schedule.Disabled as error:
            self.message_user(request, str(error), messages.WARNING)
            return False
        except Busy as error:
            self.message_user(request, f"Could not request a run of {slug}: {error}; try again soon.", messages.WARNING)
            return False
        return True

    def has_sync_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("catalog.desk_sync")

    @admin.display(description="name")
    def vendor(self, gateway: Gateway) -> str:
        adapter = registry.GATEWAYS.get(gateway.slug)
        return adapter.name if adapter else "no longer read"

    @admin.display
    def state(self, gateway: Gateway) -> str:
        return _state(gateway).state

    @admin.display
    def models(self, gateway: Gateway) -> int:
        return _state(gateway).models

    @admin.display
    def source(self, gateway: Gateway) -> str | None:
        return _state(gateway).source

    @admin.display(description="last run")
    def last_outcome(self, gateway: Gateway) -> str | None:
        run = _state(gateway).last_run
        return run.get_outcome_display() if run else None

    @admin.display
    def last_error(self, gateway: Gateway) -> str | None:
        run = _state(gateway).last_run
        return run.error or None if run else None


def _state(gateway: Gateway) -> queries.GatewayState:
    applying = gateway_settings.settings_of(gateway.slug) if gateway.slug in registry.GATEWAYS else None
    return queries.gateway_state(gateway, now=timezone.now(), applying=applying)
