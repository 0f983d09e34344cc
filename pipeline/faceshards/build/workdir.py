"""Where a stage works until its out is whole: a folder that survives a kill and becomes the out by one rename."""

import glob
import hashlib
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass
from pathlib import Path
from uuid import uuid4

from filelock import FileLock, Timeout

from faceshards.build.code import code_digest
from faceshards.errors import BusyError
from faceshards.store.durable import replace_folder, sweep

_KEY = 32 * "[0-9a-f]"  # so that the work of an out `a-b` is not taken for that of an out `a`


@contextmanager
def work_dir(out: Path, key: str | None = None) -> Iterator[Path]:
    """A folder for making `out`, which it replaces on leaving without an error.

    Args:
        out: the folder to make; its parent holds the work folder too, so that the rename stays within a file system.
        key: of `key_of`. On an error or a kill the folder stays, and the next run with the same key goes on in it. None
            begins anew at every run.

    Raises:
        BusyError: another process is making the same out.
    """
    root, works = out.parent / ".work", f"{glob.escape(out.name)}-{_KEY}"
    root.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(root / f"{out.name}.lock", timeout=0):
            # Another name at every run: a worker of a cluster may still be at a shard of a run that was stopped.
            work = root / f"{out.name}-{key or uuid4().hex}"
            if key is None:
                for left in root.glob(works):
                    shutil.rmtree(left, ignore_errors=True)
            work.mkdir(exist_ok=True)
            # The mark for workers of a cluster, of a run that was killed.
            (root / f"{out.name}.workers").unlink(missing_ok=True)
            yield work
            if key is not None:
                sweep(work)
            replace_folder(work, out)
            for stale in root.glob(works):
                shutil.rmtree(stale)
    except Timeout as error:
        raise BusyError(f"{out} is being made by another process; wait for it or stop it, then run again") from error


def key_of(maker: str, *inputs: object) -> str:
    """What stands for all that decides some bytes: 32 hexadecimal digits.

    Args:
        maker: name of the module that makes them, ``__name__`` there, whose code counts as `code.code_of` lists it; or
            a key, of which this one is a part.
        inputs: dataclasses and plain values that decide the bytes as well: params, the spec of the store, versions of
            the libraries that write it, digests of what is read.
    """
    plain = [asdict(value) if is_dataclass(value) and not isinstance(value, type) else value for value in inputs]
    code = code_digest(maker) if "." in maker else maker
    return hashlib.sha256(json.dumps([code, plain], sort_keys=True, default=str).encode()).hexdigest()[:32]
