from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from catalog.admin.clock import PublishingAdmin
from catalog.admin.readonly import curator
from catalog.curation import overrides
from catalog.models import Override
from catalog.publication.fields import TAGS

Json = Any
_FIELDS = (TAGS, "hourly_rate", "prompt", "completion")
_UNIT_LABELS = {
    "usd_per_hour": "US dollars per hour",
    "usd_per_million_tokens": "US dollars per million tokens",
    "usd_per_token": "US dollars per token",
}


class OverrideForm(forms.ModelForm):
    """One override in the form that a curator enters: tags to add and remove, or an amount with its unit."""

    field = forms.ChoiceField(choices=[(field, field) for field in _FIELDS])
    tags_to_add = forms.CharField(required=False, help_text="Comma-separated; only for the field tags.")
    tags_to_remove = forms.CharField(required=False, help_text="Comma-separated; only for the field tags.")
    amount = forms.CharField(required=False, help_text="A decimal number such as 0.25; only for prices. 0 means free.")
    unit = forms.ChoiceField(required=False, choices=[("", "---------"), *_UNIT_LABELS.items()])
    confirmed = forms.BooleanField(
        required=False,
        label="Yes, I mean it",
        help_text="Required only for a tenfold change, or a change between free and paid.",
    )

    class Meta:
        model = Override
        fields = ("offer", "field", "reason")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            self.initial |= _entered(self.instance.value)
            # An override never changes its offer or its field; that would be another override.
            self.fields["offer"].disabled = self.fields["field"].disabled = True

    def clean(self) -> Json:
        cleaned = super().clean() or {}
        if self.errors:
            return cleaned
        try:
            cleaned["value"] = overrides.checked(
                cleaned["offer"],
                field=cleaned["field"],
                value=_value(cleaned),
                reason=cleaned["reason"],
                is_confirmed=cleaned["confirmed"],
                now=timezone.now(),
            )
        except overrides.InvalidOverride as error:
            raise forms.ValidationError(str(error)) from error
        except overrides.NeedsConfirmation as question:
            self.add_error("confirmed", f"Please confirm: {question}.")
        return cleaned


@admin.register(Override)
class OverrideAdmin(PublishingAdmin):
    form = OverrideForm
    list_display = ("offer", "gateway", "field", "value", "reason", "author", "made_at")
    list_filter = ("field", "offer__gateway", "author", "is_stale", "expires_at")
    list_select_related = ("offer__gateway", "author")
    search_fields = ("offer__model_id", "reason")
    ordering = ("-made_at",)
    autocomplete_fields = ("offer",)
    fields = ("offer", "field", ("tags_to_add", "tags_to_remove"), ("amount", "unit"), "reason", "confirmed")

    @admin.display(ordering="offer__gateway")
    def gateway(self, override: Override) -> str:
        return override.offer.gateway.slug

    def save_model(self, request: HttpRequest, obj: Override, form: Any, change: bool) -> None:
        entered = form.cleaned_data
        overrides.set_override(
            entered["offer"],
            field=entered["field"],
            value=entered["value"],
            reason=entered["reason"],
            author=curator(request),
            is_confirmed=True,  # the form has asked
            now=timezone.now(),
        )
        # Curation wrote the row; the admin continues with it.
        written = Override.objects.get(offer=entered["offer"], field=entered["field"])
        obj.pk = written.pk
        obj.refresh_from_db()

    def delete_model(self, request: HttpRequest, obj: Override) -> None:
        overrides.clear_override(obj.offer, field=obj.field, author=curator(request), now=timezone.now())

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Override]) -> None:
        for override in queryset.select_related("offer__gateway").order_by("pk"):
            self.delete_model(request, override)


def _value(cleaned: Json) -> Json:
    if cleaned["field"] == TAGS:
        return {"add": _words(cleaned["tags_to_add"]), "remove": _words(cleaned["tags_to_remove"])}
    return {"amount": cleaned["amount"], "unit": cleaned["unit"]}


def _entered(value: Json) -> Json:
    if "amount" in value:
        return value
    return {"tags_to_add": ", ".join(value["add"]), "tags_to_remove": ", ".join(value["remove"])}


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]
