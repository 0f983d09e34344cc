"""Folders for as long as a process needs them: what a killed one left goes when the next is made."""

import os
import shutil
import tempfile
import weakref
from contextlib import suppress
from pathlib import Path

from faceshards.store import filelocks


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
            handle = None
            with suppress(OSError):  # of a system without locks, where nothing is removed either
                handle = filelocks.hold_folder(self.path)
            if self.path.is_dir():  # nobody removed it before it was locked
                break
        self._end = weakref.finalize(self, _end, self.path, handle, os.getpid())

    def remove(self) -> None:
        """Remove it now."""
        self._end()


def _end(path: Path, handle: int | None, maker: int) -> None:
    if os.getpid() == maker:  # and no process that was forked from it
        shutil.rmtree(path, ignore_errors=True)
    if handle is not None:
        os.close(handle)


def _remove_unless_held(folder: Path) -> None:
    with suppress(OSError):  # another user's, or gone already
        if folder.stat().st_uid == os.geteuid() and (handle := filelocks.hold_folder(folder)) is not None:
            shutil.rmtree(folder, ignore_errors=True)
            os.close(handle)
