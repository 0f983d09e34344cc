"""What processes agree on about files: who reads one, who writes one, and who may remove it.

Linux and macOS remove a file whoever has it open, and lock open files (``flock``). The kernel lets go of the locks of a
process that ended. Windows has no such locks. It refuses to remove and to rename a file that is open, which says the
same. So a file is held here while it is open, on both, and nobody removes it who asks here first.
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

try:
    import fcntl as _posix
except ImportError:
    _LOCKS = False
else:
    _LOCKS = True

OPEN_FILES_STAY = not _LOCKS
"""Whether nobody can remove a file that is open, or put another in its place."""

# Not for who writes to a pipe, and bytes as they are.
_UNWAITING = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
_OWN = _UNWAITING | getattr(os, "O_NOFOLLOW", 0)
_POLL_S = 0.05
_ABANDONED_S = 60.0


def open_to_read(path: Path) -> int:
    """A handle of a file that links may lead to, without waiting where it is a pipe.

    Raises:
        OSError: it is not there, or cannot be read; on Windows as well where it is a folder.
    """
    return os.open(path, os.O_RDONLY | _UNWAITING)


def held(path: Path) -> int:
    """A handle of a file that nobody removes before `release`. A link is not followed.

    Raises:
        OSError: it is not there, or cannot be read.
    """
    handle = os.open(path, os.O_RDONLY | _OWN)
    if _LOCKS:
        _posix.flock(handle, _posix.LOCK_SH)
    return handle


def release(handle: int) -> None:
    """Close what `held` gave."""
    if _LOCKS:
        # Closing alone would leave the lock with a child that was forked meanwhile.
        with suppress(OSError):
            _posix.flock(handle, _posix.LOCK_UN)
    os.close(handle)


class Claim:
    """A file that this process writes, and no other one.

    Attributes:
        handle: to write to it.
    """

    def __init__(self, path: Path, handle: int) -> None:
        self._path, self.handle, self._open = path, handle, True

    @classmethod
    def on(cls, path: Path, mode: int) -> "Claim | None":
        """Make the file, or take one over that a killed process left; None where another process has it.

        Raises:
            OSError: it cannot be made.
        """
        if _LOCKS:
            handle = os.open(path, os.O_RDWR | os.O_CREAT | _OWN, mode)
            if try_lock(handle):
                return cls(path, handle)
            os.close(handle)
            return None
        if path.exists() and not remove_abandoned(path):
            return None
        return cls(path, os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | _OWN, mode))

    def rename(self, to: Path) -> None:
        """Give the file its name, and let go of it.

        Raises:
            OSError: it cannot be renamed, or another process took it for abandoned meanwhile.
        """
        if _LOCKS:
            self._path.replace(to)
            self.release()
            return
        ours = os.path.samestat(os.fstat(self.handle), self._path.stat())
        self.release()  # for what is open cannot be renamed
        if not ours:
            raise FileNotFoundError(f"{self._path}: another process writes it anew")
        self._path.replace(to)

    def remove(self) -> None:
        """Remove the file and let go of it, unless it was renamed or let go of.

        Raises:
            OSError: it cannot be removed.
        """
        if self._open:
            if _LOCKS:
                self._path.unlink(missing_ok=True)
                self.release()
            else:
                self.release()  # for what is open cannot be removed
                self._path.unlink(missing_ok=True)

    def release(self) -> None:
        """Let go of the file; once more does nothing."""
        if self._open:
            self._open = False
            release(self.handle)


def try_lock(handle: int) -> bool:
    """Keep others from removing an open file; False where one reads or writes it. Without locks it is enough to open.

    Raises:
        OSError: the file system has no locks.
    """
    if _LOCKS:
        try:
            _posix.flock(handle, _posix.LOCK_EX | _posix.LOCK_NB)
        except BlockingIOError:
            return False
    return True


def try_remove(path: Path) -> bool:
    """Remove a file unless somebody holds it.

    Returns:
        Whether it was removed. False as well where it was gone already, or is not ours to remove.
    """
    if not _LOCKS:
        with suppress(OSError):
            path.unlink()
            return True
        return False
    try:
        handle = os.open(path, os.O_RDWR | _OWN)
    except OSError:
        return False
    try:
        if not try_lock(handle):
            return False
        path.unlink()
        return True
    finally:
        release(handle)


def remove_abandoned(path: Path) -> bool:
    """Remove a file that a process was writing when it was killed. Returns as `try_remove`.

    Where neither locks nor the system tell, a file is abandoned that nobody wrote to for a minute.
    """
    with suppress(OSError):
        if not _LOCKS and time.time() - path.stat().st_mtime < _ABANDONED_S:
            return False
        return try_remove(path)
    return False


def remove(path: Path) -> None:
    """Remove a file as soon as nobody holds it any more.

    Raises:
        OSError: it cannot be opened or removed. Without locks, as well where somebody held it for a minute.
    """
    if not _LOCKS:
        deadline = time.monotonic() + _ABANDONED_S
        while not try_remove(path):
            if time.monotonic() > deadline or not path.exists():
                path.unlink()
            time.sleep(_POLL_S)
        return
    handle = os.open(path, os.O_RDWR | _OWN)
    try:
        _posix.flock(handle, _posix.LOCK_EX)
        path.unlink()
    finally:
        release(handle)


@contextmanager
def alone(path: Path, mode: int) -> Iterator[None]:
    """One process, and one thread of it, at a time; the others wait.

    Args:
        path: a file that is made for this, and may stay.
        mode: its permissions where it is made.
    """
    if _LOCKS:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | _OWN, mode)
        try:
            _posix.flock(handle, _posix.LOCK_EX)
            yield
        finally:
            release(handle)
    else:
        from filelock import FileLock

        with FileLock(path):
            yield


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """As `alone`, of a folder, in which no file of locks is left. Where the file system has no locks nobody waits."""
    if _LOCKS:
        handle = os.open(folder, os.O_RDONLY)
        try:
            with suppress(OSError):
                _posix.flock(handle, _posix.LOCK_EX)
            yield
        finally:
            release(handle)
    else:
        from filelock import FileLock

        with FileLock(folder / ".lock"):
            yield


def hold_folder(folder: Path) -> int | None:
    """A handle by which others know that a folder is in use, until it is closed; None where one of them uses it.

    Raises:
        OSError: it is no folder. Where there are no locks, always.
    """
    if not _LOCKS:
        raise OSError(f"{folder}: this system has no locks of folders")
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    with suppress(OSError):  # of a file system without locks
        if not try_lock(handle):
            os.close(handle)
            return None
    return handle
