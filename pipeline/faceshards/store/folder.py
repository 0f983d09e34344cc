"""The output of a command: a new folder that is whole or not there."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from faceshards.errors import FaceShardsError, OutputExistsError
from faceshards.store.durable import PARTIAL, replace_folder, sync


@contextmanager
def new_folder(out: Path, taken: type[FaceShardsError] = OutputExistsError) -> Iterator[Path]:
    """A folder to fill, which becomes `out` in one step when the context ends without an error.

    Args:
        out: absent, or an empty folder.
        taken: the error to raise where there is something at `out`.

    Raises:
        FaceShardsError: `taken`.
    """
    if out.exists() and not (out.is_dir() and not any(out.iterdir())):
        raise taken(f"{out}: expected nothing there; delete it, or name another folder")
    work = out.absolute().with_name(f".{out.name}{PARTIAL}")
    shutil.rmtree(work, ignore_errors=True)  # of a run that was killed
    work.mkdir(parents=True)
    try:
        yield work
        for path in sorted(work.rglob("*")):
            sync(path)
        replace_folder(work, out.absolute())
    finally:
        shutil.rmtree(work, ignore_errors=True)
