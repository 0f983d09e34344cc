"""Read inner chunks of shards without Zarr's own reader, whose fixed cost a chunk is as much as decoding one.

Every check is kept: the size of the file, the checksums of the shard's index and of the chunk, and an entry of the
index that says "not written" is an error, not fill values. Layout: Zarr v3 sharding codec 1.0, index at the end.
"""

import math
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache, partial
from itertools import islice
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numcodecs.zstd import Zstd
from numpy.typing import NDArray

from faceshards.errors import CorruptShardError, StoreFormatError
from faceshards.records import UInt8Array
from faceshards.store import layout
from faceshards.store.crc32c import extend
from faceshards.store.filters import IMAGE_DELTA, restore
from faceshards.store.openfiles import OpenFiles
from faceshards.store.reader import IF_DAMAGED, Store

_T = TypeVar("_T")
_CRC_BYTES = 4
_UNCOMPRESSED = ["bytes", "crc32c"]
_PLAIN = ["bytes", "zstd", "crc32c"]
_FILTERED = ["transpose", IMAGE_DELTA]
_INDEXES_KEPT = 4096  # of 16 bytes a chunk: 4 MB where a shard has 64
_BUFFERS = 1024  # that the system fills at one go, at most: IOV_MAX of Linux and macOS


class _Layout(NamedTuple):
    """How a chunk is coded.

    Attributes:
        order: of the axes: sample, y, ... where they are not transposed.
        delta: whether `filters.subtract` was applied after that.
        zstd: whether it is compressed.
    """

    order: tuple[int, ...]
    delta: bool
    zstd: bool


