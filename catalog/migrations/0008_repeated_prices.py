"""Counts how often a gateway repeats a held price; marks revisions that only render documents again."""

from django.db import migrations, models
from django.db.models import Case, F, Value, When

RULES = {
    "it fell from ": "zero",
    "it moved more than ": "move",
    "others ask ": "siblings",
    "times what others ask ": "siblings",
}
"""What the reasons of holds said before a hold had a rule."""


def begin_counting(apps, schema_editor):
    """A price that is held today was first reported when its hold was made."""
    rules = [When(reason__contains=words, then=Value(rule)) for words, rule in RULES.items()]
    # One statement: PostgreSQL alters no table of which this transaction has changed a row twice.
    apps.get_model("catalog", "PriceHold").objects.update(
        first_amount=F("amount"), reported_since=F("made_at"), rule=Case(*rules, default=Value("bounds"))
    )


class Migration(migrations.Migration):
    dependencies = [("catalog", "0007_api_keys")]

    operations = [
        migrations.AddField(
            model_name="price",
            name="reported_since",
            field=models.DateTimeField(
                null=True, blank=True, help_text="When the gateway first reported it, if it was held on earlier days."
            ),
        ),
        migrations.AlterField(
            model_name="pricehold",
            name="amount",
            field=models.CharField(help_text="What the gateway reports.", max_length=50),
        ),
        migrations.AlterField(
            model_name="pricehold",
            name="kept",
            field=models.CharField(
                "served", blank=True, help_text="What is served instead; empty: unknown.", max_length=50
            ),
        ),
        migrations.AlterField(
            model_name="pricehold",
            name="state",
            field=models.CharField(
                choices=[
                    ("open", "open: waits for a curator"),
                    ("released", "released: the new price is right"),
                    ("discarded", "discarded: the price before stays"),
                    ("confirmed", "confirmed: the gateway kept reporting the new price"),
                    ("overtaken", "overtaken: the gateway reports something else"),
                ],
                default="open",
                max_length=10,
            ),
        ),
        migrations.AddField(
            model_name="pricehold",
            name="first_amount",
            field=models.CharField("first reported", max_length=50, default="", help_text="What it reported first."),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="pricehold",
            name="rule",
            field=models.CharField(max_length=10, default="", help_text="Which rule doubts it."),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="pricehold",
            name="reported_since",
            field=models.DateTimeField(null=True, help_text="When the gateway first reported approximately this amount."),
        ),
        migrations.AddField(
            model_name="pricehold",
            name="readings",
            field=models.PositiveIntegerField(
                default=0, help_text="Complete readings of the API that repeated it."
            ),
        ),
        migrations.AddField(
            model_name="pricehold",
            name="first_read_at",
            field=models.DateTimeField("first of the readings", null=True, blank=True),
        ),
        migrations.AddField(
            model_name="pricehold",
            name="last_read_at",
            field=models.DateTimeField("last of the readings", null=True, blank=True),
        ),
        migrations.AddField(
            model_name="pricehold",
            name="resets",
            field=models.PositiveIntegerField(
                default=0,
                help_text="Holds of this price before it, which ended because the gateway reported something else.",
            ),
        ),
        migrations.AddField(
            model_name="pricehold",
            name="is_interrupted",
            field=models.BooleanField(
                default=False,
                help_text="A run that counts for nothing overtook it, so the next hold goes on counting.",
            ),
        ),
        migrations.RunPython(begin_counting, migrations.RunPython.noop),
        migrations.AlterField(
            model_name="pricehold",
            name="reported_since",
            field=models.DateTimeField(help_text="When the gateway first reported approximately this amount."),
        ),
        migrations.AddField(
            model_name="syncrun",
            name="confirmed_prices",
            field=models.PositiveIntegerField(
                default=0, help_text="Held prices that the gateway repeated for long enough to be believed."
            ),
        ),
        migrations.AlterField(
            model_name="syncrun",
            name="reader",
            field=models.CharField(
                max_length=60,
                blank=True,
                help_text="Versions of the adapter and of the guard's rules; with others, equal bytes are read again.",
            ),
        ),
        migrations.AddField(
            model_name="syncrun",
            name="is_complete",
            field=models.BooleanField(
                default=True, help_text="The listing had everything, by the gateway's own count."
            ),
        ),
        migrations.AddField(
            model_name="revision",
            name="renderer",
            field=models.PositiveIntegerField(default=0, help_text="The version of the renderer of its documents."),
        ),
        migrations.AddField(
            model_name="revision",
            name="is_rendered",
            field=models.BooleanField(
                "rendered again",
                default=False,
                help_text="Only the rendering changed, no reported fact.",
            ),
        ),
    ]
