"""The gateways, and how fresh the data of each is."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any

from django.utils import timezone

from catalog import queries
from catalog.api import answers
from catalog.api.base import CatalogViewSet, read
from catalog.api.introduction import Tag
from catalog.api.shapes.gateways import GatewayListSerializer
from catalog.memory.snapshot import Snapshot
from catalog.normalize import dates
from catalog.parameters.endpoints import Query
from catalog.reports.gateways import GatewayReport, gateways
from front.answers import Answer

Json = Any


def list_gateways(snapshot: Snapshot, query: Query) -> Answer:
    data = gateways(now=timezone.now())
    return answers.json_answer(
        {
            "data": [_gateway(gateway) for gateway in data],
            "total": len(data),
            "returned": len(data),
            "serving_revision": snapshot.revision,
            "published_revision": queries.newest_revision().number,
        }
    )


class Gateways(CatalogViewSet):
    prefix = "catalog/gateways"
    tag = Tag.GATEWAYS

    list = read(
        list_gateways,
        is_cacheable=False,
        reads_tables=True,
        summary="The gateways, how fresh their data is, and how their last run ended",
        description="Check it before relying on a price: `state` shows whether the gateway's list was read recently. "
        "The answer is about this moment and is never cached.",
        responses=GatewayListSerializer,
    )


def _gateway(gateway: GatewayReport) -> Json:
    return {name: dates.iso(value) if isinstance(value, datetime) else value for name, value in asdict(gateway).items()}
