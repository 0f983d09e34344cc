"""A store behind a URL: its files come whole to a cache on this disk, checked, and are read there like any store's.

Whole, for everything in a shard is read sooner or later, and only a whole file can be held against its SHA-256.
"""

import hashlib
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

from faceshards.counted import counted
from faceshards.errors import CorruptShardError, DownloadError, MissingExtraError
from faceshards.store import dataset_json
from faceshards.store.cache import Cache
from faceshards.store.origin import Origin, first_bytes
from faceshards.store.reader import Store
from faceshards.store.schema import DATASET_JSON

_T = TypeVar("_T")
_BAR_AFTER_S = 2.0
_KEY_DIGITS = 32  # of a SHA-256: 128 bits


@dataclass(frozen=True)
class CachedMirror:
    """Where the files of one remote store lie on this disk. Picklable.

    Attributes:
        origin: where they come from.
        cache: what keeps them.
        key: the store's folder in the cache, named for the content of its `dataset.json`: a store that is replaced at
            its URL is another one, and the same store at two URLs is kept once.
    """

    origin: Origin
    cache: Cache
    key: str

    @property
    def folder(self) -> Path:
        """The store's folder on this disk; what is not held may go from it at any time."""
        return self.cache.folder / self.key

    def hold(self, file: str, size: int, sha256: str) -> AbstractContextManager[Path]:
        """Have a file on this disk while the context lasts, fetched and checked where it is not kept yet.

        Args:
            file: its path in the store.
            size: its bytes, by the store's inventory.
            sha256: its SHA-256, by the inventory.

        Raises:
            MissingShardError: it is not at the origin.
            CorruptShardError: what arrived is something else, twice.
            DownloadError: the origin cannot be read.
            CacheError: it cannot be kept.
        """

        def fetch(to: BinaryIO) -> None:
            _twice(lambda: self._fetch(to, file, size, sha256))

        return self.cache.hold(f"{self.key}/{file}", size, fetch)

    def drop(self, file: str) -> None:
        """Forget a file, which is then fetched when it is next held."""
        self.cache.drop(f"{self.key}/{file}")

    def _fetch(self, to: BinaryIO, file: str, size: int, sha256: str) -> None:
        to.seek(0)
        digest, arrived = hashlib.sha256(), 0
        with _bar(file, size) as bar:
            for block in self.origin.blocks(file):
                arrived += len(block)
                if arrived > size:
                    break
                to.write(block)
                digest.update(block)
                bar.update(len(block))
        found = counted(arrived, "byte") if arrived <= size else "more"
        if (arrived, digest.hexdigest()) != (size, sha256):
            raise CorruptShardError(
                f"{self.origin.url}/{file}: expected {counted(size, 'byte')} of SHA-256 {sha256}, got {found} of "
                f"{digest.hexdigest()}. The file is damaged there: upload it again; or the store at this URL was "
                "replaced: open it again"
            )


def open_store(
    address: str | Path, *, storage_options: Mapping[str, Any] | None = None, cache: Cache | None = None
) -> Store:
    """Open a store, wherever it lies.

    Args:
        address: its folder, or any URL of it that fsspec can read.
        storage_options: of a URL: what fsspec's file system is given.
        cache: of a URL: where its files are kept; None for the default.

    The `dataset.json` of a URL is read from there, never from the cache.

    Raises:
        StoreFormatError: not a store, an unfinished one, or one of a later format.
        CorruptShardError: its `dataset.json` was altered.
        MissingShardError, DownloadError: there is nothing at the URL, or it cannot be read.
        MissingExtraError: the URL needs a package that is not installed.
    """
    if "://" not in str(address):
        return Store.open(address)
    origin = Origin(str(address), storage_options)

    def read() -> tuple[str, dict[str, Any]]:
        data = first_bytes(origin.blocks(DATASET_JSON), dataset_json.MAX_BYTES + 1)
        return hashlib.sha256(data).hexdigest(), dataset_json.decode(data, f"{origin.url}/{DATASET_JSON}")

    digest, info = _twice(read)
    cache = cache or Cache()
    # A worker may have another working folder.
    mirror = CachedMirror(origin, replace(cache, folder=cache.folder.absolute()), digest[:_KEY_DIGITS])
    return Store(mirror.folder, info, mirror)


def _twice(attempt: Callable[[], _T]) -> _T:
    """Try again once where the way may be to blame."""
    try:
        return attempt()
    except (CorruptShardError, DownloadError):
        return attempt()


def _bar(file: str, size: int) -> Any:
    try:
        from tqdm import tqdm
    except ImportError as error:
        raise MissingExtraError(f"reading a store at a URL: pip install 'faceshards[remote]' ({error})") from error
    return tqdm(desc=file, total=size, unit="B", unit_scale=True, delay=_BAR_AFTER_S, leave=False, disable=None)
