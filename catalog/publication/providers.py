"""Writes the providers of the models, and the facts that gateways report about them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from catalog.models import Provider
from catalog.normalize import model_ids
from catalog.publication import naming
from catalog.publication.batches import BATCH, batches
from catalog.records import ProviderRecord

_FACTS = ("name", "headquarters", "status_page_url", "terms_url", "privacy_url")


def ensure(spellings: Iterable[str]) -> dict[str, Provider]:
    """Return the provider of each spelling, by key; unknown providers are created."""
    wanted = {model_ids.provider_key(spelling): spelling for spelling in sorted(spellings, reverse=True)}
    stored = {
        provider.key: provider
        for batch in batches(sorted(wanted))
        for provider in Provider.objects.filter(key__in=batch)
    }
    new = [Provider(key=key, slug=wanted[key]) for key in sorted(wanted.keys() - stored.keys())]
    # Another gateway's run may create the same providers at the same time.
    Provider.objects.bulk_create(new, ignore_conflicts=True)
    made = {
        provider.key: provider
        for batch in batches([provider.key for provider in new])
        for provider in Provider.objects.filter(key__in=batch)
    }
    return stored | made


def save_facts(reported: Sequence[ProviderRecord]) -> bool:
    """Write the facts that the gateway reports about providers. Return whether this changes served data.

    Facts of providers without a model are stored as well. Another gateway can list one of their models later, and an
    equal response must then change nothing.
    """
    facts = {model_ids.provider_key(record.slug): record for record in reported}
    stored = ensure(record.slug for record in reported)
    changed = []
    for key in sorted(facts):
        provider = stored[key]
        before = [getattr(provider, name) for name in _FACTS]
        after = [getattr(facts[key], name) or "" for name in _FACTS]
        if before != after:
            for name, value in zip(_FACTS, after, strict=True):
                setattr(provider, name, value)
            changed.append(provider)
    Provider.objects.bulk_update(changed, _FACTS, batch_size=BATCH)
    return bool(changed) and _are_served(changed)


def _are_served(changed: Iterable[Provider]) -> bool:
    """Return whether one of these providers has offers, under any of its spellings."""
    makers = naming.makers()
    spellings = Provider.objects.filter(offers__isnull=False).distinct().order_by("key").values_list("key", flat=True)
    served = {makers.key(spelling) for spelling in spellings}
    return any(makers.key(provider.key) in served for provider in changed)
