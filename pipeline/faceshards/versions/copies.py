"""Where the bytes of a store may lie a second time. Nothing that comes from here is trusted before it is hashed."""

import hashlib
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path

from faceshards.errors import FaceShardsError, MissingShardError, RevisionError
from faceshards.store import dataset_json
from faceshards.store.durable import sha256_of
from faceshards.store.inventory import FileRecord, Inventory, most_bytes
from faceshards.store.names import path_in
from faceshards.store.origin import Origin, first_bytes
from faceshards.store.schema import DATASET_JSON, INVENTORY
from faceshards.store.storefiles import StoreFiles
from faceshards.versions.dvcout import DvcOut, find_out

_BLOCK = 16 * 2**20
Blocks = Callable[[str], Iterator[bytes]]
"""The bytes of a file, by its path in the store. Raises a `FaceShardsError` where it cannot be had."""


class Copy:
    """Another copy of a store, of this version or of one that shares files with it.

    Args:
        label: what to call it.
        blocks: reads its files.
    """

    def __init__(self, label: str, blocks: Blocks) -> None:
        self.label = label
        self._blocks = blocks

    def find(self, file: str, wanted: FileRecord, /) -> Iterator[bytes]:
        """The bytes of a file: what its inventory lists with the wanted hash, else what lies at the same path.

        Raises:
            FaceShardsError: it has no such file, or the file cannot be read.
        """
        return self._blocks(self._by_hash.get(wanted.sha256, file))

    def read(self, file: str, most: int) -> bytes:
        """A file, or its first bytes where it has more than so many. Raises as `find`."""
        return first_bytes(self._blocks(file), most)

    @property
    def dataset_json(self) -> bytes:
        """Its `dataset.json`. Raises as `find`."""
        return self.read(DATASET_JSON, dataset_json.MAX_BYTES + 1)

    @cached_property
    def _by_hash(self) -> dict[str, str]:
        try:
            described = StoreFiles(Path(self.label), dataset_json.decode(self.dataset_json, self.label))
            most = min(described.info["files"][INVENTORY]["bytes"], most_bytes(described.layout))
            listed = Inventory.decoded(self.read(INVENTORY, most), described.layout, f"{self.label}/{INVENTORY}")
        except (FaceShardsError, OSError):
            return {}  # it may be damaged too, elsewhere
        files = {name: file["sha256"] for name, file in described.info["files"].items()}
        files |= {name: record.sha256 for name, record in listed.records.items()}
        return {digest: name for name, digest in files.items()}


class Kept:
    """Folders of finished shards that a build keeps, whatever they are called there.

    Args:
        folders: looked through when something is first asked for.
    """

    def __init__(self, *folders: Path) -> None:
        self.label = f"kept shards in {', '.join(map(str, folders))}"
        self._folders = folders

    def find(self, _file: str, wanted: FileRecord, /) -> Iterator[bytes]:
        """The bytes of a file of the wanted size and hash.

        Raises:
            MissingShardError: none is like that.
        """
        for path in self._by_size.get(wanted.bytes, ()):
            if sha256_of(path) == wanted.sha256:
                return blocks_of(path)
        raise MissingShardError("none has these bytes")

    @cached_property
    def _by_size(self) -> dict[int, list[Path]]:
        found: dict[int, list[Path]] = {}
        for folder in self._folders:
            for path in sorted(folder.rglob("*")):
                if path.is_file():
                    found.setdefault(path.stat().st_size, []).append(path)
        return found


def folder_copy(folder: Path, label: str | None = None) -> Copy:
    """A copy in a folder."""
    return Copy(label or str(folder), lambda file: blocks_of(path_in(folder, file)))


def cache_copy(out: DvcOut) -> Copy:
    """What DVC's cache has of an out."""

    def blocks(file: str) -> Iterator[bytes]:
        path = out.cached(file)
        if path is None:
            raise MissingShardError("it has no copy; `dvc fetch` brings one where a remote has it")
        return blocks_of(path)

    return Copy(f"DVC's cache ({out.label})", blocks)


def copies_at(address: str, path: Path) -> list[Copy]:
    """What a user names as another copy: a folder, a URL, or a git revision at which DVC tracks `path`.

    Raises:
        RevisionError: it is none of the three.
        MissingExtraError, MissingShardError, DownloadError: DVC is not installed, or cannot tell what the revision has.
    """
    if "://" in address:
        return [Copy(address, Origin(address).blocks)]
    if address and Path(address).is_dir():
        return [folder_copy(Path(address))]
    try:
        out = find_out(path, address)
    except RevisionError as error:
        raise RevisionError(f"--from {address}: no URL and no folder here, and as a git revision: {error}") from error
    return [cache_copy(out), Copy(f"the DVC remote ({out.label})", out.blocks)]


def md5_of(path: Path) -> str:
    """The hash by which DVC names its copies."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def blocks_of(path: Path) -> Iterator[bytes]:
    """The bytes of a file on this disk.

    Raises:
        MissingShardError: it is not there.
    """
    if not path.is_file():
        raise MissingShardError("it has no such file")
    return _read(path)


def _read(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            yield block
