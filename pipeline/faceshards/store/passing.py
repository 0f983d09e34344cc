"""Folders for as long as a process needs them: what a killed one left goes when the next is made."""

import fcntl
import os
import shutil
import tempfile
import weakref
from contextlib import suppress
from pathlib import Path


class PassingFolder:
    """A folder that is removed when nobody refers to it any more, or the process ends.

    The kernel lets go of its lock where a process is killed. So the next one that makes such a folder removes those
    that nobody has locked.

    Two lines of use::

        folder = PassingFolder(Path("~/.cache").expanduser(), "faceshards-verify-")
        (folder.path / "file").write_bytes(b"")

    Args:
        parent: where; made where it is not there.
        prefix: of its name, and of the names of those that are removed.

    Attributes:
        path: of the folder, which the user alone can read.

    Raises:
        OSError: it cannot be made.
    """

    def __init__(self, parent: Path, prefix: str) -> None:
        parent.mkdir(parents=True, exist_ok=True)
        for left in parent.glob(f"{prefix}*"):
            _remove_unless_held(left)
        while True:
            self.path = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
            handle = os.open(self.path, os.O_RDONLY)
            with suppress(OSError):  # of a file system without locks, where nothing is removed either
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if self.path.is_dir():  # nobody removed it before it was locked
                break
            os.close(handle)
        self._end = weakref.finalize(self, _end, self.path, handle, os.getpid())

    def remove(self) -> None:
        """Remove it now."""
        self._end()


def _end(path: Path, handle: int, maker: int) -> None:
    if os.getpid() == maker:  # and no process that was forked from it
        shutil.rmtree(path, ignore_errors=True)
    os.close(handle)


def _remove_unless_held(folder: Path) -> None:
    with suppress(OSError):  # another user's, or gone already
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            if os.fstat(handle).st_uid == os.geteuid():
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
        finally:
            os.close(handle)
