"""Chunks of pixels and numbers: as they are, or compressed, or filtered before that."""

from collections.abc import Mapping, Sequence
from functools import partial
from math import prod
from typing import Any, NamedTuple

import numpy as np
from numcodecs.zstd import Zstd
from numpy.typing import NDArray

from faceshards.counted import counted
from faceshards.errors import CorruptShardError
from faceshards.records import UInt8Array
from faceshards.store import layout
from faceshards.store.chunkreader import ChunkReader, check_bounds, compare
from faceshards.store.crc32c import extend
from faceshards.store.filters import IMAGE_DELTA, restore
from faceshards.store.remedies import IF_DAMAGED
from faceshards.store.shardfile import CRC_BYTES
from faceshards.store.storefiles import StoreFiles
from faceshards.store.zstdframe import refuse_other_length


class Coding(NamedTuple):
    """How a chunk is coded.

    Attributes:
        order: of the axes: sample, y, ... where they are not transposed.
        delta: whether `filters.subtract` was applied after that.
        zstd: whether it is compressed.
    """

    order: tuple[int, ...]
    delta: bool
    zstd: bool


def coding(codecs: Mapping[str, Mapping[str, Any] | None], axes: int) -> Coding:
    """What the codecs of an array's metadata do, by name; they were looked at (`arraymetadata`)."""
    transpose = codecs.get("transpose")
    order = range(axes) if transpose is None else transpose["order"]
    return Coding(tuple(order), IMAGE_DELTA in codecs, "zstd" in codecs)


class PixelReader(ChunkReader):
    """See `ChunkReader`.

    Args:
        store: where the array is.
        split: name of its split.
        array: its name.
        coded: how its chunks are coded.
        open_files: how many shards' files it keeps open.
    """

    def __init__(self, store: StoreFiles, split: str, array: str, coded: Coding, open_files: int) -> None:
        super().__init__(store, split, array, store.chunk_rows, open_files)
        self._coding = coded
        shape = (store.chunk_rows, *self._spec.shape)
        self._coded_shape = tuple(shape[axis] for axis in coded.order)
        self._dtype = self._spec.numpy_dtype.newbyteorder("<")
        self._chunk_bytes = prod(shape) * self._dtype.itemsize
        self.as_is = self.one_by_one = not coded.zstd and self._dtype == self._spec.numpy_dtype

    def read(self, number: int, rows: NDArray[np.int64] | None = None) -> NDArray[Any]:  # noqa: ARG002
        """See `ChunkReader.read`; all samples are decoded at once."""
        start, stop = self._bounds(number)
        return self._checked(number, self._decode)[: stop - start]

    def read_to(self, number: int, parts: Sequence[tuple[int, NDArray[Any]]]) -> None:
        """See `ChunkReader.read_to`."""
        self._bounds(number)
        self._checked(number, lambda file, entries: self._scatter(file, entries, parts))

    def read_run(self, number: int, out: NDArray[Any]) -> None:
        """See `ChunkReader.read_run`."""
        rows = self._store.chunk_rows
        last = number + -(-len(out) // rows)
        end = number * rows + len(out)
        if number < 0 or end > self._rows or (len(out) % rows and end != self._rows):
            raise IndexError(
                f"expected whole chunks of split {self._split!r} from chunk {number} on; found "
                f"{counted(len(out), 'sample')}"
            )
        if not out.flags.c_contiguous:
            raise ValueError("the array to read into must be C-contiguous")
        start = number
        while start < last:
            shard, within = divmod(start, self._inner_of_shard)
            stop = min(last, start - within + self._inner_of_shard)
            file = layout.shard_path(self._split, self._spec, shard)
            part = out[(start - number) * rows : (stop - number) * rows].reshape(-1).view(np.uint8)
            self._store.checked(file, partial(self._copy_chunks, file, within, part))
            start = stop

    def _copy_chunks(self, file: str, first: int, out: UInt8Array) -> None:
        size = self._chunk_bytes
        try:
            chunks = self._index(file)[first : first - (-len(out) // size)].tolist()
            opened = self._files.get(file)
            for start, (offset, length, listed) in zip(range(0, len(out), size), chunks, strict=True):
                self._check_length(length)
                check_bounds(opened.size, offset, length)
                stored = opened.mapped[offset : offset + length]
                to = out[start : start + size]
                to[:] = stored[: len(to)]
                crc = extend(0, to)  # of what is handed out, while the processor has it at hand
                crc = extend(crc, stored[len(to) : size]) if len(to) < size else crc
                compare(crc, stored[size:], listed)
        except CorruptShardError:
            raise
        except ValueError as error:
            raise CorruptShardError(f"{self._store.path / file}: it does not decode ({error}). {IF_DAMAGED}") from error

    def _decode(self, file: str, entries: list[list[int]]) -> NDArray[Any]:
        (entry,) = entries
        content = self._read_checked(file, *entry)
        if self._coding.zstd:
            refuse_other_length(content, self._chunk_bytes)
            content = Zstd().decode(content, self._buffer("decoded", self._chunk_bytes))
        values: NDArray[Any] = content.view(self._dtype).reshape(self._coded_shape)
        if self._coding.delta:
            restore(values)
        return values.transpose(np.argsort(self._coding.order))

    def _scatter(self, file: str, entries: list[list[int]], parts: Sequence[tuple[int, NDArray[Any]]]) -> None:
        ((offset, length, listed),) = entries
        self._check_length(length)
        pieces: list[NDArray[Any]] = []
        done = 0
        for first, to in parts:
            if done < first:
                pieces.append(self._unwanted(done, first))
            pieces.append(to)
            done = first + len(to)
        if done < self._store.chunk_rows:
            pieces.append(self._unwanted(done, self._store.chunk_rows))
        self._pread(file, pieces, offset, length, listed)

    def _check_length(self, length: int) -> None:
        if length != self._chunk_bytes + CRC_BYTES:
            raise ValueError(f"{counted(length, 'byte')}, where {self._chunk_bytes + CRC_BYTES:,} are expected")

    def _unwanted(self, start: int, stop: int) -> UInt8Array:
        """Where samples of a chunk go that nobody wants."""
        sample = self._chunk_bytes // self._store.chunk_rows
        return self._buffer("unwanted", self._chunk_bytes)[start * sample : stop * sample]
