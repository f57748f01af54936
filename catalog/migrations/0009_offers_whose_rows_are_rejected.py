"""Since when an offer's row is rejected. The next run that rejects it begins to count."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("catalog", "0008_repeated_prices")]

    operations = [
        migrations.AddField(
            model_name="offer",
            name="rejected_since",
            field=models.DateTimeField(
                blank=True,
                help_text="The first of the runs in a row that could not use its row: what is served is older.",
                null=True,
                verbose_name="row rejected since",
            ),
        ),
    ]
