from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from catalog import logos, registry


class Command(BaseCommand):
    help = "Write the logos of providers from the icon package, which `make logos` downloads."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("package", type=Path, help="the file that `npm pack` wrote")

    def handle(self, *args: Any, **options: Any) -> None:
        wanted = registry.PROVIDERS.icons
        try:
            missing = logos.install(options["package"], into=settings.LOGOS_DIR, icons=wanted)
        except (OSError, logos.WrongPackage) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"wrote {len(wanted) - len(missing)} logos to {settings.LOGOS_DIR.name}/")
        if missing:
            self.stdout.write(f"the package has no logo for {', '.join(missing)}")
