"""Content codings of files, undone piece by piece, so that a file that was cut short is noticed.

aiohttp (3.14.5) takes a gzip stream that ends early for a whole one. Pure.
"""

import zlib

_GZIP, _ZLIB, _BARE = 31, 15, -15
"""The window sizes by which zlib knows the formats."""
_IS_ZLIB = 8
"""The low half of the first byte of a stream with zlib's header."""
NONE = frozenset({"", "identity"})
KNOWN = frozenset({"gzip", "x-gzip", "deflate"})


class Inflater:
    """Undoes one coding of `KNOWN`."""

    def __init__(self, coding: str) -> None:
        self._coding = coding
        self._stream: zlib._Decompress | None = None

    def feed(self, piece: bytes, *, at_most: int) -> bytes:
        """Returns the content of the piece, up to so many bytes.

        Raises:
            zlib.error: it is not in this coding.
        """
        if self._stream is None and piece:
            is_bare = self._coding == "deflate" and piece[0] & 0xF != _IS_ZLIB
            window = _BARE if is_bare else _ZLIB if self._coding == "deflate" else _GZIP
            self._stream = zlib.decompressobj(window)
        return b"" if self._stream is None else self._stream.decompress(piece, at_most)

    @property
    def is_whole(self) -> bool:
        """True once the stream has come to its end, and nothing came after it."""
        stream = self._stream
        return stream is not None and stream.eof and not stream.unused_data
