"""A folder that keeps whole files of remote stores: bounded, and shared by any number of processes.

Names change only under the folder's lock. A file in use is held by each of its readers, and one that is being fetched
is claimed by one process: who wants it waits for that process instead of fetching it again. What a killed process left
nobody holds any more (`faceshards.store.filelocks`).

Why no library: the caches of fsspec, pooch and huggingface_hub have no bound. diskcache, of 2023, has one, but may
remove a file whose path another process is about to open. obstore has no cache.
"""

import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from faceshards.checks import whole_number
from faceshards.counted import counted
from faceshards.errors import CacheError, FaceShardsError
from faceshards.store import filelocks
from faceshards.store.durable import PARTIAL, sync, write_file
from faceshards.store.filelocks import Claim
from faceshards.store.names import path_in

Fetch = Callable[[BinaryIO], None]
"""Writes a whole file, from its start, or raises."""

_LOCK = ".lock"  # in the folder, never removed
_TAG = "CACHEDIR.TAG"  # by which programs that make backups know a cache, and we know ours: files in it may go
_SIGNATURE = b"Signature: 8a477f597d28d172789f06886806bc55\n# Copies of remote stores, by faceshards.\n"
_OWN_FOLDER, _OWN_FILE = 0o700, 0o600  # faces of people, for the user alone
_WAIT_FOR_ROOM_S = 60.0
_WAIT_FOR_OTHER_S = 600.0
_POLL_S = 0.05


def _default_folder() -> Path:
    chosen = os.environ.get("FACESHARDS_CACHE")
    return Path(chosen) if chosen else Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "faceshards"


class _NoRoomError(CacheError):
    """Whatever could go has gone, and it is not enough."""


