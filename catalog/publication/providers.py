"""Writes who made the models, and what gateways tell of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from catalog import registry
from catalog.models import Provider
from catalog.normalize import model_ids
from catalog.publication.states import BATCH, batches
from catalog.records import ProviderRecord

_FACTS = ("name", "headquarters", "status_page_url", "terms_url", "privacy_url")


def ensure(spellings: Iterable[str]) -> dict[str, Provider]:
    """The provider of each spelling, by key; unknown ones are made."""
    wanted = {model_ids.provider_key(spelling): spelling for spelling in sorted(spellings, reverse=True)}
    known = {
        provider.key: provider
        for batch in batches(sorted(wanted))
        for provider in Provider.objects.filter(key__in=batch)
    }
    new = [Provider(key=key, slug=wanted[key]) for key in sorted(wanted.keys() - known.keys())]
    # Another gateway's run may make the same ones at the same time.
    Provider.objects.bulk_create(new, ignore_conflicts=True)
    made = {
        provider.key: provider
        for batch in batches([provider.key for provider in new])
        for provider in Provider.objects.filter(key__in=batch)
    }
    return known | made


def save_facts(told: Sequence[ProviderRecord]) -> bool:
    """Write the facts that the gateway lists of providers. Returns whether this changes what is served.

    Facts of providers without a model are kept as well: another gateway can list a model of theirs later, and the same
    answer must then bring nothing new.
    """
    facts = {model_ids.provider_key(record.slug): record for record in told}
    known = ensure(record.slug for record in told)
    changed = []
    for key in sorted(facts):
        provider = known[key]
        before = [getattr(provider, name) for name in _FACTS]
        after = [getattr(facts[key], name) or "" for name in _FACTS]
        if before != after:
            for name, value in zip(_FACTS, after, strict=True):
                setattr(provider, name, value)
            changed.append(provider)
    Provider.objects.bulk_update(changed, _FACTS, batch_size=BATCH)
    return bool(changed) and not _served_keys().isdisjoint(registry.PROVIDERS.key(provider.key) for provider in changed)


def _served_keys() -> set[str]:
    """The providers that offers are shown with, one key for all spellings."""
    spellings = Provider.objects.filter(offers__isnull=False).distinct().order_by("key").values_list("key", flat=True)
    return {registry.PROVIDERS.key(spelling) for spelling in spellings}
