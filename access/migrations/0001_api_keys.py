"""API keys leave the catalogue's app. Their table keeps its name, so that a program that runs meanwhile finds it."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


def take_permissions(apps, schema_editor):
    _rename(apps, before="catalog", after="access")


def give_permissions_back(apps, schema_editor):
    _rename(apps, before="access", after="catalog")


def _rename(apps, *, before, after):
    """Who may add, change or see keys may do so afterwards: permissions belong to the content type."""
    types = apps.get_model("contenttypes", "ContentType").objects
    if not types.filter(app_label=after, model="apikey").exists():
        types.filter(app_label=before, model="apikey").update(app_label=after)


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("catalog", "0009_offers_whose_rows_are_rejected"),
        ("contenttypes", "0002_remove_content_type_name"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.CreateModel(
                    name="ApiKey",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                        ),
                        ("name", models.CharField(help_text="Who uses it, and for what.", max_length=100)),
                        (
                            "prefix",
                            models.CharField(
                                editable=False, help_text="The beginning of the key; the rest is not stored.", max_length=10
                            ),
                        ),
                        ("digest", models.CharField(editable=False, max_length=64, unique=True)),
                        (
                            "scopes",
                            models.JSONField(
                                blank=True, default=list, help_text="What it allows, in addition to reading with its own limit."
                            ),
                        ),
                        (
                            "requests_per_minute",
                            models.PositiveIntegerField(
                                blank=True,
                                help_text="For each serving process. Empty: API_KEY_RATE_LIMIT_PER_MINUTE; 0: no limit.",
                                null=True,
                            ),
                        ),
                        ("created_at", models.DateTimeField(auto_now_add=True, verbose_name="created")),
                        (
                            "expires_at",
                            models.DateTimeField(
                                blank=True, help_text="Empty: never.", null=True, verbose_name="expires"
                            ),
                        ),
                        (
                            "revoked_at",
                            models.DateTimeField(blank=True, editable=False, null=True, verbose_name="revoked"),
                        ),
                        (
                            "created_by",
                            models.ForeignKey(
                                blank=True,
                                editable=False,
                                null=True,
                                on_delete=django.db.models.deletion.SET_NULL,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                    ],
                    options={"verbose_name": "API key", "db_table": "catalog_apikey"},
                ),
            ],
        ),
        migrations.RunPython(take_permissions, give_permissions_back),
    ]
