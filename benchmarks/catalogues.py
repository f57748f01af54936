"""Catalogues of any size, made from the bundled ones: `python -m benchmarks.catalogues <database> <offers>`.

The bundled catalogues are published as in any new installation. Copies of their offers follow, each with its own id,
slug and name, in the same bytes that a publication would have stored. 104 offers are Chutes' catalogue alone.

With `--publish-every <seconds>` it repeatedly changes one offer of a hundred, through the product's own publication,
until standard input ends.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
import threading
import time
from dataclasses import replace
from io import StringIO
from typing import Any

Json = Any


def set_up(database: str, **environment: str) -> None:
    """Set Django up for a SQLite file, or for the address of another database."""
    is_address = "://" in database
    os.environ.update(
        SECRET_KEY="only-for-this-benchmark" * 3,
        ENV_FILE=os.devnull,
        DATA_DIR=tempfile.gettempdir() if is_address else os.path.dirname(os.path.abspath(database)),
        DATABASE_URL=database if is_address else f"sqlite:///{os.path.abspath(database)}",
        DJANGO_SETTINGS_MODULE="gatewayz.settings",
        LOG_LEVEL="error",
        **environment,
    )
    import django

    django.setup()


def build(count: int) -> None:
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    if not count:
        return
    call_command("sync", *(["chutes"] if count <= 104 else []), source="bundled", stdout=StringIO())
    _copy(count)


def _copy(count: int) -> None:
    from django.db import transaction

    from catalog.models import Offer, OfferVersion, Revision
    from catalog.publication.batches import batches

    originals = list(OfferVersion.objects.current().select_related("offer__gateway").order_by("pk"))
    newest = Revision.objects.newest().number
    numbers = list(range(len(originals), count))
    with transaction.atomic():
        for batch in batches(numbers):
            copies = [_copied(originals[number % len(originals)], number) for number in batch]
            offers = Offer.objects.bulk_create([offer for offer, _ in copies])
            OfferVersion.objects.bulk_create(
                OfferVersion(offer=offer, from_revision=newest, record="", document=document)
                for offer, (_, document) in zip(offers, copies, strict=True)
            )


def _copied(version: Any, number: int) -> tuple[Any, str]:
    import orjson

    from catalog import records
    from catalog.models import Offer

    model = version.offer
    own_id = f"{model.model_id}-{number}"
    record = replace(records.load(model.upstream), id=own_id, slug=own_id, name=f"{model.name} {number}")
    shown = orjson.loads(version.document) | {"id": own_id, "slug": own_id, "name": record.name}
    offer = Offer(
        gateway=model.gateway,
        model_id=own_id,
        name=record.name,
        provider_id=model.provider_id,
        model_type=model.model_type,
        upstream=records.dump(record),
        fingerprint="",
        source=model.source,
        recorded_on=model.recorded_on,
        first_seen_at=model.first_seen_at,
    )
    return offer, orjson.dumps(shown).decode()


def write_documents(path: str) -> None:
    """Write the published documents, one on each line, sorted by id and gateway: the contenders serve them."""
    import orjson

    from catalog.models import OfferVersion

    current = OfferVersion.objects.current().values_list("document", flat=True)
    shown = sorted(map(orjson.loads, current), key=lambda offer: (offer["id"], offer["source_gateway"]))
    with open(path, "wb") as file:
        file.writelines(orjson.dumps(offer) + b"\n" for offer in shown)


def logged_in() -> str:
    """Return the key of a new session of an administrator."""
    from django.contrib.auth.models import User
    from django.test import Client

    user, _ = User.objects.get_or_create(username="bench", is_staff=True, is_superuser=True)
    client = Client()
    client.force_login(user)
    return str(client.session.session_key)


def publish_again_and_again(every_seconds: float) -> None:
    is_stopped = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), is_stopped.set()), daemon=True).start()
    dice = random.Random(7)  # noqa: S311  the same offers in every run
    published = publish(dice)
    sys.stdout.write("publishing\n")
    sys.stdout.flush()
    while not is_stopped.wait(every_seconds):
        published += publish(dice)
    sys.stdout.write(f"{published}\n")


def publish(dice: random.Random, *, changed: int | None = None) -> int:
    """Publish one sync of one gateway that found some of its offers changed, and three new ones.

    By default a hundredth of its offers changed. Return the number of new revisions.
    """
    from catalog import records
    from catalog.models import Gateway, Offer, SyncRun
    from catalog.publication import apply, listing
    from catalog.publication.prices.repeats import Rules
    from catalog.records import Source
    from catalog.sync.guard import TrustingGuard

    gateway = Gateway.objects.get(slug="featherless")
    keys = list(Offer.objects.filter(gateway=gateway).values_list("pk", flat=True))
    found = Offer.objects.filter(pk__in=dice.sample(keys, changed or max(1, len(keys) // 100)))
    others = [replace(records.load(offer.upstream), context_length=dice.randrange(10**6)) for offer in found]
    new = [replace(record, id=f"{record.id}-{time.time_ns()}") for record in others[:3]]
    outcome = apply.publish_listing(
        SyncRun(gateway=gateway, lease_token=gateway.lease_token),
        listing=listing.AcceptedListing(
            records={record.id: record for record in [*others, *new]},
            row_prints={},
            same=frozenset(),
            present=frozenset(),
            postponed=frozenset(),
            is_complete=False,
            source=Source.BUNDLED,
            recorded_on=None,
        ),
        terms=listing.Terms(guard=TrustingGuard(), rules=Rules(), withdraw_after=1),
    )
    return outcome.revision_after - outcome.revision_before


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("database")
    parser.add_argument("offers", type=int, nargs="?", default=0)
    parser.add_argument("--write", metavar="FILE", help="write its documents, a line each")
    parser.add_argument("--log-in", action="store_true", help="write the session key of an administrator")
    parser.add_argument("--publish-every", type=float, metavar="SECONDS")
    options = parser.parse_args()
    set_up(options.database)
    if options.write:
        write_documents(options.write)
    elif options.log_in:
        sys.stdout.write(f"{logged_in()}\n")
    elif options.publish_every:
        publish_again_and_again(options.publish_every)
    else:
        build(options.offers)


if __name__ == "__main__":
    main()
