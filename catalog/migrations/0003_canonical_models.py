"""The models themselves; and captures compressed by Zstandard, which takes half the room of zlib's."""

import sys
import zlib

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd


def compress_anew(apps, schema_editor):
    Capture = apps.get_model("catalog", "Capture")
    for capture in Capture.objects.only("body").iterator(chunk_size=10):
        body = zstd.compress(zlib.decompress(capture.body), 1)
        Capture.objects.filter(pk=capture.pk).update(body=body)


def compress_as_before(apps, schema_editor):
    Capture = apps.get_model("catalog", "Capture")
    for capture in Capture.objects.only("body").iterator(chunk_size=10):
        body = zlib.compress(zstd.decompress(capture.body), 1)
        Capture.objects.filter(pk=capture.pk).update(body=body)


class Migration(migrations.Migration):

    dependencies = [
        ('catalog', '0002_captures_prices_and_holds'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name='offer',
            name='identified_in',
            field=models.PositiveBigIntegerField(db_index=True, default=0, help_text='The revision in which its model last changed.'),
        ),
        migrations.AddField(
            model_name='offer',
            name='identity_evidence',
            field=models.TextField(blank=True),
        ),
        migrations.AddField(
            model_name='offer',
            name='identity_rule',
            field=models.CharField(blank=True, help_text='What tied it to the model.', max_length=20),
        ),
        migrations.AddField(
            model_name='offer',
            name='variant',
            field=models.CharField(blank=True, help_text='How it differs from the model itself: free, fp8, tee.', max_length=100),
        ),
        migrations.AlterField(
            model_name='capture',
            name='body',
            field=models.BinaryField(help_text='Compressed by Zstandard.'),
        ),
        migrations.CreateModel(
            name='CanonicalModel',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('slug', models.CharField(max_length=400, unique=True)),
                ('key', models.CharField(help_text='The slug in lower case: no two differ by it.', max_length=400, unique=True)),
                ('born', models.PositiveBigIntegerField(help_text='The revision after which it was named: of two that merge the older stays.')),
                ('merged_into', models.ForeignKey(blank=True, help_text='The model that the rules made one with it.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='catalog.canonicalmodel')),
                ('redirect', models.ForeignKey(blank=True, help_text='The model under which it is found now: curators have the last word.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='redirected', to='catalog.canonicalmodel')),
            ],
        ),
        migrations.AddField(
            model_name='offer',
            name='canonical',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='offers', to='catalog.canonicalmodel', verbose_name='model'),
        ),
        migrations.AddField(
            model_name='offer',
            name='own_canonical',
            field=models.ForeignKey(blank=True, help_text='Its model by the rules alone, which applies if no statement of a curator does.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='catalog.canonicalmodel', verbose_name='model by itself'),
        ),
        migrations.CreateModel(
            name='IdentityCandidate',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('reason', models.CharField(max_length=30)),
                ('evidence', models.TextField()),
                ('may_be', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='candidates_for', to='catalog.canonicalmodel')),
                ('model', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='candidates', to='catalog.canonicalmodel')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('model', 'may_be'), name='one_question_per_pair')],
            },
        ),
        migrations.CreateModel(
            name='IdentityStatement',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('tie', 'the offer is of this model'), ('split', 'the offer is not of this model; without a model: it is the only offer of its model'), ('alias', 'this spelling means this model')], max_length=5)),
                ('spelling', models.CharField(blank=True, help_text='Of an alias: an id or a slug.', max_length=400)),
                ('reason', models.TextField()),
                ('made_at', models.DateTimeField(verbose_name='made')),
                ('author', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('model', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='statements', to='catalog.canonicalmodel')),
                ('offer', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='identity_statements', to='catalog.offer')),
            ],
            options={
                'constraints': [models.UniqueConstraint(condition=models.Q(('kind', 'tie')), fields=('offer',), name='one_tie_per_offer'), models.UniqueConstraint(condition=models.Q(('kind', 'alias')), fields=('spelling',), name='one_alias_per_spelling'), models.CheckConstraint(condition=models.Q(models.Q(('kind', 'alias'), ('model__isnull', False), ('offer', None), models.Q(('spelling', ''), _negated=True)), models.Q(('kind', 'tie'), ('model__isnull', False), ('offer__isnull', False), ('spelling', '')), models.Q(('kind', 'split'), ('offer__isnull', False), ('spelling', '')), _connector='OR'), name='identity_statement_is_whole')],
            },
        ),
        migrations.RunPython(compress_anew, compress_as_before, elidable=True),
    ]
