"""A file split into ``X.001``, ``X.002``, ..., read as the one file it was."""

import errno
import io
import os
from bisect import bisect_right
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from faceshards.errors import SourceNotFoundError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


class SplitFile(io.RawIOBase):
    """The concatenation of files, seekable and read-only.

    Reads are positional (`os.pread`), so a forked process that inherits the descriptors does not move this one's place.

    Args:
        parts: the pieces, in order.
    """

    def __init__(self, parts: list[Path]) -> None:
        self._files = [part.open("rb", buffering=0) for part in parts]
        sizes = [os.fstat(file.fileno()).st_size for file in self._files]
        self._starts = [0, *accumulate(sizes)]
        self._at = 0

    def readable(self) -> bool:
        """Always."""
        return True

    def seekable(self) -> bool:
        """Always."""
        return True

    def tell(self) -> int:
        """The place of the next read, in bytes from the start of the first part."""
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move the place of the next read, as `io.IOBase.seek`."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._starts[-1]}[whence]
        if base + offset < 0:
            raise OSError(
                errno.EINVAL, f"cannot seek to byte {base + offset}"
            )  # as a plain file, on which zipfile counts
        self._at = base + offset
        return self._at

    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        """Read up to the end of the buffer or of the part at hand; 0 at the end of the last."""
        part = bisect_right(self._starts, self._at) - 1
        if part == len(self._files):
            return 0
        count = os.preadv(self._files[part].fileno(), [buffer], self._at - self._starts[part])
        self._at += count
        return count

    def close(self) -> None:
        """Close every part."""
        for file in self._files:
            file.close()
        super().close()


def open_split(path: Path) -> BinaryIO:
    """Open a file, or a split file by its first part ``X.001``.

    Raises:
        SourceNotFoundError: a part between the first and the last that is there is missing.
    """
    return cast(BinaryIO, io.BufferedReader(SplitFile(parts_of(path))))


def parts_of(path: Path) -> list[Path]:
    """The files of a split file by its first part ``X.001``, in order; any other file alone.

    Raises:
        SourceNotFoundError: a part between the first and the last that is there is missing.
    """
    if path.suffix != ".001":
        return [path]
    found = {int(p.suffix[1:]): p for p in path.parent.glob(f"{path.stem}.[0-9][0-9][0-9]")}
    for number in range(1, max(found)):
        if number not in found:
            raise SourceNotFoundError(f"{path.with_suffix(f'.{number:03d}')}: this part of {path.stem} is missing")
    return [found[number] for number in sorted(found)]
