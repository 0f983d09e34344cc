"""Put a file in the place of a damaged one, so that it is whole or not there, and nothing is written through a link."""

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

from faceshards.errors import CorruptShardError
from faceshards.store.durable import held, partial_of, sync
from faceshards.store.inventory import FileRecord


def stage(path: Path, blocks: Iterable[bytes], wanted: FileRecord) -> Path:
    """Write bytes beside a file and flush them.

    Args:
        path: the file that they are for; it is not touched.
        blocks: the bytes.
        wanted: what they must be.

    Returns:
        The new file, for `put`.

    Raises:
        CorruptShardError: they are other bytes.
        OSError: they cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = partial_of(path)
    digest, size = hashlib.sha256(), 0
    try:
        with held(temporary) as file:
            for block in blocks:
                size += len(block)
                if size > wanted.bytes:
                    break
                digest.update(block)
                file.write(block)
            file.flush()
            os.fsync(file.fileno())
        if (size, digest.hexdigest()) != (wanted.bytes, wanted.sha256):
            raise CorruptShardError("it has other bytes")
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return temporary


def put(temporary: Path, path: Path) -> None:
    """Rename a file that `stage` wrote to the one that it is for. A link there is replaced, not followed."""
    temporary.replace(path)
    sync(path.parent)
