"""The roles of the desk, from the table in `catalog/desk/roles.py`, and indexes for the counts of its front page."""

from django.db import migrations, models
from django.db.models import Q


def create_roles(apps, schema_editor):
    from catalog.desk import roles

    roles.ensure()


class Migration(migrations.Migration):

    dependencies = [
        ("catalog", "0016_curation"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [
        migrations.RunPython(create_roles, migrations.RunPython.noop),
        migrations.AddIndex(
            model_name="pricehold",
            index=models.Index(condition=Q(state="open"), fields=["made_at"], name="open_holds"),
        ),
        migrations.AddIndex(
            model_name="syncrun",
            index=models.Index(condition=Q(outcome="held"), fields=["started_at"], name="held_runs"),
        ),
    ]
