"""`dataset.json`: the file that makes a folder a store, with a checksum of itself."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from faceshards.errors import CorruptShardError, StoreFormatError
from faceshards.store.description import check_description, check_version
from faceshards.store.jsonvalue import read_json
from faceshards.store.schema import DATASET_JSON

_CHECKSUM = "sha256"
_END = b"\n}\n"
MAX_BYTES = 2**24
"""The most that the file may have: a range of class ids a version and split takes some 50."""
_REMEDY = f"Give the folder that holds {DATASET_JSON}; if a build was stopped, run it again (`dvc repro`)"


def _canonical(content: Mapping[str, Any]) -> bytes:
    return (json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()


def encode(content: Mapping[str, Any]) -> bytes:
    """The file's bytes: canonical JSON that ends with the SHA-256 of itself without that last entry."""
    # Encoded once: with an indent that is work for Python, and whoever opens a store waits for it.
    body = _canonical(content)
    last = f',\n  "{_CHECKSUM}": "{hashlib.sha256(body).hexdigest()}"'.encode()
    return body.removesuffix(_END) + last + _END


def checksum(content: Mapping[str, Any]) -> str:
    """What the file says of itself: two stores with the same SHA-256 are one version, byte for byte."""
    return hashlib.sha256(_canonical(content)).hexdigest()


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
    with path.open("rb") as file:
        return decode(file.read(MAX_BYTES + 1), str(path))


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
    if len(data) > MAX_BYTES:
        raise StoreFormatError(f"{path}: expected at most {MAX_BYTES} bytes, found more. {_REMEDY}")
    try:
        content = read_json(data)
        if not isinstance(content, dict) or "format_version" not in content:
            raise StoreFormatError(f"{path} has no format_version: expected a faceshards store, found other JSON")
        check_version(content, path)
        sound = encode({name: value for name, value in content.items() if name != _CHECKSUM}) == data
    except StoreFormatError:
        raise
    except (ValueError, RecursionError) as error:
        raise CorruptShardError(f"{damaged}: {error}") from error
    if not sound:
        raise CorruptShardError(f"{damaged}: its own checksum does not fit")
    del content[_CHECKSUM]
    check_description(content, path)
    return content


def stamp_of(root: Path) -> tuple[int, ...] | None:
    """What changes where another `dataset.json` comes into a folder; None where there is none."""
    try:
        found = (root / DATASET_JSON).stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size
