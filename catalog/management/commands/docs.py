"""Writes the generated parts of the documents: tables from the OpenAPI document and from the gateways' declarations."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from catalog.management.generated import endpoints, formats, gateways, roles
from catalog.management.generated.parts import UnknownPart, Writer, with_parts

FILES = ("README.md", ".env.example", "docker-compose.yml", "fixtures/SOURCES.md", "docs/**/*.md")


class Command(BaseCommand):
    help = "Write the generated parts of the documents."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--check", action="store_true", help="write nothing, and fail if a part lags")

    def handle(self, *args: Any, **options: Any) -> None:
        changed = changes(Path(settings.BASE_DIR))
        if changed and options["check"]:
            raise CommandError(f"generated parts lag in {', '.join(changed)}; run `make docs`")
        for name, text in changed.items():
            (Path(settings.BASE_DIR) / name).write_text(text, encoding="utf-8")
            self.stdout.write(f"wrote {name}")


def changes(root: Path) -> dict[str, str]:
    """Return the new texts of the files below `root` whose generated parts lag, by their names. Raises CommandError if
    a marker names an unknown part."""
    writers: Mapping[str, Writer] = {
        **endpoints.writers(),
        "formats": formats.index,
        "roles": roles.table_of_roles,
        "gateways": gateways.writer(fixtures=root / "fixtures"),
    }
    found = {}
    for path in sorted(path for pattern in FILES for path in root.glob(pattern)):
        text = path.read_text(encoding="utf-8")
        try:
            current = with_parts(text, writers)
        except UnknownPart as error:
            raise CommandError(f"{path.name}: {error}") from None
        if current != text:
            found[str(path.relative_to(root))] = current
    return found
