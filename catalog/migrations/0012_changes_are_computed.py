"""What a version changed is computed from the documents of the versions, which the feed of changes always did."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("catalog", "0011_offers_apart")]

    # Backwards, the column returns with empty lists: nothing but the admin ever read it.
    operations = [migrations.RemoveField(model_name="offerversion", name="changes")]
