"""System checks: at start, all wrong settings are reported at once, each by its name."""

from __future__ import annotations

from collections.abc import Sequence

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register


@register()
def check_environment(app_configs: Sequence[AppConfig] | None, **kwargs: object) -> list[CheckMessage]:
    """Report missing and wrong variables of the environment, which `gatewayz/environment.py` collects."""
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


@register()
def check_metrics_token(app_configs: Sequence[AppConfig] | None, **kwargs: object) -> list[CheckMessage]:
    if not 0 < len(settings.METRICS_TOKEN) < 20:
        return []
    return [Error("METRICS_TOKEN must have at least 20 characters: it is a password.", id="catalog.E005")]


@register(Tags.security, deploy=True)
def check_proxy_hops(app_configs: Sequence[AppConfig] | None, **kwargs: object) -> list[CheckMessage]:
    if settings.TRUSTED_PROXY_HOPS or not settings.RATE_LIMIT_PER_MINUTE or not settings.SECURE_PROXY_SSL_HEADER:
        return []
    return [
        Warning(
            "BEHIND_TLS_PROXY is on and TRUSTED_PROXY_HOPS is 0: all clients behind the proxy share one limit.",
            id="catalog.W006",
        )
    ]
