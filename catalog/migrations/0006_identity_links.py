"""By which names offers and models are decided together. The next publication that changes a name fills the table."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("catalog", "0005_revisions_of_changes")]

    operations = [
        migrations.CreateModel(
            name="IdentityLink",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=100)),
                (
                    "model",
                    models.ForeignKey(
                        blank=True,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="catalog.canonicalmodel",
                    ),
                ),
                (
                    "offer",
                    models.ForeignKey(
                        blank=True,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="catalog.offer",
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["name"], name="identity_link_by_name")],
                "constraints": [
                    models.UniqueConstraint(fields=("offer", "name"), name="one_link_of_offer"),
                    models.UniqueConstraint(fields=("model", "name"), name="one_link_of_model"),
                    models.CheckConstraint(
                        condition=models.Q(("offer", None), ("model", None), _connector="OR"),
                        name="identity_link_is_of_one",
                    ),
                ],
            },
        ),
    ]
