"""Large bodies: hashed and compressed part by part, stored as compressed bytes only, and sent piece by piece.

The whole body is never in memory. No step holds the interpreter for long, so that the event loop gets it in between.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain

import brotli

LARGE_BYTES = 4_000_000
"""From this size on, only compressed bytes of a body are stored: a whole catalogue then takes a twentieth of the
memory."""
PIECE_BYTES = 65_536
BROTLI_QUALITY, GZIP_LEVEL = 3, 3
_BROTLI_WINDOW = 18
"""The logarithm of the window: each client that reads the plain bytes needs so much memory, 256 KiB."""
"""Lower than for small bodies: the last tenth is not worth the wait."""
_GZIP_WINDOW = 31
"""zlib's number for the largest window with the header of gzip, which has no time: equal bodies are equal bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LargeBody:
    compressed: bytes
    """The body in brotli."""
    length: int
    """The number of its plain bytes."""
    digest: str
    """The SHA-256 of its plain bytes, in hexadecimal."""

    @classmethod
    def of(cls, parts: Iterable[bytes]) -> LargeBody:
        compressor, sha256 = brotli.Compressor(quality=BROTLI_QUALITY, lgwin=_BROTLI_WINDOW), hashlib.sha256()
        compressed: list[bytes] = []
        length = 0
        for part in parts:
            sha256.update(part)
            length += len(part)
            compressed.append(compressor.process(part))
        compressed.append(compressor.finish())
        return cls(compressed=b"".join(compressed), length=length, digest=sha256.hexdigest())

    def pieces(self) -> Iterator[bytes]:
        """Yield the plain bytes in pieces of about PIECE_BYTES."""
        decompressor = brotli.Decompressor()
        rest = self.compressed
        while not decompressor.is_finished():
            if piece := decompressor.process(rest, output_buffer_limit=PIECE_BYTES):
                yield piece
            rest = b""

    __iter__ = pieces

    def gzipped(self) -> bytes:
        compressor = zlib.compressobj(GZIP_LEVEL, wbits=_GZIP_WINDOW)
        return b"".join([*map(compressor.compress, self.pieces()), compressor.flush()])


def body_of(parts: Iterable[bytes], *, large: int | None = None) -> bytes | LargeBody:
    """Return the body that the parts make up: its bytes, or a LargeBody if there are `large` or more; by default
    LARGE_BYTES."""
    most = LARGE_BYTES if large is None else large
    left = iter(parts)
    first: list[bytes] = []
    length = 0
    for part in left:
        first.append(part)
        length += len(part)
        if length >= most:
            return LargeBody.of(chain(first, left))
    return b"".join(first)