class ChunkReader:
    """Chunks of one array of one split. Threads may share it; each has buffers of its own, which it uses again.

    Args:
        store: where the array is.
        split: name of its split.
        array: its name.

    Attributes:
        as_is: whether samples lie in the file as in memory, which is what `read_to` wants.

    Raises:
        StoreFormatError: it is coded in a way that this release does not know.
        MissingShardError, CorruptShardError: its metadata is gone or damaged.
    """

    def __init__(self, store: Store, split: str, array: str) -> None:
        self._store, self._split = store, split
        self._spec = store.arrays[array]
        self._rows = store.splits[split]
        self._layout = _parse(store.array_metadata(split, array), f"{store.path}: {split}/{array}")
        shape = (store.chunk_rows, *self._spec.shape)
        self._coded_shape = tuple(shape[axis] for axis in self._layout.order)
        self._dtype = self._spec.numpy_dtype.newbyteorder("<")
        self._chunk_bytes = math.prod(shape) * self._dtype.itemsize
        self.as_is = not self._layout.zstd and self._dtype == self._spec.numpy_dtype
        self._buffers = threading.local()
        self._index = lru_cache(_INDEXES_KEPT)(self._read_index)
        self._files = OpenFiles(store)

    def read(self, number: int) -> NDArray[Any]:
        """Decode one chunk.

        Args:
            number: of the chunk, within the split.

        Returns:
            (n, ...) of its samples, n fewer than `chunk_rows` in the last one; the thread's next `read` may overwrite
            them.

        Raises:
            IndexError: there is no such chunk.
            MissingShardError: the shard's file is gone.
            CorruptShardError: it has another size than the inventory says, or a checksum fails.
        """
        start, stop = self._bounds(number)
        return self._checked(number, self._decode)[: stop - start]

    def read_to(self, number: int, parts: Sequence[tuple[int, NDArray[Any]]]) -> None:
        """Read samples of a chunk right to where they are wanted, which spares a copy. Only where it is `as_is`.

        What was written there counts only once this returns: it is checked afterwards, while the processor has it at
        hand.

        Args:
            number: of the chunk, within the split.
            parts: the number of a sample in the chunk, and a C-contiguous (n, ...) array of the array's dtype for it
                and those after it; ascending, without a sample that comes twice.

        Raises:
            IndexError: there is no such chunk.
            MissingShardError, CorruptShardError: as in `read`; what the parts hold then is undefined.
        """
        self._bounds(number)
        self._checked(number, lambda file, offset, length: self._scatter(file, offset, length, parts))

    def read_run(self, number: int, out: NDArray[Any]) -> None:
        """Read whole chunks, one after the other, as `read_to` does: only where samples are stored `as_is`.

        Args:
            number: of the first chunk, within the split.
            out: C-contiguous (n, ...) of the array's dtype, for all samples of these chunks.

        Raises:
            IndexError: there are no such chunks.
            MissingShardError, CorruptShardError: as in `read`; what `out` holds then is undefined.
        """
        rows = self._store.chunk_rows
        per_shard = self._store.shard_rows // rows
        last = number + -(-len(out) // rows)
        end = number * rows + len(out)
        if number < 0 or end > self._rows or (len(out) % rows and end != self._rows):
            raise IndexError(f"{len(out)} samples from chunk {number} on are not whole chunks of split {self._split!r}")
        if not out.flags.c_contiguous:
            raise ValueError("the array to read into must be C-contiguous")
        start = number
        while start < last:
            shard, within = divmod(start, per_shard)
            stop = min(last, start - within + per_shard)
            file = layout.shard_path(self._split, self._spec, shard)
            part = out[(start - number) * rows : (stop - number) * rows].reshape(-1).view(np.uint8)
            self._store.checked(file, partial(self._copy_chunks, file, within, part))
            start = stop

    def _copy_chunks(self, file: str, first: int, out: UInt8Array) -> None:
        size = self._chunk_bytes
        try:
            chunks = self._index(file)[first : first - (-len(out) // size)].tolist()
            opened = self._files.get(file)
            for start, (offset, length) in zip(range(0, len(out), size), chunks, strict=True):
                self._check_length(length)
                _check_bounds(opened.size, offset, length)
                stored = opened.mapped[offset : offset + length]
                to = out[start : start + size]
                to[:] = stored[: len(to)]
                crc = extend(0, to)  # of what is handed out, while the processor has it at hand
                _compare(extend(crc, stored[len(to) : size]) if len(to) < size else crc, stored[size:])
        except CorruptShardError:
            raise
        except ValueError as error:
            raise CorruptShardError(f"{self._store.path / file}: it does not decode ({error}). {IF_DAMAGED}") from error

    def _bounds(self, number: int) -> tuple[int, int]:
        size = self._store.chunk_rows
        start, stop = number * size, min((number + 1) * size, self._rows)
        if not 0 <= start < stop:
            raise IndexError(f"chunk {number} of split {self._split!r}: it has {-(-self._rows // size)}")
        return start, stop

    def _checked(self, number: int, fetch: Callable[[str, int, int], _T]) -> _T:
        """What `fetch` gives, of the file, the chunk's offset in it, and its length."""
        shard, within = divmod(number, self._store.shard_rows // self._store.chunk_rows)
        file = layout.shard_path(self._split, self._spec, shard)

        def read() -> _T:
            offset, length = self._index(file)[within].tolist()
            try:
                return fetch(file, offset, length)
            except CorruptShardError:
                raise
            except (ValueError, RuntimeError) as error:
                start, stop = self._bounds(number)
                raise CorruptShardError(
                    f"{self._store.path / file}: rows {start}..{stop - 1} of split {self._split!r} do not decode "
                    f"({error}). {IF_DAMAGED}"
                ) from error

        return self._store.checked(file, read)

    def _decode(self, file: str, offset: int, length: int) -> NDArray[Any]:
        content = self._read_checked(file, offset, length)
        if self._layout.zstd:
            out = self._buffer("decoded", self._chunk_bytes)
            content = Zstd().decode(content, out)
        values: NDArray[Any] = content.view(self._dtype).reshape(self._coded_shape)
        if self._layout.delta:
            restore(values)
        return values.transpose(np.argsort(self._layout.order))

    def _scatter(self, file: str, offset: int, length: int, parts: Sequence[tuple[int, NDArray[Any]]]) -> None:
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
        self._pread(file, pieces, offset, length)

    def _check_length(self, length: int) -> None:
        if length != self._chunk_bytes + _CRC_BYTES:
            raise ValueError(f"{length} bytes, where {self._chunk_bytes + _CRC_BYTES} are expected")

    def _unwanted(self, start: int, stop: int) -> UInt8Array:
        """Where samples of a chunk go that nobody wants."""
        sample = self._chunk_bytes // self._store.chunk_rows
        return self._buffer("unwanted", self._chunk_bytes)[start * sample : stop * sample]

    def _read_index(self, file: str) -> NDArray[np.uint64]:
        """(chunks of a shard, 2): offset and length of each."""
        chunks = self._store.shard_rows // self._store.chunk_rows
        size = self._store.file_size(file)
        length = 16 * chunks + _CRC_BYTES
        try:
            content = self._read_checked(file, size - length, length)
        except CorruptShardError:
            raise
        except ValueError as error:
            raise CorruptShardError(
                f"{self._store.path / file}: its index does not decode ({error}). {IF_DAMAGED}"
            ) from error
        return np.array(content, order="C").view("<u8").reshape(chunks, 2)

    def _read_checked(self, file: str, offset: int, length: int) -> UInt8Array:
        if length < _CRC_BYTES:
            raise ValueError(f"no room for a checksum in {length} bytes")
        into = self._buffer("encoded", length - _CRC_BYTES)
        self._pread(file, [into], offset, length)
        return into

    def _pread(self, file: str, into: Sequence[NDArray[Any]], offset: int, length: int) -> None:
        """Fill arrays, one after the other, with bytes of a file that their checksum follows."""
        opened = self._files.get(file)
        _check_bounds(opened.size, offset, length)
        stored = bytearray(_CRC_BYTES)
        buffers: Iterator[Any] = iter([*into, stored])
        found = 0
        while some := list(islice(buffers, _BUFFERS)):
            found += os.preadv(opened.descriptor, some, offset + found)
        if found != length:
            raise ValueError(f"{length} bytes at {offset} expected, {found} read")
        crc = 0
        for piece in into:
            crc = extend(crc, piece)
        _compare(crc, stored)

    def _buffer(self, name: str, length: int) -> UInt8Array:
        held: UInt8Array | None = getattr(self._buffers, name, None)
        if held is None or len(held) < length:
            held = np.empty(length, np.uint8)
            setattr(self._buffers, name, held)
        return held[:length]


def _check_bounds(size: int, offset: int, length: int) -> None:
    if not 0 <= offset <= offset + length <= size:
        raise ValueError(f"no {length} bytes at {offset} in it")


def _compare(crc: int, stored: bytearray | UInt8Array) -> None:
    if crc != int.from_bytes(stored, "little"):
        raise ValueError("its CRC-32C does not fit")


def _parse(metadata: dict[str, Any], what: str) -> _Layout:
    (sharding,) = metadata["codecs"]
    codecs = {codec["name"]: codec.get("configuration") for codec in sharding["configuration"]["codecs"]}
    names = list(codecs)
    if names not in (_UNCOMPRESSED, _PLAIN, [*_FILTERED, *_PLAIN]):
        raise StoreFormatError(f"{what} is coded with {', '.join(names)}, which this release does not know; upgrade")
    unchanged = range(len(metadata["shape"]))
    order = codecs["transpose"]["order"] if "transpose" in codecs else unchanged
    return _Layout(tuple(order), IMAGE_DELTA in codecs, "zstd" in codecs)
