"""Where a stage works until its out is whole: a folder that survives a kill and becomes the out by one rename."""

import hashlib
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from faceshards.build.code import code_digest
from faceshards.errors import BusyError
from faceshards.store.durable import replace_folder


@contextmanager
def work_dir(out: Path, maker: str, *inputs: object) -> Iterator[Path]:
    """A folder for making `out`, the same one again when a killed run is started again with the same inputs.

    On leaving without an error, the folder replaces `out` and what other inputs had left behind is removed. On an error
    or a kill it stays, so that the next run goes on from there.

    Args:
        out: the folder to make; its parent holds the work folder too, so that the rename stays within a file system.
        maker: name of the module that makes `out`, ``__name__`` there. Its code decides the bytes, as `code.code_of`
            lists it.
        inputs: dataclasses and plain values that decide the bytes as well: params, the spec of the store, versions of
            the libraries that write it, digests of what is read.

    Raises:
        BusyError: another process is making the same out.
    """
    root = out.parent / ".work"
    root.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(root / f"{out.name}.lock", timeout=0):
            work = root / f"{out.name}-{_key(maker, inputs)}"
            work.mkdir(exist_ok=True)
            yield work
            replace_folder(work, out)
            for stale in root.glob(f"{out.name}-*"):
                shutil.rmtree(stale)
    except Timeout as error:
        raise BusyError(f"{out} is being made by another process; wait for it or stop it, then run again") from error


def _key(maker: str, inputs: tuple[object, ...]) -> str:
    plain = [asdict(value) if is_dataclass(value) and not isinstance(value, type) else value for value in inputs]
    key = json.dumps([code_digest(maker), plain], sort_keys=True, default=str)
    return hashlib.sha256(key.encode()).hexdigest()[:16]
