"""The logos of providers: files of an icon set that `make logos` fetches, or a letter if there is no such file.

The icon set is the npm package `@lobehub/icons-static-svg` (MIT). Gatewayz works without it: `make run` needs no npm.
"""

from __future__ import annotations

import hashlib
import tarfile
from collections.abc import Collection
from html import escape
from pathlib import Path

SHA512 = (
    "1f0ec43cf8159c2e0d64b5c17d33491ba872420a8409f50f0b5d55557a1d3d2a"
    "f569e6ca705c436654a9c615b060d74273a6e1c69b3fc794ed5e83e67ca1f66a"
)
"""The digest of the package that was reviewed: its files contain no scripts and no references."""

_LARGEST = 500_000
_LETTER = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 48 48" role="img" aria-label="{name}">'
    '<rect width="48" height="48" rx="10" fill="#e7e5e4"/>'
    '<text x="24" y="33" text-anchor="middle" font-family="system-ui, sans-serif" font-size="26" font-weight="600" '
    'fill="#57534e">{letter}</text></svg>'
)


class WrongPackage(ValueError):
    """The file is not the icon set that was reviewed."""


def install(package: Path, *, into: Path, icons: Collection[str]) -> list[str]:
    """Unpack these icons, in colour if possible, and return the ones that the package lacks. Raises WrongPackage."""
    if hashlib.sha512(package.read_bytes()).hexdigest() != SHA512:
        raise WrongPackage(f"{package.name} is not the package that this version of Gatewayz knows")
    into.mkdir(parents=True, exist_ok=True)
    with tarfile.open(package) as files:
        members = {Path(member.name).stem: member for member in files if member.isfile() and "/icons/" in member.name}
        found = {icon: members.get(f"{icon}-color") or members.get(icon) for icon in sorted(icons)}
        for icon, member in found.items():
            source = files.extractfile(member) if member and member.size <= _LARGEST else None
            if source:
                (into / f"{icon}.svg").write_bytes(source.read())
    return [icon for icon, member in found.items() if member is None]


def svg_of(icon: str | None, *, name: str, folder: Path) -> bytes:
    """Return the SVG of a provider's logo, or its first letter if the icon does not exist or was not fetched."""
    try:
        if icon:
            return (folder / f"{icon}.svg").read_bytes()
    except FileNotFoundError:
        pass
    letter = next((character.upper() for character in name if character.isalnum()), "?")
    return _LETTER.format(name=escape(name), letter=escape(letter)).encode()
