from __future__ import annotations

from pathlib import Path

from django.apps import AppConfig


class UsageConfig(AppConfig):
    name = "usage"
    verbose_name = "Usage"

    def ready(self) -> None:
        from catalog.web import templates

        templates.FOLDERS["usage/"] = Path(self.path) / "html"
