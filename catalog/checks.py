"""System checks: a wrong setting is refused at start, all of them at once, each named."""

from __future__ import annotations

from collections.abc import Sequence

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, register


@register()
def check_environment(app_configs: Sequence[AppConfig] | None, **kwargs: object) -> list[CheckMessage]:
    """What the environment lacks or says wrongly (`gatewayz/environment.py` collects it)."""
    return [Error(problem, id="catalog.E001") for problem in settings.ENVIRONMENT_PROBLEMS]


@register()
def check_fetch_times(app_configs: Sequence[AppConfig] | None, **kwargs: object) -> list[CheckMessage]:
    if settings.FETCH_TOTAL_SECONDS < settings.SYNC_LEASE_SECONDS:
        return []
    return [
        Error(
            "FETCH_TOTAL_SECONDS must be below SYNC_LEASE_SECONDS: a run renews its lease between two requests.",
            id="catalog.E004",
        )
    ]


@register()
def check_sync_times(app_configs: Sequence[AppConfig] | None, **kwargs: object) -> list[CheckMessage]:
    if settings.SYNC_SOFT_TIME_LIMIT_SECONDS < settings.SYNC_TIME_LIMIT_SECONDS:
        return []
    return [
        Error(
            "SYNC_SOFT_TIME_LIMIT_SECONDS must be below SYNC_TIME_LIMIT_SECONDS: a run needs time to end itself.",
            id="catalog.E003",
        )
    ]
