"""Rewrites `fixtures/expected`: `python -m tests.catalog.gateways.regenerate`."""

from __future__ import annotations

from tests.catalog.gateways.cases import CASES, FIXTURES, expected_text


def main() -> None:
    folder = FIXTURES / "expected"
    folder.mkdir(exist_ok=True)
    stale = {path.name for path in folder.glob("*.json")}
    for case in CASES:
        case.expected_path.write_text(expected_text(case.gateway, case.listing()), encoding="utf-8")
        stale.discard(case.expected_path.name)
    for name in stale:
        (folder / name).unlink()


if __name__ == "__main__":
    main()
