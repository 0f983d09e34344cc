"""Faces that lie in their shard as image files, one an inner chunk: each is read and decoded by itself."""

from collections.abc import Iterator, Sequence
from functools import partial
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from faceshards.records import UInt8Array
from faceshards.store.chunkreader import ChunkReader, without_checksum
from faceshards.store.imagecodec import IMAGE_FILE
from faceshards.store.imagefiles import EncodedImages, decode_to
from faceshards.store.storefiles import StoreFiles

IMAGE_CODECS = [IMAGE_FILE, "crc32c"]


class ImageReader(ChunkReader):
    """See `ChunkReader`. To decode takes OpenCV, without which `read` and `read_to` raise MissingExtraError.

    Args:
        store: where the array is.
        split: name of its split.
        array: its name.
        open_files: how many shards' files it keeps open.
    """

    one_by_one = True
    whole = False

    def __init__(self, store: StoreFiles, split: str, array: str, open_files: int) -> None:
        super().__init__(store, split, array, 1, open_files)
        self._decoded_shape = (store.chunk_rows, *self._spec.shape)

    def read(self, number: int, rows: NDArray[np.int64] | None = None) -> NDArray[Any]:
        """See `ChunkReader.read`."""
        start, stop = self._bounds(number)
        out = self._buffer("decoded", prod(self._decoded_shape)).reshape(self._decoded_shape)[: stop - start]
        wanted: Sequence[int] = range(len(out)) if rows is None else sorted(set(rows.tolist()))
        self._checked(number, partial(self._decode, [(row, out[row]) for row in wanted]))
        return out

    def read_to(self, number: int, parts: Sequence[tuple[int, NDArray[Any]]]) -> None:
        """See `ChunkReader.read_to`."""
        self._bounds(number)
        wanted = [(first + i, image) for first, to in parts for i, image in enumerate(to)]
        self._checked(number, partial(self._decode, wanted))

    def read_files(self, start: int, stop: int) -> EncodedImages:
        """The files of neighbouring samples as they lie there, to be written to another store.

        Args:
            start: row of the first, within the split.
            stop: row behind the last.

        Raises:
            IndexError: the rows are not within the split.
            MissingShardError, CorruptShardError: as in `read`.
        """
        if not 0 <= start <= stop <= self._rows:
            raise IndexError(f"rows {start}..{stop} of split {self._split!r}: it has {self._rows}")
        size = self._store.chunk_rows
        files: list[bytes] = []
        for number in range(start // size, -(-stop // size)):
            first = number * size
            wanted = range(max(start - first, 0), min(stop - first, size))
            files += self._checked(number, partial(self._copies, wanted))
        return EncodedImages(files, self._spec.shape)

    def _decode(self, wanted: Sequence[tuple[int, UInt8Array]], file: str, entries: list[list[int]]) -> None:
        found = self._files_of([row for row, _ in wanted], file, entries)
        for content, (_, to) in zip(found, wanted, strict=True):
            decode_to(content, to)

    def _copies(self, wanted: Sequence[int], file: str, entries: list[list[int]]) -> list[bytes]:
        return [content.tobytes() for content in self._files_of(wanted, file, entries)]

    def _files_of(self, wanted: Sequence[int], file: str, entries: list[list[int]]) -> Iterator[UInt8Array]:
        """The image files of some samples; the thread's next call overwrites them."""
        for start, stop in _neighbours(wanted, entries):
            offset = entries[wanted[start]][0]
            lengths = [entries[row][1] for row in wanted[start:stop]]
            run = self._read_bytes(file, offset, sum(lengths))
            end = 0
            for row, length in zip(wanted[start:stop], lengths, strict=True):
                begin, end = end, end + length
                yield without_checksum(run[begin:end], entries[row][2])


def _neighbours(wanted: Sequence[int], entries: list[list[int]]) -> Iterator[tuple[int, int]]:
    """Runs of wanted samples that lie one behind the other in the file: where they begin in `wanted`, and end."""
    start = 0
    for i in range(1, len(wanted) + 1):
        if i == len(wanted) or entries[wanted[i]][0] != sum(entries[wanted[i - 1]][:2]):
            yield start, i
            start = i
