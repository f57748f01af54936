"""Spellings of models that no gateway uses: ids of Amazon Bedrock, and names with other separators or another ending.

Names are keys of `Namer`: provider, slash, and the name in lower case with hyphens. Ids of Vertex and Azure
(`claude-sonnet-4-5@20250929`, `gpt-4o-2024-08-06`) are such names already.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from catalog.identity.names import TUNED, unnumbered
from catalog.providers import KnownProviders

_BEDROCK = re.compile(
    r"(?:(?P<region>us|us-gov|eu|apac|jp|au|ca|global)\.)?"
    r"(?P<provider>[a-z0-9-]+)\."
    r"(?P<name>[a-z0-9][a-z0-9.-]*?)"
    r"(?:(?P<version>-v[0-9]+)(?P<revision>:[0-9]+)?|(?P<both>-[0-9]+:[0-9]+))?"
    r"(?P<window>:[0-9]+k)?",
    re.IGNORECASE,
)
"""`us.anthropic.claude-sonnet-4-5-20250929-v1:0`, `openai.gpt-oss-120b-1:0`, `amazon.nova-lite-v1:0:24k`.

The region is that of an inference profile, and the last part a context length."""
_DATE = r"20[0-9]{2}-?[01][0-9]-?[0-3][0-9]"
_IS_DATED = re.compile(rf".+-{_DATE}")
_ENDING = re.compile(rf"(?<=.)-(?:{_DATE}|{'|'.join(TUNED)})\Z")
_LONGEST_ENDING = len("-2025-09-29")
_SIZE = re.compile(r"(?<![0-9])[0-9]+[bkmtx](?![a-z])")
_BETWEEN_DIGITS = re.compile(r"(?<=[0-9])-(?=[0-9])")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Another spelling that an id may have, and how the id was read."""

    spelling: str
    evidence: str
    is_sure: bool = True
    """False if a part was left out that may belong to the name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Respelled:
    """Names that have the same characters as a spelling, apart from separators."""

    keys: Sequence[str]
    is_sure: bool
    """False if the provider differs, or if a number may have been split or joined: `gemma27b` may mean `gemma-2-7b` and
    `gemma-27b`."""


def bedrock_readings(asked: str, *, providers: KnownProviders) -> Iterator[Reading]:
    """Yield what an id of Amazon Bedrock may mean, the best reading first; nothing if it is no such id."""
    found = _BEDROCK.fullmatch(asked)
    if found is None or providers.of(found["provider"]) is None:
        return
    spelling = f"{found['provider']}/{found['name']}"
    version = found["version"] or ""
    if version:  # the version may belong to the name: `amazon/nova-pro-v1`
        yield Reading(spelling=spelling + version, evidence=_evidence(found, version=found["revision"] or ""))
    # Without a date, `-v2` distinguishes models: `claude-v2`.
    is_sure = version.casefold() in {"", "-v1"} or _IS_DATED.fullmatch(found["name"]) is not None
    whole = version + (found["revision"] or "") or found["both"] or ""
    yield Reading(spelling=spelling, evidence=_evidence(found, version=whole), is_sure=is_sure)


def _evidence(found: re.Match[str], *, version: str) -> str:
    parts = {"region": found["region"], "provider": found["provider"], "version": version, "context": found["window"]}
    named = ", ".join(f"{name} `{part}`" for name, part in parts.items() if part)
    return f"it is an id of Amazon Bedrock ({named}); read in this way"


class Spellings:
    """Finds names by spellings with other separators, or with another date or word at their end."""

    def __init__(self, keys: Iterable[str]) -> None:
        self._by_joined: dict[str, list[str]] = defaultdict(list)
        self._by_stem: dict[str, list[str]] = defaultdict(list)
        for key in keys:
            if "~" in key and unnumbered(key) != key:
                continue  # the name without the number is another model's
            name = _name(key)
            self._by_joined[_joined(name)].append(key)
            if (stem := _stem(name)) != name:
                self._by_stem[_joined(stem)].append(key)

    def respelled(self, key: str) -> Respelled | None:
        """Return the names with the same letters and digits, of the same provider if there are any."""
        found = self._by_joined.get(_joined(_name(key)), [])
        if not found:
            return None
        own = _of_provider(key, found)
        is_of_provider = bool(own) or "/" not in key
        keys = own or found
        is_sure = is_of_provider and any(_is_clear(_name(key), name) for name in map(_name, keys))
        return Respelled(keys=keys, is_sure=is_sure)

    def of_same_stem(self, key: str) -> Sequence[str]:
        """Return the names that are the same without separators, dates and words such as `instruct` at the end.

        A person has to choose: another date may be another model.
        """
        stem = _joined(_stem(_name(key)))
        found = [*self._by_joined.get(stem, []), *self._by_stem.get(stem, [])]
        return _of_provider(key, found) or found

    def differing_in_separators(self, key: str) -> Sequence[str]:
        """Return the other names, of any provider, that have the same letters and digits."""
        name = _name(key)
        return [other for other in self._by_joined.get(_joined(name), []) if _name(other) != name]


def _is_clear(asked: str, name: str) -> bool:
    """Whether `asked`, which has the letters and digits of `name`, has no other numbers.

    Separators between the digits of a version may be missing, `claude35sonnet`, but not before a size, `70b`.
    """
    in_asked, in_name = _breaks(asked), _breaks(name)
    if in_asked - in_name:
        return False
    missing = in_name - in_asked
    sizes = (range(_place(asked, size.start()) + 1, _place(asked, size.end())) for size in _SIZE.finditer(asked))
    return not any(place in size for size in sizes for place in missing)


def _breaks(name: str) -> set[int]:
    """Return the places of separators between digits, counted without separators."""
    return {_place(name, found.start()) for found in _BETWEEN_DIGITS.finditer(name)}


def _place(name: str, position: int) -> int:
    return position - name.count("-", 0, position)


def _of_provider(key: str, found: Sequence[str]) -> list[str]:
    provider, slash, _ = key.rpartition("/")
    return [other for other in found if slash and other.rpartition("/")[0] == provider]


def _name(key: str) -> str:
    return key.rpartition("/")[2]


def _joined(name: str) -> str:
    return name.replace("-", "")


def _stem(name: str) -> str:
    while found := _ENDING.search(name, len(name) - _LONGEST_ENDING):
        name = name[: found.start()]
    return name