@dataclass(frozen=True)
class Cache:
    """Where files of remote stores are kept, and how much of them.

    Attributes:
        folder: on a local disk, for processes lock its files. By default ``$FACESHARDS_CACHE``, else
            ``faceshards`` in the user's cache folder. One with files of others is refused, for files in it are removed.
        max_bytes: the most that the folder may hold; beyond it, and where the disk is full, the files that were not
            read for longest go.
    """

    folder: Path = field(default_factory=_default_folder)
    max_bytes: int = 50 * 10**9

    def __post_init__(self) -> None:
        object.__setattr__(self, "folder", Path(self.folder))
        object.__setattr__(self, "max_bytes", whole_number("max_bytes", self.max_bytes, 1))

    @contextmanager
    def hold(self, name: str, size: int, fetch: Fetch) -> Iterator[Path]:
        """Have a whole file on this disk, which stays there until the context ends.

        Args:
            name: its path within the folder.
            size: how long it is, in bytes.
            fetch: called where the file is not kept yet, and in no two processes at once.

        Raises:
            CacheError: the folder cannot be written, or there is no room.
            FaceShardsError: what `fetch` raises.
        """
        path = path_in(self.folder, name)
        with self._errors(f"keep {name} there"):
            handle = self._hold(path, size, fetch)
        try:
            yield path
        finally:
            filelocks.release(handle)

    def drop(self, name: str) -> None:
        """Forget a file, once nobody reads it any more.

        Raises:
            CacheError: it cannot be removed.
        """
        with self._errors(f"remove {name} from it"):
            self._drop(path_in(self.folder, name))

    def _drop(self, path: Path) -> None:
        with self._locked(), suppress(FileNotFoundError):
            if path.is_symlink():  # which is not ours; what it leads to stays
                path.unlink()
            elif path.is_dir():
                shutil.rmtree(path)
            else:
                filelocks.remove(path)

    @contextmanager
    def _errors(self, what: str) -> Iterator[None]:
        try:
            yield
        except FaceShardsError:
            raise
        except OSError as error:
            raise CacheError(
                f"{self.folder}: cannot {what} ({error}). Name a folder on a local disk that can be "
                "written: set FACESHARDS_CACHE, or give open() a Cache(folder)"
            ) from error

    def _hold(self, path: Path, size: int, fetch: Fetch) -> int:
        deadline = time.monotonic() + _WAIT_FOR_ROOM_S
        while True:
            if path.is_symlink():
                self._drop(path)
            with suppress(FileNotFoundError):
                handle = filelocks.held(path)
                status = os.fstat(handle)
                if status.st_nlink and status.st_size == size:
                    _mark_read(handle, path)
                    return handle
                filelocks.release(handle)
                if status.st_nlink:
                    self._drop(path)
            try:
                claim = self._claim(path, size)
            except _NoRoomError:
                if time.monotonic() > deadline:
                    raise
                claim = None
            if claim is None:
                self._refuse_stuck(path)
                time.sleep(_POLL_S)
            else:
                self._fill(path, claim, fetch)

    def _claim(self, path: Path, size: int) -> Claim | None:
        """Take on the fetching of a file; None where another process has it in hand.

        The name is taken before there is a byte, at full length, so that other processes count it as room taken.
        """
        partial = _partial(path)
        with self._locked():
            # Folders as well are made under the lock, and none through a link that leads out of the cache.
            path_in(self.folder, path.relative_to(self.folder).as_posix(), links=False)
            for folder in reversed([*path.relative_to(self.folder).parents][:-1]):
                (self.folder / folder).mkdir(mode=_OWN_FOLDER, exist_ok=True)
            if path.exists():
                return None
            claim = Claim.on(partial, _OWN_FILE)
            if claim is None:
                return None
            try:
                os.ftruncate(claim.handle, 0)
                self._make_room(size, partial)
                os.ftruncate(claim.handle, size)
            except BaseException:
                claim.remove()
                raise
            return claim

    def _refuse_stuck(self, path: Path) -> None:
        """Wait no longer for a process that is fetching a file and writes nothing: it may have been stopped."""
        with suppress(FileNotFoundError):
            idle = time.time() - _partial(path).stat().st_mtime
            if idle > _WAIT_FOR_OTHER_S:
                raise CacheError(
                    f"{path}: expected the process that is fetching it to write on; found that it has written nothing "
                    f"for {idle:.0f} seconds; go on with it or end it (`fuser {_partial(path)}` names it)"
                )

    def _fill(self, path: Path, claim: Claim, fetch: Fetch) -> None:
        try:
            with os.fdopen(claim.handle, "r+b", closefd=False) as file:
                fetch(file)
            os.fsync(claim.handle)
            with self._locked():
                claim.rename(path)
            sync(path.parent)
        except BaseException:
            with self._locked():
                claim.remove()
            raise
        finally:
            claim.release()

    def _make_room(self, size: int, claimed: Path) -> None:
        """Let files go, longest unread first, until `size` bytes fit. Called under the folder's lock."""
        if size > self.max_bytes:
            raise CacheError(
                f"{self.folder}: {claimed.stem} has {counted(size, 'byte')}, the whole cache may hold "
                f"{self.max_bytes:,}; give open() a Cache with a larger max_bytes"
            )
        kept = []
        for path in self.folder.rglob("*"):
            if path.is_file() and path != claimed and not path.name.startswith((_LOCK, _TAG)):
                if path.name.endswith(PARTIAL) and filelocks.remove_abandoned(path):
                    continue  # of a process that was killed
                status = path.stat()
                kept.append((status.st_mtime_ns, status.st_size, path))
        free = shutil.disk_usage(self.folder).free
        room = min(self.max_bytes - sum(length for _, length, _ in kept), free)
        for _, length, path in sorted(kept):
            if room >= size:
                return
            if filelocks.try_remove(path):
                room += length
        if room < size:
            raise _NoRoomError(
                f"{self.folder}: no room for the {counted(size, 'byte')} of {claimed.stem}: the cache may hold "
                f"{self.max_bytes:,}, its disk has {free:,} free, and what is left is being read; "
                "make room, or give open() a Cache with a larger max_bytes"
            )

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        self.folder.mkdir(mode=_OWN_FOLDER, exist_ok=True)
        with filelocks.alone(self.folder / _LOCK, _OWN_FILE):
            self._mark()
            yield

    def _mark(self) -> None:
        """Make the folder a cache, in which files may be removed; one with files of others is none."""
        if (self.folder / _TAG).exists():
            return
        others = sorted(path.name for path in self.folder.iterdir() if not path.name.startswith((_LOCK, _TAG)))
        if others:
            raise CacheError(
                f"{self.folder}: expected an empty folder, or a cache of faceshards; found {others[0]!r:.80}, which "
                "would be removed to make room; name another: set FACESHARDS_CACHE, or give open() a Cache(folder)"
            )
        write_file(self.folder / _TAG, _SIGNATURE)


def _partial(path: Path) -> Path:
    return path.with_name(path.name + PARTIAL)


def _mark_read(handle: int, path: Path) -> None:
    with suppress(OSError):  # somebody else's file, or a read-only disk: it goes earlier than it might
        now = time.time_ns()  # finer than the clock that the kernel would take
        os.utime(handle if os.utime in os.supports_fd else path, ns=(now, now))
