from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("catalog", "0003_canonical_models")]

    operations = [
        migrations.AddIndex(
            model_name="offerversion",
            index=models.Index(fields=["from_revision"], name="version_by_revision"),
        ),
    ]
