"""A store at a git revision, read where DVC keeps it: nothing is checked out, nothing of DVC's cache is copied."""

import hashlib
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from faceshards.errors import CorruptShardError, MissingShardError
from faceshards.store import dataset_json
from faceshards.store.cache import Cache
from faceshards.store.names import path_in
from faceshards.store.origin import Origin, first_bytes
from faceshards.store.passing import PassingFolder
from faceshards.store.reader import Store
from faceshards.store.remote import CachedMirror
from faceshards.store.schema import DATASET_JSON
from faceshards.versions.copies import md5_of
from faceshards.versions.dvcout import DvcOut, find_out


class _RevisionOrigin(Origin):
    """The remote of an out, as `CachedMirror` reads it."""

    def __init__(self, out: DvcOut) -> None:
        super().__init__(f"dvc://{out.label}")
        self._out = out

    def blocks(self, name: str) -> Iterator[bytes]:
        """See `DvcOut.blocks`."""
        return self._out.blocks(name)


class RevisionMirror:
    """The files of a version: links to DVC's cached copies, else files of the remote, through our own cache.

    Args:
        out: the version.
        remote: brings what DVC's cache has not.

    Attributes:
        folder: where the links are; it goes with the mirror.
    """

    def __init__(self, out: DvcOut, remote: CachedMirror) -> None:
        self._passing = PassingFolder(Path(tempfile.gettempdir()), "faceshards-revision-")
        self.folder = self._passing.path
        self._out, self._remote = out, remote
        self._damaged: set[str] = set()

    @contextmanager
    def hold(self, file: str, size: int, sha256: str) -> Iterator[Path]:
        """Have a file on this disk while the context lasts; see `faceshards.store.reader.Mirror`."""
        kept = self._out.cached(file)
        if kept is not None and file not in self._damaged and kept.stat().st_size == size:
            yield self._link(file, kept)
            return
        with ExitStack() as stack:
            try:
                fetched = stack.enter_context(self._remote.hold(file, size, sha256))
            except MissingShardError as error:
                if kept is None:
                    raise
                raise CorruptShardError(
                    f"{kept}, DVC's copy of {file} of {self._out.label}, is damaged, and no remote has another. "
                    "`faceshards repair` mends it from a sound copy of the version"
                ) from error
            yield self._link(file, fetched)

    def drop(self, file: str) -> None:
        """Take it from the remote from now on, and anew where it came from there."""
        if file in self._damaged:
            self._remote.drop(file)
        self._damaged.add(file)

    def _link(self, file: str, to: Path) -> Path:
        link = path_in(self.folder, file)
        if not (link.is_symlink() and link.readlink() == to):
            link.parent.mkdir(parents=True, exist_ok=True)
            link.unlink(missing_ok=True)
            link.symlink_to(to)
        return link


def open_revision(rev: str, path: str | Path, cache: Cache | None = None) -> Store:
    """Open the store that DVC has at a path at a git revision. It cannot be sent to other processes.

    Two lines of use, in a DVC repository::

        before = open_revision("HEAD~1", "data/shards")
        before.splits  # {"train": 76, "val": 20}

    Args:
        rev: a commit, tag or branch, or what git derives from one: ``HEAD~1``.
        path: of the out, relative to the current folder.
        cache: where files from the remote are kept; None for the default.

    Raises:
        MissingExtraError: DVC is not installed.
        RevisionError: there is no such revision, or DVC tracks no folder at the path there.
        MissingShardError: `dataset.json` is neither in DVC's cache nor in a remote.
        StoreFormatError, CorruptShardError, DownloadError: what is there is no store, or damaged, or cannot be read.
    """
    out = find_out(path, rev)
    where = f"{out.label}: {DATASET_JSON}"
    kept = out.cached(DATASET_JSON)
    # It names the hashes of all else, and agrees with itself whoever wrote it.
    if kept is None or md5_of(kept) != out.objects[DATASET_JSON]:
        data = first_bytes(out.blocks(DATASET_JSON), dataset_json.MAX_BYTES + 1)
    else:
        data = kept.read_bytes()
    info = dataset_json.decode(data, where)
    if (found := hashlib.md5(data, usedforsecurity=False).hexdigest()) != out.objects[DATASET_JSON]:
        raise CorruptShardError(
            f"{where}: expected the file of the MD5 {out.objects[DATASET_JSON]}, as dvc.lock has it; found {found}, "
            "which somebody put in its place; `dvc push` it again where the version was made"
        )
    key = hashlib.sha256(data).hexdigest()[:32]
    mirror = RevisionMirror(out, CachedMirror(_RevisionOrigin(out), cache or Cache(), key))
    return Store(mirror.folder, info, mirror)
