from __future__ import annotations

from django.contrib import admin
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from catalog.admin.readonly import ReadOnlyAdmin
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
class PriceHoldAdmin(ReadOnlyAdmin):
    """The held prices of all times. Those that wait are decided at the desk."""

    list_display = (
        "offer", "gateway", "meter", "amount", "kept", "state", "reason", "made_at", "readings", "resets", "decided_by",
        "desk",
    )  # fmt: skip
    list_filter = ("state", "offer__gateway", "meter")
    list_select_related = ("offer__gateway", "decided_by")
    search_fields = ("offer__model_id", "reason")
    ordering = ("-made_at", "offer__model_id")
    readonly_fields = ("desk",)

    @admin.display(ordering="offer__gateway")
    def gateway(self, hold: PriceHold) -> str:
        return hold.offer.gateway.slug

    @admin.display
    def desk(self, hold: PriceHold) -> SafeString | str:
        if hold.state != PriceHold.State.OPEN:
            return ""
        return format_html('<a href="{}">Decide at the desk</a>', reverse("desk:held_prices"))
