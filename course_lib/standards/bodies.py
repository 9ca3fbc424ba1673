"""A body, unpacked as it arrives: content codings (RFC 9110, section 8.4)."""

import zlib
from collections.abc import Iterator

ACCEPTED = "gzip, deflate"
"""What to send as Accept-Encoding: what is unpacked here."""

_MOST_CODINGS = 5  # one is usual; a chain is work for whoever unpacks it
_STEP = 65_536  # bytes that are made at once: a bomb is noticed when it is no larger than that


class UnpackError(ValueError):
    """A body that is not what its header says."""


class UnknownCoding(UnpackError):
    """A body packed in a way that nobody asked for and nothing here can undo."""


class TooLarge(UnpackError):
    """A body that unpacks to more than was allowed."""


class Unpacker:
    """Undoes what Content-Encoding names, one coding after another.

    content_encoding: the header's value, several joined by commas
    limit: bytes that may come out of any of the codings
    Raises UnknownCoding for a coding but gzip, x-gzip and deflate.
    """

    def __init__(self, content_encoding: str, limit: float = float("inf")) -> None:
        names = [name.strip(" \t").lower() for name in content_encoding.split(",")]
        names = [name for name in names if name not in ("", "identity")]
        for name in names:
            if name not in ("gzip", "x-gzip", "deflate"):
                raise UnknownCoding(f"Content-Encoding is {name[:40]!r}, and only {ACCEPTED} was asked for")
        if len(names) > _MOST_CODINGS:
            raise UnknownCoding(f"Content-Encoding names {len(names)} codings, more than {_MOST_CODINGS}")
        self._stages = [_Stage(name, limit) for name in reversed(names)]  # the last was put on last

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield what comes out, in small pieces, each made when it is asked for.

        Raises UnpackError for what is not in that coding, TooLarge beyond the limit.
        """
        yield from self._through(data, 0)

    def end(self) -> None:
        """Raise UnpackError when the body has ended too early."""
        for stage in self._stages:
            stage.end()

    def _through(self, data: bytes, stage: int) -> Iterator[bytes]:
        if stage == len(self._stages):
            yield data
            return
        for piece in self._stages[stage].feed(data):
            yield from self._through(piece, stage + 1)


class _Stage:
    """One coding, undone."""

    def __init__(self, name: str, limit: float) -> None:
        self._name, self._limit, self._size = name, limit, 0
        self._unpack: zlib._Decompress | None = None  # None between the members of a gzip
        self._begun = b""  # the first byte of what may be a member, as long as there is no second
        self._members = 0

    def feed(self, data: bytes) -> Iterator[bytes]:
        data, self._begun = self._begun + data, b""
        while data:
            if self._unpack is None:
                if len(data) == 1:
                    self._begun = data
                    return
                if self._members and (self._name == "deflate" or not data.startswith(b"\x1f\x8b")):
                    return  # padding; gzip may go on with another member (RFC 1952, section 2.2)
                self._unpack = zlib.decompressobj(self._window(data))
            unpack, full = self._unpack, True
            while full and not unpack.eof:
                try:
                    piece = unpack.decompress(data, _STEP)
                except zlib.error as error:
                    raise UnpackError(f"the body is no {self._name}: {error}") from None
                data, full = unpack.unconsumed_tail, len(piece) == _STEP
                self._size += len(piece)
                if self._size > self._limit:
                    raise TooLarge(f"the body unpacks to more than {self._limit} bytes")
                if piece:
                    yield piece
            if unpack.eof:
                data, self._unpack = unpack.unused_data, None
                self._members += 1

    def end(self) -> None:
        if self._unpack is not None or (self._begun and not self._members):
            raise UnpackError(f"the body's {self._name} ends too early")

    def _window(self, data: bytes) -> int:
        if self._name != "deflate":
            return 31
        # zlib's format is meant (section 8.4.1.2), and some send what is inside it alone.
        return zlib.MAX_WBITS if data[0] & 0x0F == 8 and int.from_bytes(data[:2], "big") % 31 == 0 else -zlib.MAX_WBITS
