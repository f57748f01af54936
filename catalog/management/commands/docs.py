from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from drf_spectacular.generators import SchemaGenerator

from catalog.management.generated.endpoints import with_tables


class Command(BaseCommand):
    help = "Write the generated tables of docs/api anew."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--check", action="store_true", help="only fail where one lags")

    def handle(self, *args: Any, **options: Any) -> None:
        document = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]  # drf-spectacular types it partly
        for page in sorted((Path(settings.BASE_DIR) / "docs" / "api").glob("*.md")):
            text = page.read_text()
            current = with_tables(text, document)
            if current != text and options["check"]:
                raise CommandError(f"{page.name} lags; `make docs` writes it anew")
            if current != text:
                page.write_text(current)
                self.stdout.write(f"{page.name} is written anew")
