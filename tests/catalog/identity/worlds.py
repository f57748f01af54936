"""Offers as tests arrange them, and small worlds of offers whose names are easily mistaken for one another."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from hypothesis import strategies as st

from catalog import registry
from catalog.identity.names import Namer
from catalog.identity.offers import Alias, Known, Offer, Split, Statement, Tie
from catalog.identity.resolution import Resolution, resolve
from catalog.providers import KnownProvider, KnownProviders
from catalog.records import ModelType


def provider(slug: str, *aliases: str) -> KnownProvider:
    return KnownProvider(slug=slug, name=slug, site_url=None, hugging_face=None, aliases=aliases, icon=None)


NAMER = Namer(
    KnownProviders([provider("deepseek-ai", "deepseek"), provider("zai-org", "z-ai", "THUDM")]), registry.GATEWAYS
)


def featherless(model_id: str) -> Offer:
    return offer("featherless", model_id, hugging_face_id=model_id)


def openrouter(model_id: str, *, repository: str | None = None, permanent: str | None = None) -> Offer:
    return offer("openrouter", model_id, hugging_face_id=repository, canonical_slug=permanent or model_id)


def chutes(model_id: str, *, root: str | None = None) -> Offer:
    return offer("chutes", model_id, hugging_face_id=root)


def portkey(host: str, model: str, **fields: Any) -> Offer:
    maker = model.partition("/")[0] if "/" in model else host if host in {"anthropic", "deepseek", "openai"} else None
    own = {"slug": model, "canonical_slug": model, "host": host, "provider_slug": maker}
    return offer("portkey", f"@{host}/{model}", **(own | fields))


def offer(gateway: str, model_id: str, **fields: Any) -> Offer:
    maker = model_id.partition("/")[0] if "/" in model_id else gateway
    own: dict[str, Any] = {"slug": model_id, "canonical_slug": model_id, "provider_slug": maker}
    return Offer(gateway=gateway, id=model_id, **({"model_type": ModelType.LLM} | own | fields))


def decide(
    *offers: Offer, known: Known | None = None, statements: Iterable[Statement] = (), revision: int = 1
) -> Resolution:
    return resolve(offers, namer=NAMER, known=known, statements=statements, revision=revision)


MAKERS = st.sampled_from(["deepseek", "deepseek-ai", "DeepSeek-AI", "acme"])
NAMES = st.sampled_from(
    [
        "m", "M", "m_1", "m-1", "M.1", "m-it", "m-FP8", "m-turbo", "m-turbo-FP8", "m-2025-01-01", "m-20250202",
        "m-1-2025-01-01", "m-latest", "m+", "模", "型", "..", "m-1-n", "m-n-1",
    ]
)  # fmt: skip
IDS = st.builds("{}/{}".format, MAKERS, NAMES)
SPREAD_NAMES = st.builds(
    "{}{}".format,
    st.sampled_from(["crane", "egret", "heron", "ibis", "stork", "rail"]),
    st.sampled_from(["", "", "-it", "-1", "-FP8", "-turbo", "-2025-01-01", "-20250202", "-latest", "+"]),
)
"""Of models that mostly have nothing to do with each other."""


def _of_openrouter(model_id: str, suffix: str, repository: str | None, longer: str) -> Offer:
    return openrouter(model_id + suffix, repository=repository, permanent=model_id + longer)


def offers_called(names: st.SearchStrategy[str]) -> st.SearchStrategy[Offer]:
    ids = st.builds("{}/{}".format, MAKERS, names)
    return st.one_of(
        st.builds(featherless, ids),
        st.builds(
            _of_openrouter,
            ids,
            st.sampled_from(["", "", ":free", ":batch", ":later", ":later:free"]),
            st.none() | ids,
            st.sampled_from(["", "-1", "-2025-01-01", "-it"]),
        ),
        st.builds(lambda model_id, root: chutes(model_id, root=root), ids, st.none() | ids),
        st.builds(chutes, names),
        st.builds(portkey, st.sampled_from(["deepseek", "host"]), ids | names),
    )


def worlds(offers: st.SearchStrategy[Offer], *, size: int = 12) -> st.SearchStrategy[list[Offer]]:
    return st.lists(offers, max_size=size, unique_by=lambda listed: listed.key)


OFFERS = offers_called(NAMES)
WORLDS = worlds(OFFERS)


@st.composite
def statements(draw: st.DrawFn, resolution: Resolution, names: st.SearchStrategy[str] = NAMES) -> list[Statement]:
    """Draw statements of a curator about these offers; not all of them can be followed together."""
    offers = st.sampled_from(sorted(resolution.placements))
    models = st.sampled_from(sorted(resolution.models))
    spellings = models | st.builds("{}/{}".format, MAKERS, names) | names
    statement: st.SearchStrategy[Statement] = st.one_of(
        st.builds(lambda offer, model: Tie(offer=offer, model=model), offers, models),
        st.builds(lambda offer, model: Split(offer=offer, model=model), offers, st.none() | models),
        st.builds(lambda spelling, model: Alias(spelling=spelling, model=model), spellings, models),
    )
    return draw(st.lists(statement, max_size=3))
