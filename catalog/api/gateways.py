"""The gateways, and how fresh the data of each is."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from catalog import queries, registry
from catalog.api import answers, serializers
from catalog.api.base import CatalogView
from catalog.memory import snapshot
from catalog.normalize import dates


class GatewayList(CatalogView):
    @extend_schema(
        operation_id="list_gateways",
        summary="The gateways, how old what we know of them is, and how their last run went",
        responses=serializers.GatewayListSerializer,
    )
    def get(self, request: Request) -> HttpResponse:
        self.query(request)
        interval = timedelta(minutes=settings.SYNC_INTERVAL_MINUTES)
        with answers.reading_tables():
            states = queries.gateway_states(registry.GATEWAYS, now=timezone.now(), interval=interval)
            newest = queries.newest_revision()
        data = [_gateway(state) for state in states.values()]
        return answers.json_response(
            {
                "data": data,
                "total": len(data),
                "returned": len(data),
                "serving_revision": snapshot.current().revision,
                "published_revision": newest.number,
            }
        )


def _gateway(state: queries.GatewayState) -> dict[str, object]:
    adapter, run = registry.GATEWAYS[state.slug], state.last_run
    return {
        "slug": state.slug,
        "name": adapter.name,
        "note": adapter.note,
        "site_url": adapter.site_url,
        "models": state.models,
        "source": state.source,
        "recorded_at": state.recorded_on,
        "state": state.state,
        "last_checked": _iso(run.finished_at if run else None),
        "last_success": _iso(state.last_success_at),
        "age_seconds": state.age_seconds,
        "next_run": _iso(state.next_run_at),
        "last_outcome": run.outcome if run else None,
        "error": (run.error or None) if run else None,
        "rejected": run.rejected if run else 0,
        "held_prices": state.held_prices,
    }


def _iso(moment: datetime | None) -> str | None:
    return dates.iso(moment) if moment else None
