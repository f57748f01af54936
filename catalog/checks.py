"""System checks: at start, all wrong settings are reported at once, each by its name.

`check --deploy` also tries the database and Redis. A start does not: it must be able to wait for them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar
from urllib.parse import unquote, urlsplit

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.core.exceptions import ImproperlyConfigured
from django.db import Error as DatabaseError
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from redis import Redis, RedisError
from redis.backoff import NoBackoff
from redis.retry import Retry

from catalog.models import append_only
from catalog.models.patience import Gathered

ANSWER_SECONDS = 3.0
"""How long the database and Redis may take to answer `check --deploy`."""

T = TypeVar("T")


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


@register(Tags.security, deploy=True)
def check_database(app_configs: Sequence[AppConfig] | None, **kwargs: object) -> list[CheckMessage]:
    try:
        missing = _answer(_missing_migrations)
        unprotected = [] if missing else _answer(append_only.missing)
    except TimeoutError:
        reason = f"it does not answer within {ANSWER_SECONDS:g} seconds"
    except (DatabaseError, ImproperlyConfigured, OSError) as error:
        reason = _one_line(error, secret=settings.DATABASES["default"].get("PASSWORD"))
    else:
        if unprotected:
            hint = f"the database lacks {', '.join(unprotected)}; run `python manage.py migrate`."
            return [Error(f"The audit trail can be changed: {hint}", id="catalog.E010")]
        if not missing:
            return []
        hint = f"{len(missing)} migrations are not applied, from {missing[0]} on; run `python manage.py migrate`."
        return [Warning(f"The tables are not up to date: {hint}", id="catalog.W008")]
    return [Error(f"The database cannot be used: {reason}; start it, or correct DATABASE_URL.", id="catalog.E007")]


@register(Tags.security, deploy=True)
def check_redis(app_configs: Sequence[AppConfig] | None, **kwargs: object) -> list[CheckMessage]:
    if not settings.REDIS_URL:
        return []
    try:
        _answer(_ping_redis)
    except TimeoutError:
        reason = f"it does not answer within {ANSWER_SECONDS:g} seconds"
    except ValueError:
        reason = "its address is not like redis://localhost:6379/0"  # the error may quote a part of the password
    except RedisError as error:
        reason = _one_line(error, secret=urlsplit(settings.REDIS_URL).password)
    else:
        return []
    return [Error(f"Redis cannot be used: {reason}; start it, or correct REDIS_URL.", id="catalog.E009")]


def _answer(ask: Callable[[], T]) -> T:
    """Raise TimeoutError if the answer takes longer than ANSWER_SECONDS, and what `ask` raises."""
    answer = Gathered(ask)
    answer.start()
    return answer.value(wait_seconds=ANSWER_SECONDS)


def _missing_migrations() -> list[str]:
    """Return the names of the migrations that are not applied, in their order."""
    file = Path(settings.DATABASES["default"]["NAME"])
    # To connect would create the file.
    is_new = connection.vendor == "sqlite" and not file.exists() and os.access(file.parent, os.W_OK)
    executor = MigrationExecutor(None if is_new else connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return [f"{migration.app_label}.{migration.name}" for migration, _ in plan]


def _ping_redis() -> None:
    no_retry = Retry(NoBackoff(), 0)
    patience = {"socket_connect_timeout": ANSWER_SECONDS, "socket_timeout": ANSWER_SECONDS}
    with Redis.from_url(settings.REDIS_URL, **patience, retry=no_retry) as client:
        client.ping()


def _one_line(error: Exception, *, secret: str | None) -> str:
    """Return the message without the password, which no client library repeats today."""
    # libpq ends with a question, whether the server runs.
    lines = [line for line in str(error).splitlines() if not line.endswith("?")]
    text = " ".join(" ".join(lines).split()).rstrip(".")
    return text.replace(unquote(secret), "…") if secret else text
