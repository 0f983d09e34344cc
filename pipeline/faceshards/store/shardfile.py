"""Shard files as bytes: one written from chunks that are coded already, and the checksums of the chunks of any.

Layout: Zarr v3 sharding codec 1.0, index at the end, with `crc32c` as the last codec of chunks and index alike.
"""

from collections.abc import Sequence
from pathlib import Path

import google_crc32c
import numpy as np

from faceshards.counted import counted
from faceshards.errors import CorruptShardError, StoreSpecError

CRC_BYTES = 4
INDEX_ENTRY = 16
"""Bytes of an index for each chunk: offset and length."""
_NOT_WRITTEN = 2**64 - 1


def index_bytes(capacity: int) -> int:
    """How long the index of a shard is that has room for so many chunks."""
    return INDEX_ENTRY * capacity + CRC_BYTES


def write_shard_file(path: Path, chunks: Sequence[bytes], capacity: int) -> None:
    """Write a shard: what Zarr's own writer would write, had it these bytes.

    Args:
        path: of the file, which it replaces.
        chunks: the first of the shard's chunks in order, coded but for their checksum.
        capacity: how many chunks a whole shard has; those that are not given lie behind the array's end.

    Raises:
        StoreSpecError: there are more chunks than that.
    """
    if len(chunks) > capacity:
        raise StoreSpecError(f"{path}: a shard of {capacity} has no room for {counted(len(chunks), 'chunk')}")
    index = np.full((capacity, 2), _NOT_WRITTEN, "<u8")
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        for entry, chunk in zip(index, chunks, strict=False):
            checked = _with_checksum(chunk)
            entry[:] = file.tell(), len(checked)
            file.write(checked)
        file.write(_with_checksum(index.tobytes()))


def stored_checksums(path: Path, capacity: int) -> bytes:
    """The CRC-32C of each chunk that a shard holds, as it is stored there, in the order of the index.

    Args:
        path: of the file.
        capacity: how many chunks it has room for.

    Raises:
        CorruptShardError: it has no such index.
    """
    size, length = path.stat().st_size, index_bytes(capacity)
    with path.open("rb") as file:
        file.seek(max(size - length, 0))
        content = file.read(length)
        index = content[:-CRC_BYTES]
        if len(content) != length or _with_checksum(index) != content:
            raise CorruptShardError(
                f"{path}: expected the index of {counted(capacity, 'chunk')} at its end; found none that fits"
            )
        checksums = []
        for offset, stored in np.frombuffer(index, "<u8").reshape(capacity, 2).tolist():
            if offset == stored == _NOT_WRITTEN:
                continue
            if stored < CRC_BYTES or offset + stored > size:
                raise CorruptShardError(
                    f"{path}: expected chunks within its {counted(size, 'byte')}; its index says otherwise"
                )
            file.seek(offset + stored - CRC_BYTES)
            checksums.append(file.read(CRC_BYTES))
    return b"".join(checksums)


def _with_checksum(data: bytes) -> bytes:
    return data + int(google_crc32c.value(data)).to_bytes(CRC_BYTES, "little")
