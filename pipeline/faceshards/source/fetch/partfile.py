"""A file on its way in: ``name.part``, and ``name.part.json`` that says which blocks of which version it holds.

Why no library: see `faceshards.source.fetch.download`.
"""

import hashlib
import json
import os
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

from faceshards.errors import DownloadError
from faceshards.source.fetch.ranges import split
from faceshards.source.fetch.remote import RemoteVersion


class PartFile:
    """Written at offsets by several threads, block by block, and renamed once it is whole.

    A block counts as done once it is on the disk, so that neither a kill nor a power cut leaves a hole behind. Without
    ranges the file is one block: nothing of it survives a kill.

    Args:
        path: where the finished file will lie; the folder exists.
        remote: the version to fetch. What lies there of another version is not used.
        block_bytes: the size of a block.
    """

    def __init__(self, path: Path, remote: RemoteVersion, block_bytes: int) -> None:
        self.path = path
        self.remote = remote
        self.blocks = split(remote.size, block_bytes if remote.ranges else remote.size)
        self._part = path.with_name(path.name + ".part")
        self._state = path.with_name(path.name + ".part.json")
        self._version = {
            "url": remote.url,
            "size": remote.size,
            "validator": remote.validator,
            "block_bytes": block_bytes,
        }
        self._lock = threading.Lock()
        self._done = self._resumed()
        self._fd = -1

    def _resumed(self) -> set[int]:
        try:
            state = json.loads(self._state.read_text("utf-8"))
            part_bytes = self._part.stat().st_size
        except (FileNotFoundError, ValueError, RecursionError):  # the last two of a state that is none
            return set()
        usable = self.remote.ranges and part_bytes == self.remote.size and isinstance(state, dict)
        done = state.get("done") if usable and state.get("version") == self._version else None
        known = range(len(self.blocks))
        return set(done) if isinstance(done, list) and all(type(i) is int and i in known for i in done) else set()

    @property
    def missing(self) -> list[range]:
        """The blocks that are not on the disk yet, in order."""
        return [block for index, block in enumerate(self.blocks) if index not in self._done]

    def __enter__(self) -> Self:
        afresh = 0 if self._done else os.O_TRUNC
        self._fd = os.open(self._part, os.O_RDWR | os.O_CREAT | afresh, 0o666)
        os.ftruncate(self._fd, self.remote.size)
        self._save()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._fd)

    def write(self, offset: int, data: bytes) -> None:
        """Write bytes at an offset; safe from several threads."""
        view = memoryview(data)
        while view:
            written = os.pwrite(self._fd, view, offset)
            offset += written
            view = view[written:]

    def finish(self, block: range) -> None:
        """Record that all bytes of a block have been written."""
        os.fsync(self._fd)
        with self._lock:
            self._done.add(self.blocks.index(block))
            self._save()

    def _save(self) -> None:
        fresh = self._state.with_name(self._state.name + ".new")
        fresh.write_text(json.dumps({"version": self._version, "done": sorted(self._done)}), "utf-8")
        fresh.replace(self._state)

    def commit(self, sha256: str | None) -> None:
        """Check the whole file and give it its name.

        Raises:
            DownloadError: its SHA-256 is not the expected one; what arrived is deleted.
        """
        if sha256 is not None:
            with self._part.open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
            if found != sha256:
                self.discard()
                raise DownloadError(
                    f"{self.remote.url}: expected SHA-256 {sha256}, found {found}. The copy was deleted; if it happens "
                    "again, the file on the server is not the one that the recipe names"
                )
        self._part.replace(self.path)
        sweep(self.path)
        folder = os.open(self.path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def discard(self) -> None:
        """Forget everything that has arrived."""
        self._done.clear()
        sweep(self.path)


def sweep(path: Path) -> None:
    """Delete whatever a killed download of `path` has left beside it."""
    for suffix in (".part", ".part.json", ".part.json.new"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
