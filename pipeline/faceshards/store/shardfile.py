"""Write a shard file from chunks that are coded already: what Zarr's own writer would write, had it these bytes.

Layout: Zarr v3 sharding codec 1.0, index at the end, with `crc32c` as the last codec of chunks and index alike.
"""

from collections.abc import Sequence
from pathlib import Path

import google_crc32c
import numpy as np

from faceshards.errors import StoreSpecError

_NOT_WRITTEN = 2**64 - 1


def write_shard_file(path: Path, chunks: Sequence[bytes], capacity: int) -> None:
    """Write a shard.

    Args:
        path: of the file, which it replaces.
        chunks: the first of the shard's chunks in order, coded but for their checksum.
        capacity: how many chunks a whole shard has; those that are not given lie behind the array's end.

    Raises:
        StoreSpecError: there are more chunks than that.
    """
    if len(chunks) > capacity:
        raise StoreSpecError(f"{path}: {len(chunks)} chunks do not fit into a shard of {capacity}")
    index = np.full((capacity, 2), _NOT_WRITTEN, "<u8")
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        for entry, chunk in zip(index, chunks, strict=False):
            checked = _with_checksum(chunk)
            entry[:] = file.tell(), len(checked)
            file.write(checked)
        file.write(_with_checksum(index.tobytes()))


def _with_checksum(data: bytes) -> bytes:
    return data + int(google_crc32c.value(data)).to_bytes(4, "little")
