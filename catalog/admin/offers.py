from __future__ import annotations

from typing import Any

import orjson
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from catalog.admin.readonly import ReadOnlyAdmin, ReadOnlyInline, pretty_changes, pretty_json
from catalog.documents.differences import Difference, difference
from catalog.history.versions import with_document_before
from catalog.models import Observation, Offer, OfferVersion, Override, Provider


class OverrideInline(ReadOnlyInline):
    model = Override
    fields = ("field", "value", "reason", "author", "made_at")
    readonly_fields = fields
    verbose_name_plural = "Overrides by curators (the desk changes and clears them)"


class OfferVersionInline(ReadOnlyInline):
    model = OfferVersion
    fields = ("from_revision", "to_revision", "shown_changes")
    readonly_fields = fields
    ordering = ("-from_revision",)
    verbose_name_plural = "Versions, newest first"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return with_document_before(super().get_queryset(request))

    @admin.display(description="changes")
    def shown_changes(self, version: Any) -> SafeString:
        return _shown_changes(version)


@admin.register(Offer)
class OfferAdmin(ReadOnlyAdmin):
    list_display = (
        "model_id",
        "gateway",
        "provider",
        "model_type",
        "source",
        "is_curated",
        "first_seen_at",
        "withdrawn_at",
    )
    list_filter = (
        "gateway",
        "model_type",
        "source",
        ("withdrawn_at", admin.EmptyFieldListFilter),
        ("rejected_since", admin.EmptyFieldListFilter),
    )
    list_select_related = ("gateway", "provider")
    search_fields = ("model_id", "name", "provider__slug", "canonical__slug")
    ordering = ("model_id", "gateway")
    list_per_page = 50
    inlines = (OverrideInline, OfferVersionInline)
    fields = (
        ("model_id", "gateway"),
        ("name", "provider"),
        ("model_type", "source", "recorded_on"),
        ("first_seen_at", "withdrawn_at", "rejected_since"),
        ("canonical", "variant", "identity_rule"),
        "identity_evidence",
        "curate",
        "served",
        "reported",
    )
    readonly_fields = ("curate", "served", "reported")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).prefetch_related("overrides")

    @admin.display(boolean=True, description="curated")
    def is_curated(self, offer: Offer) -> bool:
        return bool(offer.overrides.all())

    @admin.display
    def curate(self, offer: Offer) -> SafeString:
        return format_html('<a href="{}">Edit the offer at the desk</a>', reverse("desk:offer", args=[offer.pk]))

    @admin.display(description="served document")
    def served(self, offer: Offer) -> SafeString:
        version = OfferVersion.objects.current().filter(offer=offer).first()
        return pretty_json(version.document) if version else format_html("{}", "not published yet")

    @admin.display(description="reported record")
    def reported(self, offer: Offer) -> SafeString:
        return pretty_json(offer.upstream)


@admin.register(OfferVersion)
class OfferVersionAdmin(ReadOnlyAdmin):
    list_display = ("offer", "gateway", "from_revision", "to_revision", "changed_fields")
    list_filter = ("offer__gateway", ("to_revision", admin.EmptyFieldListFilter))
    list_select_related = ("offer__gateway",)
    search_fields = ("offer__model_id",)
    ordering = ("-from_revision", "offer__model_id")
    fields = ("offer", ("from_revision", "to_revision"), "shown_changes", "shown_document")
    readonly_fields = ("shown_changes", "shown_document")

    @admin.display(ordering="offer__gateway")
    def gateway(self, version: OfferVersion) -> str:
        return version.offer.gateway.slug

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return with_document_before(super().get_queryset(request))

    @admin.display
    def changed_fields(self, version: Any) -> str:
        found = _difference(version)
        return ", ".join(found.before) if found else ""

    @admin.display(description="changes")
    def shown_changes(self, version: Any) -> SafeString:
        return _shown_changes(version)

    @admin.display(description="document")
    def shown_document(self, version: OfferVersion) -> SafeString:
        return pretty_json(version.document)


def _difference(version: Any) -> Difference | None:
    """Return what a version changed. Return None if no earlier version is kept, as for a new offer."""
    before = version.document_before
    return difference(orjson.loads(before), orjson.loads(version.document)) if before else None


def _shown_changes(version: Any) -> SafeString:
    found = _difference(version)
    return pretty_changes(found.before, found.after) if found else pretty_changes({}, {})


@admin.register(Provider)
class ProviderAdmin(ReadOnlyAdmin):
    list_display = ("slug", "key", "name", "headquarters", "status_page_url")
    search_fields = ("slug", "key", "name")
    ordering = ("key",)


@admin.register(Observation)
class ObservationAdmin(ReadOnlyAdmin):
    list_display = ("offer", "gateway", "availability", "since", "served")
    list_filter = ("availability", "served", "offer__gateway")
    list_select_related = ("offer__gateway",)
    search_fields = ("offer__model_id",)
    ordering = ("-since",)

    @admin.display(ordering="offer__gateway")
    def gateway(self, observation: Observation) -> str:
        return observation.offer.gateway.slug
