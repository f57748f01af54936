"""The wiring of the service: settings, URLs, server entry point, Celery, and the supervisor of `make run`."""

from __future__ import annotations

from gatewayz.celery import app as celery_app

__all__ = ["celery_app"]
