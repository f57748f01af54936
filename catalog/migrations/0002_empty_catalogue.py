"""Revision 0: the empty catalogue, and the row that every publication locks."""

from __future__ import annotations

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.utils import timezone


def publish_nothing(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    apps.get_model("catalog", "Revision").objects.create(number=0, published_at=timezone.now())


class Migration(migrations.Migration):
    dependencies = [("catalog", "0001_tables")]
    operations = [migrations.RunPython(publish_nothing, migrations.RunPython.noop)]
