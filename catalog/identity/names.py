"""The names by which an offer may match others, and the slugs that are made of them.

A name is a key: the provider's key, a slash, and the model's name in lower case with one kind of separator. So
`deepseek/DeepSeek_R1` and `deepseek-ai/deepseek-r1` are one name. An id without a provider is a name of its host alone,
`@groq/llama3-8b-8192`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from catalog.identity.offers import Offer, OfferKey
from catalog.identity.traits import Gateway, Traits
from catalog.normalize import model_ids
from catalog.pricing import variants as words
from catalog.providers import KnownProviders
from catalog.records import ModelType

TUNED = ("it", "instruct", "chat")
"""Words that providers add to the name of a model that follows instructions, if there is one of the same name that does
not."""

LONGEST_VARIANT = 100
"""The maximum number of characters: the column has no more, and a gateway may put any words behind colons."""

_SUFFIX = re.compile(
    rf"(?<=.)(?::({'|'.join(words.MEANINGS)})"
    r"|[-_](tee|fp8|fp4|nvfp4|mxfp4|int8|int4|bf16|fp16|awq|gptq|gguf|w4a16|w8a8|w8a16))\Z",
    re.IGNORECASE,
)
"""The suffixes that make a variant: how it is sold, where it is run, and its number format. `-thinking` is not one,
because it is another model. `4bit` is not one either, because models that were trained so have it in their names."""
_SPEED = re.compile(r"(?<=.)[-_](turbo|fast|tput)\Z", re.IGNORECASE)
_DATE = re.compile(r"(.+)-(20\d\d)-?([01]\d)-?([0-3]\d)")
_MOVING_WORDS = frozenset({"latest", "nightly"})
_MOVING = (
    "cohere/command", "cohere/command-light", "deepseek/deepseek-chat", "deepseek/deepseek-reasoner",
    "mistralai/mistral-large", "mistralai/mistral-medium", "mistralai/mistral-small", "mistralai/mistral-tiny",
    "qwen/qwen-flash", "qwen/qwen-long", "qwen/qwen-max", "qwen/qwen-plus", "qwen/qwen-turbo", "qwen/qwen-vl-max",
    "qwen/qwen-vl-plus",
)  # fmt: skip
"""Names that providers always give to their newest model of a kind."""

_FEWEST_WORDS, _MOST_WORDS, _LONGEST_VERSION = 2, 5, 3

_UNSAFE = re.compile(r"[^A-Za-z0-9._:@+-]+")
_SAFE = re.compile(r"[A-Za-z0-9@][A-Za-z0-9._:@+-]*/[A-Za-z0-9][A-Za-z0-9._:@+-]*")
_NUMBER = re.compile(r"~[0-9]+\Z")
# A plus is not a separator: it distinguishes `command-r+` from `command-r`.
_SEPARATORS = re.compile(r"[^a-z0-9+]+")
_SEPARATORS_OF_ANY_SCRIPT = re.compile(r"[^\w+]+|_+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    """A repository at Hugging Face."""

    key: str
    id: str
    spelling: str
    """The id as a slug, without the suffixes of a variant."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dated:
    """An id with a date, at the host of its provider."""

    undated: str
    """The key without the date."""
    date: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SpedUp:
    """An id whose last word may be its host's."""

    key: str
    """The key without that word."""
    spelling: str
    """The slug without that word."""
    variants: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Worded:
    """An id with a word behind a colon, at a gateway with permanent slugs."""

    base: str
    """The id without the word."""
    key: str
    """The key of that id."""
    is_known: bool
    """Whether we know the meaning of this word and of any other such word in the id."""


@dataclass(frozen=True, kw_only=True)
class Names:
    """The names that an offer has, and other names that it may have."""

    key: str
    """The key of its id, without the suffixes of a variant."""
    variants: tuple[str, ...]
    spelling: str
    """Its id as a slug."""
    is_moving: bool
    """The name identifies no fixed model: some day it will mean another one."""
    is_resold: bool = False
    """A host other than its provider runs it, and may have its own words for its set-up."""
    bare: str | None = None
    """The model's name, if the id contains no provider."""
    repository: Repository | None = None
    """Its repository, if that is the provider's own."""
    stranger: str | None = None
    """A reported repository that is not the provider's."""
    sped_up: SpedUp | None = None
    dated: Dated | None = None
    permanent: str | None = None
    """The key of its permanent slug, if that is the id and more, or the id in another order."""
    worded: Worded | None = None
    base: OfferKey | None = None
    """The offer that this one is a variant of, to which its gateway gives the same permanent slug (`with_bases`)."""
    gateway_name: str
    traits: Traits
    """The traits of its gateway."""


