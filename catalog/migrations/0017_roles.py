"""The roles of the desk as groups with permissions. `catalog/desk/roles.py` has the table."""

from django.db import migrations


def create(apps, schema_editor):
    from catalog.desk import roles

    roles.ensure()


class Migration(migrations.Migration):

    dependencies = [
        ("catalog", "0015_moves_of_prices"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [migrations.RunPython(create, migrations.RunPython.noop)]
