from __future__ import annotations

from django.contrib import admin

from catalog.admin.readonly import ReadOnlyAdmin
from catalog.models import Maker, Tag


@admin.register(Tag)
class TagAdmin(ReadOnlyAdmin):
    list_display = ("name", "merged_into", "description")
    list_select_related = ("merged_into",)
    search_fields = ("name", "description")
    ordering = ("name",)


@admin.register(Maker)
class MakerAdmin(ReadOnlyAdmin):
    list_display = ("slug", "name", "site_url", "icon", "merged_into")
    list_select_related = ("merged_into",)
    search_fields = ("slug", "name")
    ordering = ("key",)
