"""A damaged `dataset.json`, from a copy that is known to be of the same version."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from faceshards.errors import CorruptShardError, FaceShardsError, StoreFormatError
from faceshards.store import dataset_json
from faceshards.store.durable import write_file
from faceshards.store.schema import DATASET_JSON, INVENTORY, MANIFEST
from faceshards.store.tables import decode_table
from faceshards.versions.copies import Copy

_ENDING = len('"sha256": "') + 64 + len('"\n}\n')  # of the file: its own checksum


def restore_dataset_json(root: Path, copies: Sequence[Copy]) -> str | None:
    """Put a sound `dataset.json` in the place of one that is damaged or gone.

    It names the hashes of all else. So a copy's is taken only where it is the same one beyond doubt: the damaged file
    still ends with the same checksum, or the tables beside it, of which one must be sound and none be a sound table of
    another version, are those that the copy's names.

    Args:
        root: the store's folder.
        copies: where to look, in order.

    Returns:
        Where it came from; None where nothing had to be done.

    Raises:
        StoreFormatError: `root` is no store.
        CorruptShardError: `dataset.json` is damaged and no copy has the same one.
    """
    try:
        dataset_json.load(root)
        return None
    except (CorruptShardError, StoreFormatError) as error:
        if not any((root / name).is_file() for name in (DATASET_JSON, MANIFEST, INVENTORY)):
            raise
        damage = error
    path = root / DATASET_JSON
    damaged = path.read_bytes() if path.is_file() else b""
    reasons = []
    for copy in copies:
        try:
            data = copy.dataset_json
            info = dataset_json.decode(data, f"{copy.label}/{DATASET_JSON}")
        except FaceShardsError as error:
            reasons.append(f"{copy.label}: {error}")
            continue
        if data[-_ENDING:] == damaged[-_ENDING:] or _names_the_tables(info, root):
            write_file(path, data)
            return copy.label
        reasons.append(f"{copy.label}: it is another version, or no table here is sound enough to tell")
    raise CorruptShardError(
        f"{path} is damaged or gone, and with it the hashes of all other files. {'; '.join(reasons) or damage}. "
        "Name a copy of this version: --from FOLDER, URL or git revision"
    ) from damage


def _names_the_tables(info: Mapping[str, Any], root: Path) -> bool:
    """Whether tables that are whole are those that a `dataset.json` names, and at least one is."""
    known = 0
    for name in (MANIFEST, INVENTORY):
        path = root / name
        data = path.read_bytes() if path.is_file() else b""
        if hashlib.sha256(data).hexdigest() == info["files"][name]["sha256"]:
            known += 1
        elif _is_table(data):
            return False
    return known > 0


def _is_table(data: bytes) -> bool:
    try:
        decode_table(data, "a table of the store")
    except CorruptShardError:
        return False
    return True
