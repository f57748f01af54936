from __future__ import annotations

from pathlib import Path

from django.apps import AppConfig


class RoutingConfig(AppConfig):
    name = "routing"
    verbose_name = "Routing"

    def ready(self) -> None:
        from catalog.web import templates
        from routing import checks, metrics  # noqa: F401  the checks register themselves

        templates.FOLDERS["routing/"] = Path(self.path) / "html"
        metrics.register()
