"""Read inner chunks of shards without Zarr's own reader, whose fixed cost a chunk is as much as decoding one.

Every check is kept: the size of the file, the checksums of the shard's index and of the chunk, and an entry of the
index that says "not written" is an error, not fill values. Layout: Zarr v3 sharding codec 1.0, index at the end.
"""

import math
import mmap
import os
import threading
from functools import lru_cache
from typing import Any, NamedTuple

import google_crc32c
import numpy as np
from numcodecs.zstd import Zstd
from numpy.typing import NDArray

from faceshards.errors import CorruptShardError, StoreFormatError
from faceshards.records import UInt8Array
from faceshards.store import layout
from faceshards.store.filters import IMAGE_DELTA, restore
from faceshards.store.reader import IF_DAMAGED, Store

_CRC_BYTES = 4
_UNCOMPRESSED = ["bytes", "crc32c"]
_PLAIN = ["bytes", "zstd", "crc32c"]
_FILTERED = ["transpose", IMAGE_DELTA]
_INDEXES_KEPT = 4096  # of 16 bytes a chunk: 4 MB where a shard has 64
_MAPS_KEPT = 256  # of files; each is an open file and address space, not memory


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
        self._buffers = threading.local()
        self._index = lru_cache(_INDEXES_KEPT)(self._read_index)
        self._map = lru_cache(_MAPS_KEPT)(self._new_map)

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
        size = self._store.chunk_rows
        start, stop = number * size, min((number + 1) * size, self._rows)
        if not 0 <= start < stop:
            raise IndexError(f"chunk {number} of split {self._split!r}: it has {-(-self._rows // size)}")
        shard, within = divmod(number, self._store.shard_rows // size)
        file = layout.shard_path(self._split, self._spec, shard)
        rows = f"rows {start}..{stop - 1} of split {self._split!r}"
        return self._store.checked(file, lambda: self._read(file, within, rows))[: stop - start]

    def _read(self, file: str, within: int, rows: str) -> NDArray[Any]:
        offset, length = self._index(file)[within].tolist()
        fetch = self._pread if self._layout.zstd else self._mapped
        try:
            return self._decode(fetch(file, offset, length))
        except CorruptShardError:
            raise
        except (ValueError, RuntimeError) as error:
            raise CorruptShardError(
                f"{self._store.path / file}: {rows} do not decode ({error}). {IF_DAMAGED}"
            ) from error

    def _decode(self, encoded: UInt8Array) -> NDArray[Any]:
        content = _checked(encoded)
        if self._layout.zstd:
            out = self._buffer("decoded", math.prod(self._coded_shape) * self._dtype.itemsize)
            content = Zstd().decode(content, out)
        values: NDArray[Any] = content.view(self._dtype).reshape(self._coded_shape)
        if self._layout.delta:
            restore(values)
        return values.transpose(np.argsort(self._layout.order))

    def _read_index(self, file: str) -> NDArray[np.uint64]:
        """(chunks of a shard, 2): offset and length of each."""
        chunks = self._store.shard_rows // self._store.chunk_rows
        size = self._store.file_size(file)
        length = 16 * chunks + _CRC_BYTES
        try:
            content = _checked(self._pread(file, size - length, length))
        except CorruptShardError:
            raise
        except ValueError as error:
            raise CorruptShardError(
                f"{self._store.path / file}: its index does not decode ({error}). {IF_DAMAGED}"
            ) from error
        return np.array(content, order="C").view("<u8").reshape(chunks, 2)

    def _pread(self, file: str, offset: int, length: int) -> UInt8Array:
        self._check_bounds(file, offset, length)
        into = self._buffer("encoded", length)
        with self._store.opened(file) as handle:
            found = os.preadv(handle, [into.data], offset)
        if found != length:
            raise ValueError(f"{length} bytes at {offset} expected, {found} read")
        return into

    def _mapped(self, file: str, offset: int, length: int) -> UInt8Array:
        """The bytes as they lie in the page cache, which spares a copy."""
        self._check_bounds(file, offset, length)
        return self._map(file)[offset : offset + length]

    def _new_map(self, file: str) -> UInt8Array:
        with self._store.opened(file) as handle:
            return np.frombuffer(mmap.mmap(handle, 0, access=mmap.ACCESS_READ), np.uint8)

    def _check_bounds(self, file: str, offset: int, length: int) -> None:
        if not 0 <= offset <= offset + length <= self._store.file_size(file):
            raise ValueError(f"no {length} bytes at {offset} in it")

    def _buffer(self, name: str, length: int) -> UInt8Array:
        held: UInt8Array | None = getattr(self._buffers, name, None)
        if held is None or len(held) < length:
            held = np.empty(length, np.uint8)
            setattr(self._buffers, name, held)
        return held[:length]


def _checked(data: UInt8Array) -> UInt8Array:
    content, stored = data[:-_CRC_BYTES], data[-_CRC_BYTES:]
    if google_crc32c.value(content) != int.from_bytes(stored.tobytes(), "little"):
        raise ValueError("its CRC-32C does not fit")
    return content


def _parse(metadata: dict[str, Any], what: str) -> _Layout:
    (sharding,) = metadata["codecs"]
    codecs = {codec["name"]: codec.get("configuration") for codec in sharding["configuration"]["codecs"]}
    names = list(codecs)
    if names not in (_UNCOMPRESSED, _PLAIN, [*_FILTERED, *_PLAIN]):
        raise StoreFormatError(f"{what} is coded with {', '.join(names)}, which this release does not know; upgrade")
    unchanged = range(len(metadata["shape"]))
    order = codecs["transpose"]["order"] if "transpose" in codecs else unchanged
    return _Layout(tuple(order), IMAGE_DELTA in codecs, "zstd" in codecs)
