"""The output of a command: a new folder that is whole or not there."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from faceshards.errors import FaceShardsError, OutputExistsError
from faceshards.store import filelocks
from faceshards.store.durable import PARTIAL, naming, replace_folder, sync


@contextmanager
def new_folder(
    out: Path, taken: type[FaceShardsError] = OutputExistsError, *, outside: Path | None = None
) -> Iterator[Path]:
    """A folder to fill, which becomes `out` in one step when the context ends without an error.

    Args:
        out: absent, or an empty folder.
        taken: the error to raise where there is something at `out`.
        outside: what it is made from, in which a new folder would count as data.

    Raises:
        FaceShardsError: `taken`; also where another process is making `out`, and where `out` lies in `outside`.
        OSError: it cannot be written; its `filename` is `out` where the system names none.
    """
    if out.exists() and not (out.is_dir() and not any(out.iterdir())):
        raise taken(f"{out}: expected nothing there; delete it, or name another folder")
    if outside is not None and out.resolve().is_relative_to(outside.resolve()):
        raise taken(f"{out}: expected a place outside of {outside}, where it would count as data; name another folder")
    work = out.absolute().with_name(f".{out.name}{PARTIAL}")
    handle = _begun(work)
    try:
        if handle is None:
            raise taken(f"{out}: expected no other process at it; found that one is making it; name another folder")
        with naming(out):
            yield work
            for path in sorted(work.rglob("*")):
                sync(path)
            replace_folder(work, out.absolute())
    except BaseException:
        if handle is not None:
            shutil.rmtree(work, ignore_errors=True)
        raise
    finally:
        if handle is not None:
            os.close(handle)


def _begun(work: Path) -> int | None:
    """An empty folder, locked while the descriptor is open; None where another process has it so."""
    while True:
        work.mkdir(parents=True, exist_ok=True)
        if filelocks.OPEN_FILES_STAY:  # no folder can be locked
            handle: int | None = os.open(os.devnull, os.O_RDONLY)
            break
        handle = filelocks.hold_folder(work)
        if handle is None:
            return None
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(handle), work.stat()):  # nobody renamed it before it was locked
                break
        os.close(handle)
    for left in work.iterdir():  # of a run that was killed
        if left.is_dir() and not left.is_symlink():
            shutil.rmtree(left)
        else:
            left.unlink()
    return handle
