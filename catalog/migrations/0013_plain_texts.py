"""Texts that the admin shows. No table changes."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('catalog', '0012_changes_are_computed'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AlterField(
            model_name='canonicalmodel',
            name='key',
            field=models.CharField(help_text='In lower case: no two slugs differ only by case.', max_length=400, unique=True),
        ),
        migrations.AlterField(
            model_name='canonicalmodel',
            name='merged_into',
            field=models.ForeignKey(blank=True, help_text='The model that the rules merged it into.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='catalog.canonicalmodel'),
        ),
        migrations.AlterField(
            model_name='gateway',
            name='lease_expires_at',
            field=models.DateTimeField(blank=True, null=True, verbose_name='leased until'),
        ),
        migrations.AlterField(
            model_name='identitystatement',
            name='kind',
            field=models.CharField(choices=[('tie', 'the offer is of this model'), ('split', 'the offer is not of this model, or, without a model, only of its own'), ('alias', 'offers with this spelling are of this model')], max_length=5),
        ),
        migrations.AlterField(
            model_name='offer',
            name='fingerprint',
            field=models.CharField(help_text='Hash of all reported facts; equal means unchanged.', max_length=64),
        ),
        migrations.AlterField(
            model_name='offer',
            name='missed_runs',
            field=models.PositiveIntegerField(default=0, help_text='Consecutive complete listings without it; after some it is withdrawn.'),
        ),
        migrations.AlterField(
            model_name='offer',
            name='own_canonical',
            field=models.ForeignKey(blank=True, help_text='Its model without the statements of curators, for the day on which they are withdrawn.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='catalog.canonicalmodel', verbose_name='model by itself'),
        ),
        migrations.AlterField(
            model_name='offer',
            name='recorded_on',
            field=models.DateField(blank=True, help_text='The day of the facts, if they are bundled.', null=True),
        ),
        migrations.AlterField(
            model_name='offer',
            name='rejected_since',
            field=models.DateTimeField(blank=True, help_text='When the first of several consecutive runs could not use its row: what is served is older.', null=True, verbose_name='row rejected since'),
        ),
        migrations.AlterField(
            model_name='offer',
            name='upstream',
            field=models.TextField(help_text="The gateway's last accepted record, without holds and overrides."),
        ),
        migrations.AlterField(
            model_name='offerversion',
            name='record',
            field=models.TextField(help_text='The record with holds and overrides applied.'),
        ),
        migrations.AlterField(
            model_name='price',
            name='reported_since',
            field=models.DateTimeField(blank=True, help_text='When the gateway first reported it, if it was held on earlier days.', null=True),
        ),
        migrations.AlterField(
            model_name='pricehold',
            name='is_interrupted',
            field=models.BooleanField(default=False, help_text='A run that is no evidence ended it, so the next hold continues the count.'),
        ),
        migrations.AlterField(
            model_name='rejectedrow',
            name='model_id',
            field=models.CharField(blank=True, help_text='Empty if the row has no usable id.', max_length=300, verbose_name='id'),
        ),
        migrations.AlterField(
            model_name='revision',
            name='author',
            field=models.ForeignKey(help_text='The curator, if a curator published it.', null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AlterField(
            model_name='revision',
            name='is_curated',
            field=models.BooleanField(default=False, help_text='It shows the decision of a curator about an offer, not a report of a gateway.', verbose_name='curated'),
        ),
        migrations.AlterField(
            model_name='revision',
            name='is_rendered',
            field=models.BooleanField(default=False, help_text='Only our rendering changed, no reported fact.', verbose_name='rendered again'),
        ),
        migrations.AlterField(
            model_name='syncrun',
            name='error',
            field=models.TextField(blank=True, help_text='Why it failed or is held, or what is unusual about it.'),
        ),
        migrations.AlterField(
            model_name='syncrun',
            name='missing_key',
            field=models.CharField(blank=True, help_text='Hash of the offers that were missing, if the run is held only because of them.', max_length=64),
        ),
        migrations.AlterField(
            model_name='syncrun',
            name='outcome',
            field=models.CharField(choices=[('waiting', 'requested, waits to begin'), ('running', 'Running'), ('published', 'Published'), ('unchanged', 'Unchanged'), ('held', 'held: a curator must release or discard it'), ('released', 'held, then released'), ('discarded', 'held, then discarded'), ('overtaken', 'held, then overtaken by a newer listing'), ('failed', 'Failed'), ('lost', 'lost: its process ended without a result')], default='running', max_length=10),
        ),
        migrations.AlterField(
            model_name='syncrun',
            name='trigger',
            field=models.CharField(choices=[('schedule', 'Schedule'), ('command', 'Command'), ('request', 'requested by a client or in the admin'), ('release', 'release of a held run'), ('rebuild', 'rebuild from captures')], max_length=10),
        ),
    ]
