"""Records of a RecordIO file by their offset (dmlc-core ``recordio.h``)."""

import os
import struct
import weakref
from pathlib import Path

from faceshards.counted import counted
from faceshards.errors import BadSampleError, SourceFormatError, SourceNotFoundError
from faceshards.recordioformat import LENGTH_BITS, MAGIC, Flag
from faceshards.source.files import MAX_FILE_BYTES
from faceshards.source.names import shown

_HEADER = struct.Struct("<4sI")


class RecordFile:
    """A ``.rec`` file; nothing of it is read before it is asked for.

    A record is a magic word, a length word and the bytes, padded to a multiple of four. Bytes that hold the magic word
    at a multiple of four are cut there into parts, without it; reading puts it back.

    Args:
        path: the file.

    Raises:
        SourceNotFoundError: it is not there.
        SourceFormatError: it does not begin with a record.
    """

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise SourceNotFoundError(f"{path}: expected a RecordIO file; found none")
        # No memory map: its pages would count as memory of the process, for which Dask pauses and ends workers.
        self._file = os.open(path, os.O_RDONLY)
        weakref.finalize(self, os.close, self._file)
        self._size = os.fstat(self._file).st_size
        start = os.pread(self._file, len(MAGIC), 0)
        if start != MAGIC:
            raise SourceFormatError(f"{path}: expected a RecordIO file, beginning with {MAGIC!r}; found {start!r}")
        self._label = shown(path.name)

    def read(self, offset: int) -> bytes:
        """The bytes of the record whose magic word lies at `offset`, all parts joined.

        Raises:
            BadSampleError: ``"corrupt_record"``, or ``"file_too_large"`` above `MAX_FILE_BYTES`.
        """
        flag, part = self._part(offset)
        parts = [self._bytes(part)]
        length = len(parts[0])
        while flag not in (Flag.WHOLE, Flag.LAST):
            flag, part = self._part(-(-part.stop // 4) * 4, continued=True)
            parts.append(self._bytes(part))
            length += len(MAGIC) + len(parts[-1])
            if length > MAX_FILE_BYTES:
                raise BadSampleError(
                    "file_too_large", f"{self._label}: byte {offset:,}: more than {MAX_FILE_BYTES:,} bytes"
                )
        return MAGIC.join(parts)

    def read_start(self, offset: int, count: int) -> bytes:
        """The first bytes of the record at `offset`, without reading the rest.

        Raises:
            BadSampleError: as `read`.
        """
        flag, part = self._part(offset)
        if flag == Flag.WHOLE or part.stop - part.start >= count:
            return self._bytes(slice(part.start, min(part.start + count, part.stop)))
        return self.read(offset)[:count]

    def _part(self, at: int, continued: bool = False) -> tuple[int, slice]:
        """The continuation flag of the part at `at`, and where its bytes lie."""
        what = f"{self._label}: byte {at:,}"
        if not 0 <= at <= self._size - _HEADER.size:
            raise BadSampleError("corrupt_record", f"{what}: expected a record; the file ends at {self._size:,}")
        magic, word = _HEADER.unpack(self._bytes(slice(at, at + _HEADER.size)))
        flag, length = word >> LENGTH_BITS, word & (1 << LENGTH_BITS) - 1
        if magic != MAGIC or flag not in ((Flag.MIDDLE, Flag.LAST) if continued else (Flag.WHOLE, Flag.FIRST)):
            raise BadSampleError("corrupt_record", f"{what}: expected a record; found magic {magic!r} and flag {flag}")
        if length > MAX_FILE_BYTES:
            raise BadSampleError(
                "file_too_large", f"{what}: claims {counted(length, 'byte')}; {MAX_FILE_BYTES:,} allowed"
            )
        start = at + _HEADER.size
        if start + length > self._size:
            raise BadSampleError("corrupt_record", f"{what}: claims {counted(length, 'byte')}; the file ends before")
        return flag, slice(start, start + length)

    def _bytes(self, where: slice) -> bytes:
        found = os.pread(self._file, where.stop - where.start, where.start)
        if len(found) != where.stop - where.start:
            raise BadSampleError(
                "corrupt_record", f"{self._label}: byte {where.start:,}: the file was cut short since it was opened"
            )
        return found
