"""Bytes of inner chunks out of shard files, without Zarr's own reader, whose fixed cost a chunk is as much as decoding
one.

Every check is kept: the size of the file, the checksums of the shard's index and of the chunk, and an entry of the
index that says "not written" is an error, not fill values. And the checksum of the chunk is the one that the store's
inventory lists for its place, so that whole chunks and files that changed places, or are of another version or store,
are known as well, for the price of comparing two numbers. Layout: Zarr v3 sharding codec 1.0, index at the end.
"""

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import islice
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from faceshards.counted import counted
from faceshards.errors import CorruptShardError
from faceshards.faulttext import is_shortage
from faceshards.records import UInt8Array
from faceshards.store import layout
from faceshards.store.crc32c import extend
from faceshards.store.openfiles import OpenFiles
from faceshards.store.remedies import IF_DAMAGED
from faceshards.store.shardfile import CRC_BYTES, index_bytes
from faceshards.store.storefiles import StoreFiles

_T = TypeVar("_T")
_INDEX_BYTES_KEPT = 1 << 24  # of all indexes together, at most
_INDEX_ENTRY_KEPT = 24
_BUFFERS = 1024  # that the system fills at one go, at most: IOV_MAX of Linux and macOS


class ChunkReader(ABC):
    """Chunks of one array of one split. Threads may share it; each has buffers of its own, which it uses again.

    A chunk has `store.chunk_rows` samples here, however many inner chunks of the shard they lie in.

    Args:
        store: where the array is.
        split: name of its split.
        array: its name.
        inner_rows: samples of an inner chunk of its shards; divides `store.chunk_rows`.
        open_files: how many shards' files it keeps open.

    Attributes:
        as_is: whether samples lie in the file as in memory, which is what `read_run` wants.
        one_by_one: whether samples can be read one by one, which is what `read_to` wants.
        whole: whether `read` decodes all samples of a chunk, whichever are wanted.
    """

    as_is = False
    one_by_one = False
    whole = True

    def __init__(self, store: StoreFiles, split: str, array: str, inner_rows: int, open_files: int) -> None:
        self._store, self._split = store, split
        self._spec = store.arrays[array]
        self._rows = store.splits[split]
        self._inner = store.chunk_rows // inner_rows
        self._inner_of_shard = store.shard_rows // inner_rows
        self._buffers = threading.local()
        kept = max(1, _INDEX_BYTES_KEPT // (_INDEX_ENTRY_KEPT * self._inner_of_shard))
        self._index = lru_cache(kept)(self._read_index)
        self._files = OpenFiles(store, open_files)

    @abstractmethod
    def read(self, number: int, rows: NDArray[np.int64] | None = None) -> NDArray[Any]:
        """Decode one chunk.

        Args:
            number: of the chunk, within the split.
            rows: places in the chunk of the samples that are wanted; None for all. What the others hold is undefined.

        Returns:
            (n, ...) of its samples, n fewer than `chunk_rows` in the last one; the thread's next `read` may overwrite
            them.

        Raises:
            IndexError: there is no such chunk.
            MissingShardError: the shard's file is gone.
            CorruptShardError: it has another size than the inventory says, or a checksum fails.
        """

    def read_to(self, number: int, parts: Sequence[tuple[int, NDArray[Any]]]) -> None:
        """Read samples of a chunk right to where they are wanted, which spares a copy. Only where `one_by_one`.

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
        raise NotImplementedError

    def read_run(self, number: int, out: NDArray[Any]) -> None:
        """Read whole chunks, one after the other, as `read_to` does. Only where samples are stored `as_is`.

        Args:
            number: of the first chunk, within the split.
            out: C-contiguous (n, ...) of the array's dtype, for all samples of these chunks.

        Raises:
            IndexError: there are no such chunks.
            MissingShardError, CorruptShardError: as in `read`; what `out` holds then is undefined.
        """
        raise NotImplementedError

    def _bounds(self, number: int) -> tuple[int, int]:
        size = self._store.chunk_rows
        start, stop = number * size, min((number + 1) * size, self._rows)
        if not 0 <= start < stop:
            raise IndexError(f"chunk {number} of split {self._split!r}: it has {-(-self._rows // size)}")
        return start, stop

    def _checked(self, number: int, fetch: Callable[[str, list[list[int]]], _T]) -> _T:
        """What `fetch` gives, of the file, and of offset, length and CRC-32C of each inner chunk of the chunk."""
        shard, within = divmod(number * self._inner, self._inner_of_shard)
        file = layout.shard_path(self._split, self._spec, shard)

        def read() -> _T:
            try:
                return fetch(file, self._index(file)[within : within + self._inner].tolist())
            except CorruptShardError:
                # The next try is of another copy, which may lie elsewhere.
                self._files.forget()
                raise
            except (ValueError, RuntimeError) as error:
                if is_shortage(error):
                    raise
                self._files.forget()
                start, stop = self._bounds(number)
                raise CorruptShardError(
                    f"{self._store.path / file}: rows {start}..{stop - 1} of split {self._split!r} do not decode "
                    f"({error}). {IF_DAMAGED}"
                ) from error

        return self._store.checked(file, read)

    def _read_index(self, file: str) -> NDArray[np.uint64]:
        """(inner chunks that a shard holds, 3): offset and length of each, and the CRC-32C that the inventory lists."""
        checksums = self._store.checksums(file)
        size, length = self._store.file_size(file), index_bytes(self._inner_of_shard)
        try:
            content = self._read_checked(file, size - length, length)
        except CorruptShardError:
            raise
        except ValueError as error:
            raise CorruptShardError(
                f"{self._store.path / file}: its index does not decode ({error}). {IF_DAMAGED}"
            ) from error
        places = np.array(content, order="C").view("<u8").reshape(self._inner_of_shard, 2)[: len(checksums)]
        return np.column_stack([places, checksums.astype(np.uint64)])

    def _read_checked(self, file: str, offset: int, length: int, listed: int | None = None) -> UInt8Array:
        """The bytes of an inner chunk, or of an index, without checksum; the thread's next call overwrites them."""
        return without_checksum(self._read_bytes(file, offset, length), listed)

    def _read_bytes(self, file: str, offset: int, length: int) -> UInt8Array:
        """Bytes of a file, unchecked; the thread's next call overwrites them."""
        check_bounds(self._files.get(file).size, offset, length)  # before so much memory is taken
        into = self._buffer("encoded", length)
        self._fill(file, [into], offset, length)
        return into

    def _pread(self, file: str, into: Sequence[NDArray[Any]], offset: int, length: int, listed: int) -> None:
        """Fill arrays, one after the other, with an inner chunk, whose checksum is the listed one."""
        stored = bytearray(CRC_BYTES)
        self._fill(file, [*into, stored], offset, length)
        crc = 0
        for piece in into:
            crc = extend(crc, piece)
        compare(crc, stored, listed)

    def _fill(self, file: str, into: Sequence[Any], offset: int, length: int) -> None:
        opened = self._files.get(file)
        check_bounds(opened.size, offset, length)
        buffers = iter(into)
        found = 0
        while some := list(islice(buffers, _BUFFERS)):
            found += opened.read_into(some, offset + found)
        if found != length:
            raise ValueError(f"{counted(length, 'byte')} at {offset} expected, {found:,} read")

    def _buffer(self, name: str, length: int) -> UInt8Array:
        held: UInt8Array | None = getattr(self._buffers, name, None)
        if held is None or len(held) < length:
            held = np.empty(length, np.uint8)
            setattr(self._buffers, name, held)
        return held[:length]


def check_bounds(size: int, offset: int, length: int) -> None:
    """Whether some bytes lie within a file of so many; else a ValueError."""
    if not 0 <= offset <= offset + length <= size:
        raise ValueError(f"no {counted(length, 'byte')} at {offset} in it")


def without_checksum(content: UInt8Array, listed: int | None = None) -> UInt8Array:
    """Bytes without the checksum behind them, which is theirs; else a ValueError. See `compare`."""
    if len(content) < CRC_BYTES:
        raise ValueError(f"no room for a checksum in {counted(len(content), 'byte')}")
    data = content[:-CRC_BYTES]
    compare(extend(0, data), content[-CRC_BYTES:], listed)
    return data


def compare(crc: int, stored: bytearray | UInt8Array, listed: int | None = None) -> None:
    """Whether a checksum is the stored one, and the listed one where the inventory has one; else a ValueError."""
    if crc != int.from_bytes(stored, "little"):
        raise ValueError("its CRC-32C does not fit")
    if listed is not None and crc != listed:
        raise ValueError(
            "it is sound, and not what files.parquet lists for this place: another file, or an older one, lies here"
        )
