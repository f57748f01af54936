"""The canonical models, the candidates for merging, and the curators' statements about models."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from catalog.admin.clock import PublishingAdmin
from catalog.admin.readonly import ReadOnlyAdmin, ReadOnlyInline, curator
from catalog.curation import identity
from catalog.models import CanonicalModel, IdentityCandidate, IdentityLink, IdentityStatement, Offer

Json = Any


class OfferInline(ReadOnlyInline):
    model = Offer
    fk_name = "canonical"
    fields = ("gateway", "model_id", "variant", "identity_rule", "identity_evidence", "withdrawn_at")
    readonly_fields = fields
    ordering = ("gateway", "model_id")


@admin.register(CanonicalModel)
class CanonicalModelAdmin(ReadOnlyAdmin):
    list_display = ("slug", "offer_count", "gateway_count", "redirect", "born")
    list_filter = (("redirect", admin.EmptyFieldListFilter),)
    search_fields = ("slug",)
    ordering = ("slug",)
    list_select_related = ("redirect",)
    fields = (("slug", "born"), "redirect")
    inlines = (OfferInline,)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        counted = {"offer_count": Count("offers"), "gateway_count": Count("offers__gateway", distinct=True)}
        found: QuerySet[Any] = super().get_queryset(request).annotate(**counted)
        return found

    @admin.display(ordering="offer_count", description="offers")
    def offer_count(self, model: Any) -> int:
        return int(model.offer_count)

    @admin.display(ordering="gateway_count", description="gateways")
    def gateway_count(self, model: Any) -> int:
        return int(model.gateway_count)


@admin.register(IdentityCandidate)
class IdentityCandidateAdmin(ReadOnlyAdmin):
    """The pairs of models that almost match. Nothing is tied until a curator decides."""

    list_display = ("model", "may_be", "answer", "reason", "evidence")
    list_filter = ("reason",)
    list_select_related = ("model", "may_be")
    search_fields = ("model__slug", "may_be__slug")
    ordering = ("model__slug", "may_be__slug")

    @admin.display
    def answer(self, candidate: IdentityCandidate) -> SafeString:
        asked = {"kind": "alias", "spelling": candidate.model.slug, "model": candidate.may_be_id}
        address = f"{reverse('admin:catalog_identitystatement_add')}?{urlencode(asked)}"
        return format_html('<a href="{}">They are one</a>', address)


@admin.register(IdentityLink)
class IdentityLinkAdmin(ReadOnlyAdmin):
    """The links that show what is decided together."""

    list_display = ("name", "offer", "model")
    list_select_related = ("offer", "model")
    search_fields = ("name", "offer__model_id", "model__slug")
    ordering = ("name", "pk")


class IdentityStatementForm(forms.ModelForm):
    class Meta:
        model = IdentityStatement
        fields = ("kind", "offer", "spelling", "model", "reason")

    def clean(self) -> Json:
        cleaned = super().clean() or {}
        if self.errors:
            return cleaned
        entered = {name: cleaned[name] for name in ("kind", "offer", "spelling", "model", "reason")}
        try:
            identity.checked_statement(**entered)
        except identity.InvalidStatement as error:
            raise forms.ValidationError(str(error)) from error
        return cleaned


@admin.register(IdentityStatement)
class IdentityStatementAdmin(PublishingAdmin):
    form = IdentityStatementForm
    list_display = ("kind", "offer", "spelling", "model", "reason", "author", "made_at")
    list_filter = ("kind", "author")
    list_select_related = ("offer__gateway", "model", "author")
    search_fields = ("offer__model_id", "spelling", "model__slug", "reason")
    ordering = ("-made_at",)
    autocomplete_fields = ("offer", "model")
    fields = ("kind", "offer", "spelling", "model", "reason")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        # A statement is withdrawn and made again, so that each one has one author and one time.
        return obj is None and super().has_change_permission(request)

    def save_model(self, request: HttpRequest, obj: IdentityStatement, form: Any, change: bool) -> None:
        entered = {name: form.cleaned_data[name] for name in self.fields}
        written = identity.state_identity(**entered, author=curator(request), now=timezone.now())
        obj.pk = written.pk  # curation wrote the row; the admin continues with it
        obj.refresh_from_db()

    def delete_model(self, request: HttpRequest, obj: IdentityStatement) -> None:
        identity.withdraw_statement(obj, author=curator(request), now=timezone.now())

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[IdentityStatement]) -> None:
        for statement in queryset.order_by("pk"):
            self.delete_model(request, statement)