class Namer:
    def __init__(self, providers: KnownProviders, gateways: Mapping[str, Gateway]) -> None:
        """`gateways` are the adapters by slug. An offer of any other gateway has the default traits."""
        self._providers = providers
        self._gateways = gateways
        self._by_spelling: dict[str, tuple[str, str]] = {}
        self._names: dict[Offer, Names] = {}
        self._moving = frozenset(map(self.key, _MOVING))

    def key(self, spelling: str) -> str:
        """Return the key of an id or a slug in any spelling: `@host/model`, `provider/model:free`, or a bare name.

        A slug with a number is only the key of itself, because the name belongs to another model.
        """
        if _NUMBER.search(spelling):
            return spelling.casefold()
        before, slash, name = spelling.partition("/")
        if not slash:
            return _folded(_without_suffixes(spelling)[0])
        if before.startswith("@"):
            return self.key(name) if "/" in name else f"{before.casefold()}/{self.key(name)}"
        return f"{self._provider(before)[0]}/{_folded(_without_suffixes(name)[0])}"

    def has_provider_with_site(self, slug: str) -> bool:
        """Whether we know its provider's site. A provider without one may name its uploads after other providers'
        models."""
        provider = self._providers.of(slug.partition("/")[0])
        return provider is not None and provider.site_url is not None

    def names(self, offer: Offer) -> Names:
        if offer not in self._names:  # cached, because the rules, the candidates and the links all ask
            self._names[offer] = self._names_of(offer)
        return self._names[offer]

    def _names_of(self, offer: Offer) -> Names:
        gateway = self._gateways.get(offer.gateway)
        traits = gateway.traits if gateway else Traits()
        owner = model_ids.owner(offer.slug)
        provider, canonical = self._provider(owner or offer.provider_slug or "")
        # Without a provider, the name belongs to the host. No provider's key begins with @.
        prefix = provider or f"@{(offer.host or offer.gateway).casefold()}"
        name, variants = _without_suffixes(offer.slug.partition("/")[2] if owner else offer.slug)
        unknown = words.split(name) if traits.has_permanent_slugs else None
        worded = _worded(offer, prefix, is_known=not unknown) if traits.has_permanent_slugs else None
        variants = (*variants, unknown[1]) if unknown else variants
        folded = _folded(name)
        key = f"{prefix}/{folded}"
        is_own_host = offer.host is not None and provider == self._provider(offer.host)[0]
        is_resold = traits.is_run_by_hosts and offer.model_type is ModelType.LLM and not is_own_host
        sped_up = _sped_up(prefix, canonical or prefix, name, variants) if is_resold else None
        spelling = _slug(canonical or prefix, name)
        repository = self._repository(
            offer,
            own=Repository(key=key, id=offer.slug, spelling=spelling),
            provider=provider,
            is_sped_up=sped_up is not None,
            may_be_its_id=traits.ids_may_be_repositories,
        )
        return Names(
            key=key,
            variants=variants,
            spelling=spelling,
            is_moving=offer.id.startswith("~")
            or key in self._moving
            or not _MOVING_WORDS.isdisjoint(folded.split("-")),
            is_resold=is_resold,
            bare=None if owner or is_own_host else folded,
            repository=repository if isinstance(repository, Repository) else None,
            stranger=repository if isinstance(repository, str) else None,
            sped_up=sped_up,
            dated=_dated(prefix, folded) if is_own_host and ":" not in name else None,
            permanent=self._permanent(offer, key=key) if traits.has_permanent_slugs else None,
            worded=worded,
            gateway_name=gateway.name if gateway else offer.gateway,
            traits=traits,
        )

    def _permanent(self, offer: Offer, *, key: str) -> str | None:
        """Return the key of the whole permanent slug, as GLM-4.6V's is that of GLM-4.6 with another date. If it is the
        id's words in another order, it is returned without its date, because other gateways use that name:
        `claude-4-sonnet-20250522` is `claude-sonnet-4`."""
        permanent = self.key(offer.canonical_slug)
        if permanent.startswith(f"{key}-"):
            return permanent
        dated = _DATE.fullmatch(permanent)
        (provider, _, name), (own_provider, _, own_name) = (
            (dated[1] if dated else "").partition("/"),
            key.partition("/"),
        )
        is_reordered = provider == own_provider and name != own_name and in_any_order(name) == in_any_order(own_name)
        return f"{provider}/{name}" if is_reordered and in_any_order(name) else None

    def _repository(
        self, offer: Offer, *, own: Repository, provider: str, is_sped_up: bool, may_be_its_id: bool
    ) -> Repository | str | None:
        """Return the provider's repository. If the repository is not the provider's, return only its id. `own` is the
        repository that the offer's id would be."""
        reported = offer.hugging_face_id
        if may_be_its_id:
            reported = reported or offer.id
            # A host's own set-up has no repository.
            reported = None if is_sped_up and reported == offer.id else reported
        if not reported or not model_ids.repository(reported):
            return None
        if reported == own.id:
            return own
        owner, _, name = reported.partition("/")
        key, canonical = self._provider(owner)
        if key != provider:
            return reported
        name = _without_suffixes(name)[0]
        return Repository(key=f"{key}/{_folded(name)}", id=reported, spelling=_slug(canonical, name))

    def _provider(self, spelling: str) -> tuple[str, str]:
        """Return the provider's key and canonical spelling."""
        if spelling not in self._by_spelling:
            provider = self._providers.of(spelling) if spelling else None
            canonical = provider.slug if provider else spelling.lstrip("~@")
            self._by_spelling[spelling] = model_ids.provider_key(canonical), canonical
        return self._by_spelling[spelling]


