from __future__ import annotations

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class CatalogConfig(AppConfig):
    name = "catalog"
    verbose_name = "Catalogue"

    def ready(self) -> None:
        from catalog import checks  # noqa: F401  registers the system checks once the apps are loaded
        from catalog.desk import roles
        from catalog.models import append_only
        from catalog.publication import revision

        post_migrate.connect(append_only.ensure, sender=self)
        post_migrate.connect(revision.ensure_empty_catalogue, sender=self)
        post_migrate.connect(roles.ensure, sender=self)
