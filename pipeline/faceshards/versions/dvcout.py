"""An out of DVC, in the working tree or at a git revision: which objects its files are, and their bytes.

DVC is asked through its own Python interface, so that its config, cache and remotes decide as they do for `dvc`.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from faceshards.errors import DownloadError, MissingExtraError, MissingShardError, RevisionError
from faceshards.store.jsonvalue import read_json
from faceshards.store.names import is_inside

_BLOCK = 16 * 2**20
_MD5 = re.compile(r"[0-9a-f]{32}")
_REMEDY = "`dvc push` it again where the version was made"


class DvcOut:
    """A folder that DVC tracks, as it was at one revision.

    Attributes:
        label: what to call it in messages, such as ``data/shards at HEAD~1``.
        objects: MD5 by file, paths relative to the folder; DVC names its copies by it.
    """

    def __init__(self, label: str, cache: Any, remote: Any, listing: str) -> None:
        self.label = label
        self._cache, self._remote = cache, remote
        self.objects: Mapping[str, str] = self._read_listing(listing)

    def cached(self, file: str) -> Path | None:
        """Where DVC's cache has a file of the out; None where it has none. What lies there is not checked."""
        if file not in self.objects:
            return None
        path = self.cache_path(file)
        return path if path.is_file() else None

    def cache_path(self, file: str) -> Path:
        """Where DVC's cache has, or would have, a file of the out."""
        return Path(self._cache.oid_to_path(self.objects[file]))

    def blocks(self, file: str) -> Iterator[bytes]:
        """The bytes of a file from the remote, in blocks of some MiB. They are not checked.

        Raises:
            MissingShardError: the out has no such file, or no remote has it.
            DownloadError: the remote cannot be read.
        """
        if file not in self.objects:
            raise MissingShardError(f"{self.label} has no file {file}")
        yield from self._blocks(self.objects[file], file)

    def _read_listing(self, oid: str) -> dict[str, str]:
        """What DVC calls a directory object: a JSON list whose MD5 is its name."""
        path = Path(self._cache.oid_to_path(oid))
        data = path.read_bytes() if path.is_file() else b""
        if not _is_listing(data, oid):
            data = b"".join(self._blocks(oid, "its list of files"))
        if not _is_listing(data, oid):
            raise DownloadError(
                f"{self.label}: the list of its files in the DVC remote is damaged; `dvc push` it again where the "
                f"version was made"
            )
        return read_listing(data, f"{self.label}: the list of its files")

    def _blocks(self, oid: str, what: str) -> Iterator[bytes]:
        from dvc.exceptions import DvcException

        nowhere = (
            f"{self.label}: {what} is neither in DVC's cache ({self._cache.path}) nor in a remote. Run `dvc push` "
            "where that version was made, or check the revision out and run `dvc repro`"
        )
        if self._remote is None:
            raise MissingShardError(nowhere)
        if isinstance(self._remote, DvcException):
            raise MissingShardError(f"{nowhere} ({self._remote})") from self._remote
        try:
            with self._remote.fs.open(self._remote.oid_to_path(oid), "rb") as file:
                while block := file.read(_BLOCK):
                    yield block
        except FileNotFoundError as error:
            raise MissingShardError(nowhere) from error
        except Exception as error:  # remotes raise their clients' errors, which have no base in common
            raise DownloadError(
                f"{self.label}: {what} cannot be read from the DVC remote: {type(error).__name__}: {error}. "
                "Check `dvc remote list`, the credentials and the network"
            ) from error