def with_bases(offers: Mapping[OfferKey, Offer], names: Mapping[OfferKey, Names]) -> dict[OfferKey, Names]:
    """Return the names after variants have got those of their bases: `acme/big:word` is `acme/big` for any word, if
    the gateway lists that too and gives both one permanent slug."""
    found = dict(names)
    for key in sorted((key for key in names if names[key].worded), key=lambda key: len(key[1])):
        own, worded = found[key], found[key].worded
        base = (key[0], worded.base) if worded else key
        if base in offers and offers[base].canonical_slug == offers[key].canonical_slug:
            its = found[base]
            found[key] = replace(
                own,
                key=its.key,
                variants=(*own.variants, *its.variants),
                spelling=its.spelling,
                is_moving=its.is_moving,
                permanent=its.permanent,
                base=base,
            )
    return found


def numbered(slug: str, number: int) -> str:
    """Return the slug of a further model of the same name. No other slug contains `~`."""
    return slug if number == 1 else f"{slug}~{number}"


def unnumbered(slug: str) -> str:
    return _NUMBER.sub("", slug)


def squashed(name: str) -> str:
    """Return a name without the characters that people overlook."""
    return "".join(filter(str.isalnum, name))


def in_any_order(name: str) -> str | None:
    """Return the words of a name sorted, followed by its numbers in their order: `claude-4.5-sonnet` and
    `claude-sonnet-4.5` give the same. Return None if the name is not a few words and a version, because too many
    long names have the same words."""
    parts = _folded(name).split("-")
    numbers = [part for part in parts if part.isdigit()]
    has_version = any(len(number) < _LONGEST_VERSION for number in numbers)
    if len(parts) > _MOST_WORDS or not has_version or sum(map(str.isalpha, parts)) < _FEWEST_WORDS:
        return None
    return "-".join((*sorted(part for part in parts if not part.isdigit()), *numbers))


def variant_of(parts: tuple[str, ...]) -> str | None:
    """Return the name of a variant, `tee-turbo`, with sorted parts, so that equal variants have equal names."""
    return "-".join(sorted(set(parts)))[:LONGEST_VARIANT] or None


def _without_suffixes(name: str) -> tuple[str, tuple[str, ...]]:
    parts: tuple[str, ...] = ()
    while found := _SUFFIX.search(name):
        name = name[: found.start()]
        parts += ((found[1] or found[2]).casefold(),)
    return name, parts


def _worded(offer: Offer, prefix: str, *, is_known: bool) -> Worded | None:
    if not (found := words.split(offer.id)):
        return None
    name, _ = _without_suffixes(found[0].partition("/")[2] or found[0])
    return Worded(base=found[0], key=f"{prefix}/{_folded(name)}", is_known=is_known)


def _sped_up(prefix: str, canonical: str, name: str, variants: tuple[str, ...]) -> SpedUp | None:
    if not (found := _SPEED.search(name)):
        return None
    base, inner = _without_suffixes(name[: found.start()])
    return SpedUp(
        key=f"{prefix}/{_folded(base)}",
        spelling=_slug(canonical, base),
        variants=(*variants, found[1].casefold(), *inner),
    )


def _dated(prefix: str, folded: str) -> Dated | None:
    found = _DATE.fullmatch(folded)
    return Dated(undated=f"{prefix}/{found[1]}", date="-".join(found.groups()[1:])) if found else None


def _folded(name: str) -> str:
    name = name.casefold()
    return (_SEPARATORS if name.isascii() else _SEPARATORS_OF_ANY_SCRIPT).sub("-", name).strip("-") or "-"


def _slug(owner: str, name: str) -> str:
    """Return a slug that any server and client can carry in a path. No part consists only of dots, because a client
    would resolve those as parent directories."""
    slug = f"{owner}/{name}"
    if _SAFE.fullmatch(slug):
        return slug
    parts = (_UNSAFE.sub("-", part).strip("-") for part in (owner, *name.split("/")))
    return "/".join(part if part.strip(".") else "-" for part in parts)
