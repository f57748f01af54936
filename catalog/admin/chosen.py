"""What people chose at the desk, to look at: the settings of gateways, and saved filters."""

from __future__ import annotations

from django.contrib import admin

from catalog.admin.readonly import ReadOnlyAdmin
from catalog.models import GatewaySetting, SavedFilter


@admin.register(GatewaySetting)
class GatewaySettingAdmin(ReadOnlyAdmin):
    list_display = ("gateway", "is_enabled", "interval_minutes", "source", "options")
    list_select_related = ("gateway",)
    search_fields = ("gateway__slug",)
    ordering = ("gateway__slug",)


@admin.register(SavedFilter)
class SavedFilterAdmin(ReadOnlyAdmin):
    list_display = ("name", "title", "expression")
    search_fields = ("name", "title", "expression")
    ordering = ("name",)