def find_out(path: str | Path, rev: str | None = None, *, remote: bool = True) -> DvcOut:
    """Find the out that DVC has at a path.

    Args:
        path: of the out, relative to the current folder.
        rev: a git revision; None for what the working tree's ``dvc.lock`` and ``.dvc`` files say.
        remote: whether to ask the remote for what the cache has not.

    Raises:
        MissingExtraError: DVC is not installed.
        RevisionError: the path is in no DVC repository, git has no such revision, or DVC tracks no folder at the path
            at that revision.
        MissingShardError, DownloadError: the list of the out's files cannot be had.
    """
    try:
        from dvc.exceptions import DvcException
        from dvc.repo import Repo
        from dvc.scm import NoSCM, SCMError
    except ImportError as error:
        raise MissingExtraError(
            f"versions that DVC keeps need DVC: pip install 'faceshards[pipeline]' ({error})"
        ) from error
    place = Path(path).absolute()
    place = place.parent.resolve() / place.name  # the out itself may be a link into DVC's cache
    label = f"{path} at {rev}" if rev is not None else str(path)
    if rev == "":  # which DVC takes for the working tree
        raise RevisionError("expected the name of a revision; found an empty text, as of a variable that is not set")
    try:
        # Closed before anything is read: its databases are those of the thread that opened them.
        with Repo(str(_nearest_folder(place))) as repo:
            name = place.relative_to(Path(repo.root_dir).resolve()).as_posix()
            if rev is not None and isinstance(repo.scm, NoSCM):
                raise RevisionError(f"{label}: {repo.root_dir} is in no git repository, so it has no revisions")
            with repo.switch(rev) if rev is not None else nullcontext():
                outs = {repo.fs.relpath(out.fs_path, repo.root_dir): out for out in repo.index.outs if out.is_in_repo}
                tracked = _tracked(outs, name, label)
                oid, cache = tracked.hash_info.value, tracked.cache
                asked = (tracked.remote, "fetch", tracked.hash_name)
            # By the config of the working tree: the remote may have moved since the revision.
            kept_by = _remote_of(repo, *asked) if remote else None
    except (DvcException, SCMError) as error:
        raise RevisionError(f"{label}: {error}. Expected a path in a DVC repository and a revision of it") from error
    if not oid.endswith(".dir"):
        raise RevisionError(f"{label} is a file; expected the folder of a store")
    return DvcOut(label, cache, kept_by, oid)


def _tracked(outs: Mapping[str, Any], name: str, label: str) -> Any:
    """The out of that name, which was made."""
    if name not in outs:
        raise RevisionError(
            f"{label} is no out of DVC; give --path one of: {', '.join(sorted(outs)) or 'none is tracked'}"
        )
    if not outs[name].hash_info:
        raise RevisionError(f"{label} was not made yet: dvc.lock has no entry of it. Run `dvc repro` and commit")
    return outs[name]


def _remote_of(repo: Any, *asked: Any) -> Any:
    """Where DVC pushes an out, or the error that says why there is none, which matters once it is asked."""
    from dvc.exceptions import DvcException

    try:
        return repo.cloud.get_remote_odb(*asked)
    except DvcException as error:
        return error


def _nearest_folder(place: Path) -> Path:
    """The folder itself need not be there, for DVC may not have checked it out."""
    return next(folder for folder in (place, *place.parents) if folder.is_dir())


def read_listing(data: bytes, where: str) -> dict[str, str]:
    """MD5 by file, from what DVC calls a directory object.

    Raises:
        DownloadError: it is none, or names files outside the folder.
    """
    try:
        entries = [(entry["relpath"], entry["md5"]) for entry in read_json(data)]
    except (ValueError, TypeError, LookupError) as error:
        raise DownloadError(f"{where}: expected a list of relpath and md5, found {error!r}. {_REMEDY}") from error
    for path, oid in entries:
        if not is_inside(path) or not isinstance(oid, str) or not _MD5.fullmatch(oid):
            raise DownloadError(
                f"{where}: expected paths below the folder and MD5s, found {path!r:.200} and {oid!r:.80}. {_REMEDY}"
            )
    return dict(entries)


def _is_listing(data: bytes, oid: str) -> bool:
    return f"{hashlib.md5(data, usedforsecurity=False).hexdigest()}.dir" == oid
