"""Keys of clients; and runs that were asked for and have not begun."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("catalog", "0006_identity_links"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="ApiKey",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(help_text="Who uses it, and for what.", max_length=100)),
                (
                    "prefix",
                    models.CharField(editable=False, help_text="The beginning of the key; the rest is not stored.", max_length=10),
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
                    models.DateTimeField(blank=True, help_text="Empty: never.", null=True, verbose_name="expires"),
                ),
                ("revoked_at", models.DateTimeField(blank=True, editable=False, null=True, verbose_name="revoked")),
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
            options={"verbose_name": "API key"},
        ),
        migrations.AlterField(
            model_name="syncrun",
            name="outcome",
            field=models.CharField(
                choices=[
                    ("waiting", "requested, waits to begin"),
                    ("running", "Running"),
                    ("published", "Published"),
                    ("unchanged", "Unchanged"),
                    ("held", "held: a curator must release or discard it"),
                    ("released", "held, then released"),
                    ("discarded", "held, then discarded"),
                    ("overtaken", "held, then overtaken by a newer listing"),
                    ("failed", "Failed"),
                    ("lost", "lost: its process ended without a report"),
                ],
                default="running",
                max_length=10,
            ),
        ),
        migrations.AlterField(
            model_name="syncrun",
            name="trigger",
            field=models.CharField(
                choices=[
                    ("schedule", "Schedule"),
                    ("command", "Command"),
                    ("request", "requested by a client or in the admin"),
                    ("release", "release of a held run"),
                    ("rebuild", "rebuild from captures"),
                ],
                max_length=10,
            ),
        ),
        migrations.AddConstraint(
            model_name="syncrun",
            constraint=models.UniqueConstraint(
                condition=models.Q(("outcome", "waiting")), fields=("gateway",), name="one_waiting_run"
            ),
        ),
    ]
