"""The logos of providers: files of an icon set that come with the product, or a letter if there is no such file.

The icon set is the npm package `@lobehub/icons-static-svg` (MIT); `fixtures/logos/NOTICE.md` says what holds for the
marks. `make logos` writes the files again. A provider's logo is taken out by removing its `icon` in
`fixtures/providers.json`.
"""

from __future__ import annotations

import hashlib
import re
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
_INLINE = re.compile(r' (?:height|width|style)="[^"]*"')
_INK = "<style>svg{color:#121517}@media (prefers-color-scheme:dark){svg{color:#eceeee}}</style>"
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
                (into / f"{icon}.svg").write_bytes(_for_pages(source.read()))
    return [icon for icon, member in found.items() if member is None]


def _for_pages(svg: bytes) -> bytes:
    """Return the icon without the size and style of inline text, and in the ink of a light or a dark page.

    An icon in one colour takes that of the text around it, but an `<img>` has none: its picture would be black.
    """
    text = _INLINE.sub("", svg.decode(), count=3)
    return (text.replace(">", f">{_INK}", 1) if "currentColor" in text else text).encode()


def svg_of(icon: str | None, *, name: str, folder: Path) -> bytes:
    """Return the SVG of a provider's logo, or its first letter if the icon does not exist or was not fetched."""
    try:
        if icon:
            return (folder / f"{icon}.svg").read_bytes()
    except FileNotFoundError:
        pass
    letter = next((character.upper() for character in name if character.isalnum()), "?")
    return _LETTER.format(name=escape(name), letter=escape(letter)).encode()
