"""API keys belong to the app `access` from now on; their table stays as it is."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("catalog", "0009_offers_whose_rows_are_rejected"), ("access", "0001_api_keys")]

    operations = [
        migrations.SeparateDatabaseAndState(state_operations=[migrations.DeleteModel(name="ApiKey")]),
    ]
