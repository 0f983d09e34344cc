"""Read inner chunks of shards without Zarr's own reader, whose fixed cost a chunk is as much as decoding one.

Every check is kept: the size of the file, the checksums of the shard's index and of the chunk, and an entry of the
index that says "not written" is an error, not fill values. Layout: Zarr v3 sharding codec 1.0, index at the end.
"""

import math
import os
import threading
from collections.abc import Callable, Sequence
from functools import lru_cache
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
        self._files = OpenFiles(store)

    @property
    def as_is(self) -> bool:
        """Whether samples lie in the file as in memory, which is what `read_to` wants."""
        return not self._layout.zstd and self._dtype == self._spec.numpy_dtype

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
            out = self._buffer("decoded", math.prod(self._coded_shape) * self._dtype.itemsize)
            content = Zstd().decode(content, out)
        values: NDArray[Any] = content.view(self._dtype).reshape(self._coded_shape)
        if self._layout.delta:
            restore(values)
        return values.transpose(np.argsort(self._layout.order))

    def _scatter(self, file: str, offset: int, length: int, parts: Sequence[tuple[int, NDArray[Any]]]) -> None:
        unwanted = self._buffer("unwanted", math.prod(self._coded_shape) * self._dtype.itemsize)
        unwanted = unwanted.view(self._dtype).reshape(self._coded_shape)
        pieces: list[NDArray[Any]] = []
        done = 0
        for first, to in parts:
            if done < first:
                pieces.append(unwanted[done:first])
            pieces.append(to)
            done = first + len(to)
        if done < len(unwanted):
            pieces.append(unwanted[done:])
        if sum(piece.nbytes for piece in pieces) != length - _CRC_BYTES:
            raise ValueError(f"{length} bytes, where {unwanted.nbytes + _CRC_BYTES} are expected")
        self._pread(file, pieces, offset, length)

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
        if not 0 <= offset <= offset + length <= self._store.file_size(file):
            raise ValueError(f"no {length} bytes at {offset} in it")
        stored = bytearray(_CRC_BYTES)
        opened = self._files.get(file)
        buffers = iter([*into, stored])
        found = 0
        while some := list(islice(buffers, _BUFFERS)):
            found += os.preadv(opened.descriptor, some, offset + found)
        if found != length:
            raise ValueError(f"{length} bytes at {offset} expected, {found} read")
        crc = 0
        for piece in into:
            crc = extend(crc, piece)
        if crc != int.from_bytes(stored, "little"):
            raise ValueError("its CRC-32C does not fit")

    def _buffer(self, name: str, length: int) -> UInt8Array:
        held: UInt8Array | None = getattr(self._buffers, name, None)
        if held is None or len(held) < length:
            held = np.empty(length, np.uint8)
            setattr(self._buffers, name, held)
        return held[:length]


def _parse(metadata: dict[str, Any], what: str) -> _Layout:
    (sharding,) = metadata["codecs"]
    codecs = {codec["name"]: codec.get("configuration") for codec in sharding["configuration"]["codecs"]}
    names = list(codecs)
    if names not in (_UNCOMPRESSED, _PLAIN, [*_FILTERED, *_PLAIN]):
        raise StoreFormatError(f"{what} is coded with {', '.join(names)}, which this release does not know; upgrade")
    unchanged = range(len(metadata["shape"]))
    order = codecs["transpose"]["order"] if "transpose" in codecs else unchanged
    return _Layout(tuple(order), IMAGE_DELTA in codecs, "zstd" in codecs)
