from __future__ import annotations

from django.db import migrations, models
from django.db.models import Exists, Max, OuterRef, Q


def tell_of_old_revisions(apps, schema_editor):
    Revision, OfferVersion = apps.get_model("catalog", "Revision"), apps.get_model("catalog", "OfferVersion")
    # Only a curator's word on one offer has an author and changes exactly that offer; a released run of one offer looks
    # the same, and nothing tells them apart any more.
    Revision.objects.filter(author__isnull=False, changed=1, new=0, withdrawn=0).update(is_curated=True)
    # A version that names what it changed, without the version before it: that one was pruned.
    before = OfferVersion.objects.filter(offer=OuterRef("offer"), to_revision=OuterRef("from_revision"))
    orphans = OfferVersion.objects.exclude(changes=[]).filter(~Exists(before))
    last = orphans.aggregate(last=Max("from_revision"))["last"]
    if last is not None:
        Revision.objects.filter(number__lte=last).update(is_forgotten=True)


class Migration(migrations.Migration):
    dependencies = [("catalog", "0004_versions_by_revision")]

    operations = [
        migrations.AddField(
            model_name="revision",
            name="is_curated",
            field=models.BooleanField(
                default=False,
                help_text="Published by the decision of a curator, not by a sync.",
                verbose_name="curated",
            ),
        ),
        migrations.AddField(
            model_name="revision",
            name="is_forgotten",
            field=models.BooleanField(
                default=False,
                help_text="Some of the versions that it began or ended have been deleted.",
                verbose_name="forgotten",
            ),
        ),
        migrations.RemoveIndex(model_name="offerversion", name="version_by_revision"),
        migrations.AddIndex(
            model_name="offerversion",
            index=models.Index(fields=["from_revision", "offer"], name="version_in_order"),
        ),
        migrations.AddIndex(
            model_name="revision",
            index=models.Index(fields=["published_at"], name="revision_by_time"),
        ),
        migrations.AddIndex(
            model_name="revision",
            index=models.Index(condition=Q(is_forgotten=True), fields=["number"], name="forgotten_revision"),
        ),
        migrations.RunPython(tell_of_old_revisions, migrations.RunPython.noop),
    ]
