"""From which model a split keeps an offer apart. The next decision of which offer is which model fills it in."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("catalog", "0010_api_keys_leave")]

    operations = [
        migrations.AddField(
            model_name="offer",
            name="apart_from",
            field=models.ForeignKey(
                blank=True,
                help_text="The model of the split that keeps the offer alone; empty if no split does.",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="catalog.canonicalmodel",
            ),
        ),
    ]
