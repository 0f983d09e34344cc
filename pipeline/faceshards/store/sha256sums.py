"""The list that `sha256sum -c` reads: one line a file of a store, to hand on beside it.

Paths are relative to the store's root: ``cd STORE && sha256sum --check --strict ../STORE.sha256``.
"""

import re
from pathlib import Path

from faceshards.errors import StoreFormatError, StoreSpecError
from faceshards.store.durable import sha256_of, write_file
from faceshards.store.origin import Origin, first_bytes
from faceshards.store.reader import Store
from faceshards.store.schema import DATASET_JSON

_REMEDY = "Give the list that was handed on with the store (`dvc repro` writes manifests/shards.sha256)"
_MAX_BYTES = 2**30
_LINE = re.compile(r"([0-9a-f]{64}) [ *](.+)")


def recorded_hashes(store: Store) -> dict[str, str]:
    """SHA-256 by path of all files of a store but `dataset.json`, as they were when it was written.

    Raises:
        MissingShardError, CorruptShardError, StoreFormatError: the inventory cannot be read, or is of another store.
    """
    hashes = {path: record.sha256 for path, record in store.listed.records.items()}
    return hashes | {name: file["sha256"] for name, file in store.info["files"].items()}


def write_sha256sums(path: Path, out: Path) -> None:
    """List every file of the store at `path`, sorted by path, with the hashes that the store itself records.

    Raises:
        StoreSpecError: `out` lies inside the store, whose files it would then not all list.
        StoreFormatError, MissingShardError, CorruptShardError: the store, or one of its tables, cannot be read.
    """
    if out.resolve().is_relative_to(path.resolve()):
        raise StoreSpecError(f"{out} lies inside the store {path}; put the list beside the store")
    hashes = recorded_hashes(Store.open(path)) | {DATASET_JSON: sha256_of(path / DATASET_JSON)}
    write_file(out, "".join(f"{digest}  {name}\n" for name, digest in sorted(hashes.items())).encode())


def read_sha256sums(path: str | Path) -> dict[str, str]:
    """Hash by path, from a list that `write_sha256sums` or `sha256sum` wrote: a file, or a URL of one.

    Raises:
        StoreFormatError: it cannot be read, or a line is not a hash and a path, or a path is listed twice.
        MissingShardError, DownloadError, MissingExtraError: the URL cannot be read.
    """
    try:
        lines = _bytes(path).decode().split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise StoreFormatError(f"{path}: expected a list as sha256sum writes it; found {error}. {_REMEDY}") from error
    hashes: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        match = _LINE.fullmatch(line.removesuffix("\r"))
        if match:
            name = match[2].removeprefix("./")
            if hashes.setdefault(name, match[1]) == match[1]:
                continue
        elif not line and number == len(lines):
            break
        expected = "a path that no other line has" if match else "64 hexadecimal digits and a path"
        raise StoreFormatError(f"{path} line {number}: expected {expected}, found {line[:200]!r}. {_REMEDY}")
    return hashes


def _bytes(path: str | Path) -> bytes:
    if "://" not in str(path):
        return Path(path).read_bytes()
    folder, _, name = str(path).rpartition("/")
    return first_bytes(Origin(folder).blocks(name), _MAX_BYTES)
