from __future__ import annotations

from pathlib import Path

from django.apps import AppConfig


class MonitoringConfig(AppConfig):
    name = "monitoring"
    verbose_name = "Monitoring"

    def ready(self) -> None:
        from django.conf import settings

        from catalog.publication import listeners
        from catalog.web import sections, templates
        from monitoring import listing, section

        templates.FOLDERS["monitoring/"] = Path(self.path) / "html"
        if section.section not in sections.SECTIONS:
            sections.SECTIONS.append(section.section)
        if settings.MONITORING != "off" and listing.take_listing not in listeners.LISTENERS:
            listeners.LISTENERS.append(listing.take_listing)
