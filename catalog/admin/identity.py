"""The canonical models, the candidates for merging, and the curators' statements about models."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from catalog.admin.readonly import ReadOnlyAdmin, ReadOnlyInline
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

    list_display = ("model", "may_be", "desk", "reason", "evidence")
    list_filter = ("reason",)
    list_select_related = ("model", "may_be")
    search_fields = ("model__slug", "may_be__slug")
    ordering = ("model__slug", "may_be__slug")

    @admin.display
    def desk(self, candidate: IdentityCandidate) -> SafeString:
        return format_html('<a href="{}">Decide at the desk</a>', reverse("desk:ambiguous"))


@admin.register(IdentityLink)
class IdentityLinkAdmin(ReadOnlyAdmin):
    """The links that show what is decided together."""

    list_display = ("name", "offer", "model")
    list_select_related = ("offer", "model")
    search_fields = ("name", "offer__model_id", "model__slug")
    ordering = ("name", "pk")


@admin.register(IdentityStatement)
class IdentityStatementAdmin(ReadOnlyAdmin):
    """The curators' statements. They are made and withdrawn at the desk."""

    list_display = ("kind", "offer", "spelling", "model", "reason", "author", "made_at", "desk")
    list_filter = ("kind", "author")
    list_select_related = ("offer__gateway", "model", "author")
    search_fields = ("offer__model_id", "spelling", "model__slug", "reason")
    ordering = ("-made_at",)
    readonly_fields = ("desk",)

    @admin.display
    def desk(self, statement: IdentityStatement) -> SafeString:
        return format_html('<a href="{}">Withdraw at the desk</a>', reverse("desk:statements"))
