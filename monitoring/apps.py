from __future__ import annotations

from pathlib import Path

from django.apps import AppConfig


class MonitoringConfig(AppConfig):
    name = "monitoring"
    verbose_name = "Monitoring"

    def ready(self) -> None:
        from django.conf import settings

        from catalog.publication import listeners
        from catalog.web import templates
        from monitoring import asking

        templates.FOLDERS["monitoring/"] = Path(self.path) / "html"
        if settings.MONITORING != "off" and asking.take_listing not in listeners.LISTENERS:
            listeners.LISTENERS.append(asking.take_listing)
