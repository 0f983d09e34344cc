"""`dataset.json`: the file that makes a folder a store, with a checksum of itself."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from faceshards.errors import CorruptShardError, StoreFormatError
from faceshards.store.schema import DATASET_JSON, FORMAT_VERSION

_CHECKSUM = "sha256"
_REMEDY = f"Give the folder that holds {DATASET_JSON}; if a build was stopped, run it again (`dvc repro`)"


def _canonical(content: Mapping[str, Any]) -> bytes:
    return (json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def encode(content: Mapping[str, Any]) -> bytes:
    """The file's bytes: canonical JSON that ends with the SHA-256 of itself without that last entry."""
    return _canonical({**content, _CHECKSUM: hashlib.sha256(_canonical(content)).hexdigest()})


def load(root: Path) -> dict[str, Any]:
    """Read and check a store's `dataset.json`.

    Raises:
        StoreFormatError: `root` is no store, an unfinished one, or one of a later format.
        CorruptShardError: the file has been altered since it was written.
    """
    path = root / DATASET_JSON
    if not path.is_file():
        if root.is_file():
            raise StoreFormatError(f"{root} is a file; a faceshards store is a folder: give {root.parent}")
        if not root.exists():
            raise StoreFormatError(f"{root} is not a faceshards store: there is no such folder. {_REMEDY}")
        raise StoreFormatError(
            f"{root} is not a faceshards store: it has no {DATASET_JSON}, which is written last. {_REMEDY}"
        )
    return decode(path.read_bytes(), str(path))


def decode(data: bytes, path: str) -> dict[str, Any]:
    """Check the bytes of a `dataset.json`.

    Args:
        data: what `encode` made.
        path: what to call the file in an error.

    Raises:
        StoreFormatError: it describes no store, or one of a later format.
        CorruptShardError: the bytes are others than were written.
    """
    damaged = (
        f"{path} was altered after it was written; restore it (`faceshards repair` does, in a folder: docs/store.md, "
        "Damage), or rebuild the store"
    )
    try:
        content = json.loads(data, parse_constant=_refuse_constant)
    except ValueError as error:
        raise CorruptShardError(f"{damaged}: {error}") from error
    version = content.get("format_version") if isinstance(content, dict) else None
    if not isinstance(version, int):
        raise StoreFormatError(f"{path} has no format_version: expected a faceshards store, found other JSON")
    if version > FORMAT_VERSION:
        raise StoreFormatError(
            f"{path} has format version {version}; this release reads up to {FORMAT_VERSION}. Upgrade faceshards"
        )
    content.pop(_CHECKSUM, None)
    if encode(content) != data:
        raise CorruptShardError(f"{damaged}: its own checksum does not fit")
    return dict(content)
