"""Rewrites the golden files from today's answers, for review: `python -m tests.catalog.formats.regenerate`."""

from __future__ import annotations

import json
import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
django.setup()

from catalog.formats.registry import FORMATS  # noqa: E402  the apps must be loaded first
from tests.catalog.formats import golden  # noqa: E402  likewise


def main() -> None:
    golden.EXPECTED.mkdir(exist_ok=True)
    for slug, of in FORMATS.items():
        text = json.dumps(golden.answers(of), indent=2, default=float)
        golden.path_of(slug).write_text(f"{text}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
