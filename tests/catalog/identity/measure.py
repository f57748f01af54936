"""What the rules make of the bundled catalogues, and of the pairs that were judged by hand.

python -m tests.catalog.identity.measure            the figures
python -m tests.catalog.identity.measure --ties     and every tie, to be read by eye
python -m tests.catalog.identity.measure --misses   and the pairs of one model that are not tied
"""

from __future__ import annotations

import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator

from catalog.identity.offers import Offer, OfferKey
from catalog.identity.resolution import Resolution
from catalog.registry import GATEWAYS
from tests.catalog.gateways.cases import bundled as bundled_listing
from tests.catalog.identity.labelled import Verdict, offers, pairs, resolved, verdict


def bundled() -> list[Offer]:
    """The offers of all bundled catalogues."""
    return [
        Offer.of(slug, gateway.record(row))
        for slug, gateway in GATEWAYS.items()
        for row in bundled_listing(gateway).rows
    ]


def figures(resolution: Resolution) -> Iterator[str]:
    models = members(resolution)
    spans = {model: len({gateway for gateway, _ in keys}) for model, keys in models.items()}
    tied = [key for model, keys in models.items() if spans[model] > 1 for key in keys]
    yield f"{len(resolution.placements)} offers of {len(models)} models"
    yield f"{len(tied)} offers tied to {sum(span > 1 for span in spans.values())} models at several gateways"
    for span, count in sorted(Counter(spans.values()).items()):
        yield f"  {count} models at {span} gateways"
    for rule, count in Counter(resolution.placements[key].rule for key in tied).most_common():
        yield f"  {count} offers by {rule}"


def ties(resolution: Resolution) -> Iterator[str]:
    for model, keys in sorted(members(resolution).items()):
        if len(keys) > 1:
            yield model
            for key in sorted(keys):
                placement = resolution.placements[key]
                yield f"    {' '.join(key)}  [{placement.rule}{f', {placement.variant}' if placement.variant else ''}]"


def members(resolution: Resolution) -> dict[str, list[OfferKey]]:
    found: dict[str, list[OfferKey]] = defaultdict(list)
    for key, placement in resolution.placements.items():
        found[placement.model].append(key)
    return found


def judged() -> Iterator[str]:
    resolution = resolved(offers())
    verdicts = [(pair, verdict(pair, resolution)) for pair in pairs()]
    tied = [(pair, found) for pair, found in verdicts if found is not Verdict.DIFFERENT]
    right = sum(found is pair.verdict for pair, found in tied)
    one = sum(pair.verdict is not Verdict.DIFFERENT for pair, _ in verdicts)
    yield f"{len(verdicts)} pairs, {one} of one model; {len(tied)} tied, {right} of them rightly"
    yield f"precision {right / len(tied):.3f}, recall {right / one:.3f}"


def misses() -> Iterator[str]:
    resolution = resolved(offers())
    for pair in pairs():
        if pair.verdict is not Verdict.DIFFERENT and verdict(pair, resolution) is Verdict.DIFFERENT:
            yield f"{' '.join(pair.one)} and {' '.join(pair.other)}: {pair.why}"


def main(arguments: list[str]) -> None:
    listed = bundled()
    started = time.perf_counter()
    resolution = resolved(listed)
    took = time.perf_counter() - started
    lines = [*figures(resolution), f"in {took * 1000:.0f} ms", *judged()]
    if "--ties" in arguments:
        lines += ties(resolution)
    if "--misses" in arguments:
        lines += misses()
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
