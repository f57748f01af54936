from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone

from access.models import SCOPES, ApiKey, ApiKeyQuerySet


class ApiKeyForm(forms.ModelForm):
    scopes = forms.MultipleChoiceField(
        choices=SCOPES.items(),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="What it allows, in addition to reading with its own limit.",
    )

    class Meta:
        model = ApiKey
        fields = ("name", "scopes", "requests_per_minute", "expires_at")


@admin.register(ApiKey)
class ApiKeyAdmin(admin.ModelAdmin):
    form = ApiKeyForm
    list_display = (
        "name",
        "prefix",
        "scopes",
        "requests_per_minute",
        "created_by",
        "created_at",
        "expires_at",
        "revoked_at",
    )
    list_filter = ("revoked_at", "expires_at")
    list_select_related = ("created_by",)
    search_fields = ("name", "prefix")
    ordering = ("-created_at",)
    fields = ("name", "scopes", "requests_per_minute", "expires_at", "prefix", "created_by", "created_at", "revoked_at")
    readonly_fields = ("prefix", "created_by", "created_at", "revoked_at")
    actions = ("revoke",)

    def save_model(self, request: HttpRequest, obj: ApiKey, form: Any, change: bool) -> None:
        if not change:
            user = request.user
            assert isinstance(user, User)  # noqa: S101  the admin requires a login
            obj.created_by = user
            request.secret_of_new_key = obj.renew()  # type: ignore[attr-defined]  # for the one page that shows it
        super().save_model(request, obj, form, change)

    def response_add(self, request: HttpRequest, obj: ApiKey, post_url_continue: str | None = None) -> HttpResponse:
        """Show the secret at once. A message would be stored until it is read."""
        own = {"title": "The new key", "key": obj, "secret": request.secret_of_new_key, "opts": self.opts}  # type: ignore[attr-defined]  # save_model sets it
        context = self.admin_site.each_context(request) | own
        return TemplateResponse(request, "admin/access/apikey/made.html", context)

    @admin.action(description="Revoke: the key is refused within seconds", permissions=["change"])
    def revoke(self, request: HttpRequest, queryset: ApiKeyQuerySet) -> None:
        count = queryset.revoke(now=timezone.now())
        self.message_user(request, f"Revoked {count} of {queryset.count()}.", messages.SUCCESS)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False  # a revoked key still records who had it
