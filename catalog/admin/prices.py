from __future__ import annotations

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone

from catalog.admin.clock import PublishingAdmin
from catalog.admin.readonly import ReadOnlyAdmin, curator
from catalog.curation import holds
from catalog.models import Price, PriceHold


@admin.register(Price)
class PriceAdmin(ReadOnlyAdmin):
    list_display = (
        "offer",
        "gateway",
        "meter",
        "amount",
        "currency",
        "conditions_key",
        "valid_from",
        "valid_to",
        "origin",
        "reported_since",
    )
    list_filter = ("meter", "origin", "offer__gateway", ("valid_to", admin.EmptyFieldListFilter))
    list_select_related = ("offer__gateway",)
    search_fields = ("offer__model_id",)
    ordering = ("-valid_from", "offer__model_id", "meter", "conditions_key")
    date_hierarchy = "valid_from"

    @admin.display(ordering="offer__gateway")
    def gateway(self, price: Price) -> str:
        return price.offer.gateway.slug


@admin.register(PriceHold)
class PriceHoldAdmin(PublishingAdmin, ReadOnlyAdmin):
    list_display = (
        "offer", "gateway", "meter", "amount", "kept", "state", "reason", "made_at", "readings", "resets", "decided_by",
    )  # fmt: skip
    list_filter = ("state", "offer__gateway", "meter")
    list_select_related = ("offer__gateway", "decided_by")
    search_fields = ("offer__model_id", "reason")
    ordering = ("-made_at", "offer__model_id")
    actions = ("release", "discard")

    def get_urls(self) -> list[URLPattern]:
        questions = self.admin_site.admin_view(self.questions)
        return [path("questions/", questions, name="catalog_pricehold_questions"), *super().get_urls()]

    def questions(self, request: HttpRequest) -> HttpResponse:
        """Show served prices that something contradicts. Nothing is held, so there is nothing to decide here."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        shown = {"title": "Questions about prices", "questions": holds.open_questions(), "opts": self.opts}
        context = self.admin_site.each_context(request) | shown
        return TemplateResponse(request, "admin/catalog/pricehold/questions.html", context)

    @admin.action(description="Release: the new price is right", permissions=["decide"])
    def release(self, request: HttpRequest, queryset: QuerySet[PriceHold]) -> None:
        self._decide(request, queryset, PriceHold.State.RELEASED)

    @admin.action(description="Discard: keep the earlier price", permissions=["decide"])
    def discard(self, request: HttpRequest, queryset: QuerySet[PriceHold]) -> None:
        self._decide(request, queryset, PriceHold.State.DISCARDED)

    def has_decide_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("catalog.desk_decide_prices")

    def _decide(self, request: HttpRequest, queryset: QuerySet[PriceHold], state: PriceHold.State) -> None:
        for hold in queryset.select_related("offer__gateway").order_by("pk"):
            try:
                holds.decide_price_hold(hold, state=state, author=curator(request), now=timezone.now())
            except holds.AlreadyDecided as error:
                self.message_user(request, f"{hold.offer} {hold}: {error}", messages.WARNING)
            else:
                self.message_user(request, f"{hold.offer} {hold.meter}: {state.value}", messages.SUCCESS)

    @admin.display(ordering="offer__gateway")
    def gateway(self, hold: PriceHold) -> str:
        return hold.offer.gateway.slug
