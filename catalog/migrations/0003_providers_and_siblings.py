"""What siblings are compared by; and captures compressed by Zstandard, which takes half the room of zlib's."""

import json
import sys
import zlib

from django.db import migrations, models

from catalog.normalize.model_ids import rough_key

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd


def write_keys(apps, schema_editor):
    Offer = apps.get_model("catalog", "Offer")
    for offer in Offer.objects.only("upstream").iterator():
        Offer.objects.filter(pk=offer.pk).update(model_key=rough_key(json.loads(offer.upstream)["slug"]))


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
        ("catalog", "0002_captures_prices_and_holds"),
    ]

    operations = [
        migrations.AddField(
            model_name="offer",
            name="model_key",
            field=models.CharField(
                blank=True,
                db_index=True,
                help_text="Of the model's id, without maker, case and separators: what to compare prices with.",
                max_length=300,
            ),
        ),
        migrations.AlterField(
            model_name="capture",
            name="body",
            field=models.BinaryField(help_text="Compressed by Zstandard."),
        ),
        migrations.RunPython(write_keys, migrations.RunPython.noop, elidable=True),
        migrations.RunPython(compress_anew, compress_as_before, elidable=True),
    ]
