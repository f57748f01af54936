from __future__ import annotations

from django.contrib import admin

from catalog.admin.readonly import ReadOnlyAdmin
from catalog.models import RunCount, TaskEnd


@admin.register(RunCount)
class RunCountAdmin(ReadOnlyAdmin):
    list_display = ("gateway", "outcome", "count")
    list_filter = ("gateway", "outcome")
    list_select_related = ("gateway",)
    search_fields = ("outcome",)
    ordering = ("gateway__slug", "outcome")


@admin.register(TaskEnd)
class TaskEndAdmin(ReadOnlyAdmin):
    list_display = ("task", "ended_at")
    search_fields = ("task",)
    ordering = ("task",)
