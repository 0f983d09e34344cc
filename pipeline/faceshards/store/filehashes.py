"""The files of a store as they are, by their SHA-256: those that lie in a folder, or those that a URL gives."""

import hashlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from faceshards.counted import counted
from faceshards.errors import CorruptShardError, FaceShardsError, MissingShardError
from faceshards.faulttext import is_shortage
from faceshards.store.dataset_json import MAX_BYTES
from faceshards.store.durable import sha256_of
from faceshards.store.origin import Origin, first_bytes
from faceshards.store.reader import Store
from faceshards.store.schema import DATASET_JSON

IGNORED = {".gitignore"}
"""Files that belong to no store and are no fault in one: DVC writes one beside or into its outs."""


class FilesThere(NamedTuple):
    """The files of a store that are to be hashed.

    Attributes:
        sizes: bytes by path, in order of paths.
        hash: SHA-256 of one of them; a few words where it cannot be read, None where it is not there.
    """

    sizes: dict[str, int]
    hash: Callable[[str], str | None]


def files_there(store: Store, address: str) -> FilesThere:
    """Find the files of a store: all that lie in its folder, or of a URL those that it lists.

    Args:
        store: opened at the address.
        address: its folder, or a URL of it, whose files are fetched when they are hashed.

    Raises:
        MissingExtraError, DownloadError: the URL cannot be read.

    Example:
        >>> files_there(store, "data/shards").hash("manifest.parquet")[:8]
        'f5eeee54'
    """
    return _fetched(store, address) if "://" in address else _lying(store, Path(address))


def _lying(store: Store, root: Path) -> FilesThere:
    files = sorted(p for p in root.rglob("*") if p.is_file() and p.name not in IGNORED)
    sizes = {file.relative_to(root).as_posix(): file.stat().st_size for file in files}
    listed = {name: file["bytes"] for name, file in store.info["files"].items()} | {DATASET_JSON: None}
    try:
        listed |= {path: record.bytes for path, record in store.listed.records.items()}
    except FaceShardsError:  # which is among the problems of the files
        listed |= {path: None for path in sizes if path not in listed}

    def hash_of(file: str) -> str | None:
        # A file of another length is another one, and may be endless: a hole of terabytes, or a link to a device.
        if file not in listed:
            return "a file that was not read, as the store does not list it"
        if listed[file] not in (None, sizes[file]):
            return f"{counted(sizes[file], 'byte')} in place of {listed[file]:,}"
        return _hash_of(root / file)

    return FilesThere(sizes, hash_of)


def _fetched(store: Store, url: str) -> FilesThere:
    """Those of a store at a URL that it lists; where its inventory cannot be had, those at its root."""
    described = first_bytes(Origin(url).blocks(DATASET_JSON), MAX_BYTES + 1)
    sizes = {DATASET_JSON: len(described)} | {name: file["bytes"] for name, file in store.info["files"].items()}
    with suppress(FaceShardsError):  # which is among the problems of the files
        sizes |= {path: record.bytes for path, record in store.listed.records.items()}

    def hash_of(file: str) -> str | None:
        if file == DATASET_JSON:
            return hashlib.sha256(described).hexdigest()
        try:
            with store.hold(file) as path:
                return _hash_of(path)
        except MissingShardError:
            return None
        except CorruptShardError as error:
            return f"something else ({error})"

    return FilesThere(dict(sorted(sizes.items())), hash_of)


def _hash_of(path: Path) -> str:
    try:
        return sha256_of(path)
    except OSError as error:
        if is_shortage(error):
            raise
        return f"a file that cannot be read ({error.strerror})"
