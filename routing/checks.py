"""System checks of inference: wrong settings are reported at the start, by their names."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, register

IN_MEMORY = frozenset({"tmpfs", "ramfs"})
MOUNTS = Path("/proc/self/mountinfo")


@register()
def check_spool(app_configs: Sequence[AppConfig] | None, **kwargs: object) -> list[CheckMessage]:
    """Refuse a spool that a restart of the machine or container would lose: it is the only record of what was spent."""
    if settings.INFERENCE != "on":
        return []
    folder: Path = settings.INFERENCE_SPOOL
    if (kind := file_system_of(folder)) in IN_MEMORY:
        return [
            Error(
                f"INFERENCE_SPOOL={folder} is on {kind}, which a restart loses: it records requests before they are "
                "sent. Set it to a folder on a disk or a volume.",
                id="routing.E001",
            )
        ]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        is_writable = os.access(folder, os.W_OK | os.X_OK)
    except OSError as error:
        return [Error(f"INFERENCE_SPOOL={folder} cannot be made: {error.strerror}", id="routing.E002")]
    return [] if is_writable else [Error(f"INFERENCE_SPOOL={folder} cannot be written.", id="routing.E002")]


def file_system_of(folder: Path, *, mounts: Path = MOUNTS) -> str:
    """Return the type of the file system that a folder is on, or will be; empty if that is not known."""
    try:
        lines = mounts.read_text(errors="replace").splitlines()
    except OSError:
        return ""  # not Linux
    path = folder.absolute()
    while not path.exists() and path != path.parent:
        path = path.parent
    path = path.resolve()
    found, longest = "", -1
    for line in lines:
        before, _, after = line.partition(" - ")
        point = Path(before.split()[4].encode().decode("unicode_escape"))
        # The last mount of several at one place is the one that is seen.
        if path.is_relative_to(point) and len(point.parts) >= longest:
            found, longest = after.split()[0], len(point.parts)
    return found
