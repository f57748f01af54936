"""Counts of runs that never fall, which begin with the stored runs, and when periodic tasks last ended."""

import django.db.models.deletion
from django.db import migrations, models

_NOT_ENDED = ("waiting", "running")
_HELD_BEFORE = ("released", "discarded", "overtaken")


def count_stored_runs(apps, schema_editor):
    found = {}
    runs = apps.get_model("catalog", "SyncRun").objects.exclude(outcome__in=_NOT_ENDED).order_by()
    for gateway, outcome, count in runs.values_list("gateway", "outcome").annotate(count=models.Count("pk")):
        key = gateway, "held" if outcome in _HELD_BEFORE else outcome
        found[key] = found.get(key, 0) + count
    RunCount = apps.get_model("catalog", "RunCount")
    RunCount.objects.bulk_create(
        RunCount(gateway_id=gateway, outcome=outcome, count=count) for (gateway, outcome), count in found.items()
    )


class Migration(migrations.Migration):

    dependencies = [
        ('catalog', '0013_plain_texts'),
    ]

    operations = [
        migrations.CreateModel(
            name='TaskEnd',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('task', models.CharField(max_length=50, unique=True)),
                ('ended_at', models.DateTimeField(verbose_name='ended')),
            ],
        ),
        migrations.CreateModel(
            name='RunCount',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('outcome', models.CharField(max_length=10)),
                ('count', models.PositiveBigIntegerField(default=0)),
                ('gateway', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='run_counts', to='catalog.gateway')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('gateway', 'outcome'), name='one_count_per_outcome')],
            },
        ),
        migrations.RunPython(count_stored_runs, migrations.RunPython.noop),
    ]
