"""Read a store: nothing that is missing or damaged is ever handed out as data."""

import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from faceshards.errors import StoreFormatError, StoreSpecError
from faceshards.store import dataset_json
from faceshards.store.chunkreader import ChunkReader
from faceshards.store.chunks import chunk_reader
from faceshards.store.imagechunks import ImageReader
from faceshards.store.imagefiles import EncodedImages
from faceshards.store.mirror import Mirror
from faceshards.store.storefiles import StoreFiles

_OPEN_FILES = 2  # of an array: who reads row after row is in one shard, or goes on to the next


class Store(StoreFiles):
    """A finished store, opened for reading. Threads may share it.

    Picklable: a process opens the folder once, however often it is sent.

    See `StoreFiles` for its attributes.
    """

    def __init__(self, path: Path, info: Mapping[str, Any], mirror: Mirror | None = None) -> None:
        super().__init__(path, info, mirror)
        self._readers: dict[tuple[str, str], ChunkReader] = {}

    @classmethod
    def open(cls, path: str | Path) -> "Store":
        """Open a store on this disk; `faceshards.store.remote.open_store` opens one at a URL as well.

        Raises:
            StoreFormatError: not a store, an unfinished one, or one of a later format.
            CorruptShardError: `dataset.json` was altered.
        """
        root = Path(path)
        before = dataset_json.stamp_of(root)
        store = cls(root, dataset_json.load(root))
        if before == dataset_json.stamp_of(root):
            store.stamp = before
        return store

    def __reduce__(self) -> tuple[Any, ...]:
        if self._mirror is not None:
            # Not through the URL, where another store may lie by now.
            return Store, (self.path, self.info, self._mirror)
        return _opened, (self.path.absolute(), json.dumps(self.info["files"], sort_keys=True))

    def read(self, split: str, array: str, start: int = 0, stop: int | None = None) -> NDArray[Any]:
        """Rows ``start .. stop`` of an array.

        Args:
            split: name of a split.
            array: name of an array.
            start: first row, 0 or more.
            stop: one past the last row; None for all that follow.

        Returns:
            (stop - start, ...) of the array's dtype.

        Raises:
            StoreSpecError: there is no such split or array.
            IndexError: the rows are not within the split.
            MissingShardError: a file is gone.
            CorruptShardError: a file has the wrong size, or a checksum in it fails.
            MissingExtraError: the array holds JPEG and PNG files, and OpenCV is not installed.
        """
        rows = self._known(self.splits, split, "split")
        spec = self._known(self.arrays, array, "array")
        stop = rows if stop is None else stop
        if not 0 <= start <= stop <= rows:
            raise IndexError(f"rows {start}..{stop} of split {split!r}: it has {rows}")
        out = np.empty((stop - start, *spec.shape), spec.numpy_dtype)
        reader, size = self._reader(split, array), self.chunk_rows
        for number in range(start // size, -(-stop // size) if start < stop else 0):
            first, last = max(start, number * size), min(stop, (number + 1) * size)
            to = out[first - start : last - start]
            if reader.one_by_one:
                reader.read_to(number, [(first - number * size, to)])
            else:
                to[:] = reader.read(number)[first - number * size : last - number * size]
        return out

    def read_files(self, split: str, array: str, start: int, stop: int) -> EncodedImages:
        """Images as the files that they are stored as, to be written to another store.

        Args:
            split: name of a split.
            array: name of an array that keeps files (`codecs.keeps_files`).
            start: first row.
            stop: one past the last row.

        Raises:
            StoreFormatError: the array holds no files.
            StoreSpecError, IndexError, MissingShardError, CorruptShardError: as in `read`.
        """
        self._known(self.splits, split, "split")
        self._known(self.arrays, array, "array")
        reader = self._reader(split, array)
        if not isinstance(reader, ImageReader):
            raise StoreFormatError(f"{self.path}: {split}/{array} holds pixels; expected JPEG and PNG files")
        return reader.read_files(start, stop)

    def _known(self, known: Mapping[str, Any], name: str, what: str) -> Any:
        if name not in known:
            raise StoreSpecError(f"{self.path} has no {what} {name!r}; it has: {', '.join(known)}")
        return known[name]

    def _reader(self, split: str, array: str) -> ChunkReader:
        key = split, array
        if key not in self._readers:
            self._readers[key] = chunk_reader(self, split, array, _OPEN_FILES)
        return self._readers[key]


@lru_cache(maxsize=8)
def _opened(path: Path, files: str) -> Store:
    """One store for all copies that a process is sent: the tables of a large one take longer to read than a shard."""
    store = Store.open(path)
    if json.dumps(store.info["files"], sort_keys=True) != files:
        raise store.replaced()
    return store
