from django.db import migrations, models

import access.models


def add_read(apps, schema_editor):
    """Until now every key could read."""
    keys = apps.get_model("access", "ApiKey").objects
    for key in keys.order_by("pk"):
        if "read" not in key.scopes:
            keys.filter(pk=key.pk).update(scopes=["read", *key.scopes])


class Migration(migrations.Migration):
    dependencies = [("access", "0002_logins")]

    operations = [
        migrations.AlterField(
            model_name="apikey",
            name="scopes",
            field=models.JSONField(
                blank=True, default=access.models.usual_scopes, help_text="What it allows."
            ),
        ),
        migrations.RunPython(add_read, migrations.RunPython.noop),
    ]
