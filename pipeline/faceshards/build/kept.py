"""Finished shards, kept beside the work folder by the key of what they are made from.

A shard that a run finished is linked here before the run goes on, so that a run after a kill, and the next version of
the data set, take it over where its key is the same. Hard links: what a store holds as well takes no further space.
"""

import hashlib
import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

from faceshards.errors import CorruptShardError
from faceshards.store import layout
from faceshards.store.durable import replace_folder, sync
from faceshards.store.schema import StoreSpec
from faceshards.store.writer import commit_path, read_commit, shard_row

_ROWS = "rows-{}.parquet"  # with the SHA-256 of its key and its own bytes in its name


class _DamagedError(Exception):
    """A kept file has other bytes than when it was kept."""


def keep(folder: Path, work: Path, spec: StoreSpec, split: str, shard: int) -> None:
    """Link a committed shard of an unfinished store to the folder of its key, whole or not at all."""
    new = folder.with_name(f".{folder.name}.{uuid.uuid4().hex}")
    new.mkdir(parents=True)
    commit = commit_path(work, split, shard)
    _link(commit, new / _ROWS.format(_seal(folder, commit)))
    for array in spec.all_arrays:
        _link(work / layout.shard_path(split, array, shard), new / array.name)
    sync(new)
    replace_folder(new, folder)


def take(folder: Path, work: Path, spec: StoreSpec, split: str, shard: int) -> bool:
    """Link a kept shard into an unfinished store and commit it there; False where none is kept, or it is damaged."""
    rows = next(iter(folder.glob(_ROWS.format("*"))), None)
    try:
        if rows is None or rows.name != _ROWS.format(_seal(folder, rows)):
            raise _DamagedError
        for array, file in zip(spec.all_arrays, read_commit(rows)[1], strict=True):
            _link(folder / array.name, work / layout.shard_path(split, array, shard))
            if shard_row(work, spec, split, array, shard) != file:
                raise _DamagedError
    except (_DamagedError, CorruptShardError, FileNotFoundError):
        shutil.rmtree(folder, ignore_errors=True)
        return False
    commit = commit_path(work, split, shard)
    commit.parent.mkdir(exist_ok=True)
    _link(rows, commit)
    os.utime(folder)
    return True


def _seal(folder: Path, commit: Path) -> str:
    """What binds the rows, and the hashes of files in them, to the key: a shard of another version is as sound."""
    return hashlib.sha256(folder.name.encode() + commit.read_bytes()).hexdigest()


def prune(kept: Path, limit: int) -> None:
    """Remove what was longest not used until the rest takes at most `limit` bytes more than the stores themselves do.

    Args:
        kept: the folder that holds a folder a key.
        limit: bytes. A file that a store, or DVC's cache, holds as well counts nothing.
    """
    ages = sorted(((path.stat().st_mtime_ns, path) for path in kept.iterdir()), reverse=True)
    size = 0
    for _, folder in ages:
        size += sum(stat.st_size for stat in _stats(folder) if stat.st_nlink == 1)
        # Begun and not finished: left by a kill, for only one process makes an out.
        if size > limit or folder.name.startswith("."):
            shutil.rmtree(folder)


def _stats(folder: Path) -> Iterator[os.stat_result]:
    return (path.stat() for path in folder.iterdir())


def _link(path: Path, to: Path) -> None:
    to.unlink(missing_ok=True)  # what a damaged one left
    try:
        os.link(path, to)
    except FileNotFoundError:
        raise
    except OSError:  # a file system without hard links
        shutil.copyfile(path, to)
        sync(to)
