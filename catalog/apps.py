from __future__ import annotations

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class CatalogConfig(AppConfig):
    name = "catalog"
    verbose_name = "Catalogue"

    def ready(self) -> None:
        from catalog import checks  # noqa: F401  registers the system checks once the apps are loaded
        from catalog.api import formats
        from catalog.parameters import cacheable
        from catalog.publication import revision

        cacheable.register(formats.cacheable_endpoints(), prefixes=formats.prefixes())
        post_migrate.connect(revision.ensure_empty_catalogue, sender=self)
