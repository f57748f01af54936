"""Which answers may be cached, and what all spellings of one query have in common."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest
from django.http import QueryDict
from hypothesis import given
from hypothesis import strategies as st

from catalog.memory.selection import Selection
from catalog.parameters.offer_filters import OfferFilterSet
from catalog.routes import Texts
from tests.catalog.asking import canonical_query
from tests.factories import offer_record, served_row, snapshot_of


@pytest.mark.parametrize(
    ("wordings", "question"),
    [
        (["", "limit=250", "gateway=all&offset=0", "sort=id"], ""),
        (["limit=10&gateway=chutes", "gateway=chutes&limit=010&"], "gateway=chutes&limit=10"),
        (["provider=Qwen", "provider=qwen", "provider=QWEN"], "provider=qwen"),
        (["tags=hot,New", "tags=new&tags=HOT", "tags=hot,hot,new"], "tags=hot%2Cnew"),
        (["model_type=image-generation,LLM", "model_type=LLM&model_type=Image+Generation"], None),
    ],
)
def test_one_question_has_one_wording_however_it_is_asked(wordings: list[str], question: str | None) -> None:
    meant = {canonical_query("/catalog/models", wording) for wording in wordings}

    assert len(meant) == 1
    assert question is None or meant == {question}


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/catalog/models", "limit=0"),
        ("/catalog/models", "bogus=1"),
        ("/catalog/models", "&".join(f"tags={number}" for number in range(2_000))),
        ("/catalog/models", "tags=\u20ac"),
        ("/catalog/gateways", ""),
        ("/catalog/sync/runs/1", ""),
        ("/catalog/modelss", ""),
        ("/healthz", ""),
        ("/metrics", ""),
        ("/admin/", ""),
    ],
)
def test_what_django_alone_answers_is_no_question(path: str, query: str) -> None:
    assert canonical_query(path, query) is None


PARTS = st.sampled_from([*"aZ=&+;%", "%20", "%C3%A9", "%ff", "%2", "\xc3\xa9", "\xff", "\x00"]) | st.text(
    st.characters(max_codepoint=255), max_size=2
)


@given(st.lists(PARTS, max_size=12).map("".join))
def test_a_query_string_is_read_as_by_django(query: str) -> None:
    assert Texts.of(query) == dict(QueryDict(query.encode("latin-1")).lists())


@given(
    st.dictionaries(
        st.sampled_from(["gateway", "provider", "model_type", "tags", "sort", "limit", "offset"]),
        st.sampled_from(["all", "chutes", "Qwen", "LLM,other", "other", "Hot", "hot,New", "-name", "3", "0", "250"]),
    )
)
def test_the_canonical_query_asks_for_the_same_and_is_its_own(asked: dict[str, str]) -> None:
    canonical = canonical_query("/catalog/models", urlencode(asked))
    if canonical is None:
        return
    records = [offer_record(f"{n}/x", provider_slug=("Qwen", "q")[n % 2], tags=("Hot",) * (n % 3)) for n in range(9)]
    everything = Selection.of(snapshot_of(*map(served_row, records)))

    before, after = OfferFilterSet(QueryDict(urlencode(asked))), OfferFilterSet(QueryDict(canonical))

    assert after.canonical() == canonical
    assert before.narrowed(everything).rows == after.narrowed(everything).rows
    assert all(before.values[name] == after.values[name] for name in ("gateway", "sort", "limit", "offset"))
