"""Make again what is damaged of a store, to the same bytes, and leave the rest alone."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from tqdm import tqdm

from faceshards.build.verify import verify_with_bar
from faceshards.cells import visible
from faceshards.errors import FaceShardsError, MissingExtraError, MissingShardError, RevisionError
from faceshards.faulttext import is_shortage
from faceshards.store.durable import sha256_of, sweep, sweep_of
from faceshards.store.filehashes import IGNORED
from faceshards.store.inventory import FileRecord
from faceshards.store.names import path_in
from faceshards.store.reader import Store
from faceshards.store.schema import DATASET_JSON, INVENTORY
from faceshards.store.verify import Problem
from faceshards.versions.copies import Kept, blocks_of, cache_copy, copies_at, md5_of
from faceshards.versions.derive import Derived
from faceshards.versions.dvcout import DvcOut, find_out
from faceshards.versions.files import recorded_files
from faceshards.versions.replace import put, stage
from faceshards.versions.sameversion import restore_dataset_json

_REBUILD = "its bytes are those that were written, so no copy is better; build the store anew"
_NO_SOURCE = "no --from was given (another copy, or a git revision such as HEAD, whose files DVC's remote may have)"
_UNLISTED = "--remove-unlisted removes it"
_DVC_MODE = 0o444  # by which DVC takes a copy for sound
_BAR_AFTER_S = 2.0


class _Source(Protocol):
    """Where good bytes may be."""

    @property
    def label(self) -> str: ...

    def find(self, file: str, wanted: FileRecord, /) -> Iterator[bytes]: ...


@dataclass(frozen=True)
class Repaired:
    """A file that has its own bytes again.

    Attributes:
        path: in the store; of DVC's cache, as a whole path.
        source: where they came from.
    """

    path: str
    source: str


@dataclass(frozen=True)
class Left:
    """A problem that is still there, and why."""

    problem: Problem
    reason: str

    def __str__(self) -> str:
        return f"{visible(str(self.problem))}. Not repaired: {self.reason}"


@dataclass(frozen=True)
class Repair:
    """What `repair` did and what it could not do.

    Attributes:
        repaired: files of the store.
        in_cache: files of DVC's cache that had the same damage.
        removed: unlisted files that were removed.
        left: what `verify` still finds, the first problem of each file.
    """

    repaired: tuple[Repaired, ...]
    in_cache: tuple[Repaired, ...]
    removed: tuple[str, ...]
    left: tuple[Left, ...]

    @property
    def ok(self) -> bool:
        """Whether `verify` finds nothing any more."""
        return not self.left


def repair(path: str | Path, sources: Sequence[str] = (), *, remove_unlisted: bool = False) -> Repair:
    """Repair a store in place, then verify it.

    A file is replaced where its bytes are not the recorded ones, by bytes that are: of a file elsewhere in the store,
    of the sources, of DVC's cache, of kept shards, or made again from `dataset.json`. A new file is written beside the
    old one and renamed, for a damaged file may be a hard link into DVC's cache. A copy in that cache with the same
    damage is replaced too.

    Two lines of use::

        done = repair("data/shards", ["/mnt/copy/shards"])
        done.ok, [str(left) for left in done.left]

    Args:
        path: the store's folder.
        sources: other copies: folders, URLs, or git revisions at which DVC tracks `path`.
        remove_unlisted: whether to remove files that the store does not list.

    Raises:
        StoreFormatError: `path` is no store.
        CorruptShardError: its `dataset.json` is damaged, and no source is known to be of the same version.
        RevisionError, MissingExtraError, MissingShardError, DownloadError: a source is none, or DVC cannot tell.
    """
    root = Path(path)
    if (root / DATASET_JSON).is_file():  # of any other folder nothing is touched
        sweep(root)
    named = [copy for address in sources for copy in copies_at(address, root)]
    out, why_not = _dvc_out(root)
    copies = [*named, *([cache_copy(out)] if out is not None else [])]
    restored = restore_dataset_json(root, copies)
    work = _Work(root, Store.open(root), _hashes(root), out)
    # Whatever a run that was stopped had repaired of it: nothing else is written before DVC's copy is sound.
    work.mend_copy(DATASET_JSON, root / DATASET_JSON)
    if restored is not None:
        work.repaired.append(Repaired(DATASET_JSON, restored))
    kept = root.absolute().parent / ".work" / "kept"
    others: list[_Source] = [*copies, *([Kept(kept)] if kept.is_dir() else []), Derived(root, work.store.info)]
    work.run(others)
    removed = work.remove_unlisted() if remove_unlisted else ()
    hints = [] if sources else [_NO_SOURCE]
    reasons = {file: "; ".join([*hints, *tried, *why_not]) for file, tried in work.tried.items()}
    problems = {problem.path: problem for problem in reversed(verify_with_bar(root).problems)}  # the first of each file
    left = [Left(problem, _reason(problem, reasons)) for problem in reversed(problems.values())]
    return Repair(tuple(work.repaired), tuple(work.in_cache), removed, (*left, *work.left_in_cache))


@dataclass
class _Work:
    """Finds what is damaged, and replaces it.

    Attributes:
        found: SHA-256 of every file that is there.
        out: what DVC knows of the store, if anything.
        tried: what stood against each source, by file that is still damaged.
    """

    root: Path
    store: Store
    found: dict[str, str]
    out: DvcOut | None
    repaired: list[Repaired] = field(default_factory=list)
    in_cache: list[Repaired] = field(default_factory=list)
    left_in_cache: list[Left] = field(default_factory=list)
    tried: dict[str, list[str]] = field(default_factory=dict)

    def run(self, sources: Sequence[_Source]) -> None:
        """Repair all that can be."""
        roots = {name: FileRecord(**file) for name, file in self.store.info["files"].items()}
        inventory = {INVENTORY: roots.pop(INVENTORY)}
        # It says what all others must be. Where it can only be made again from them, the rest must be sound.
        self._replace(inventory, sources)
        self._replace(roots, sources)
        if INVENTORY not in self.tried:
            self.store = Store.open(self.root)
            files = recorded_files(self.store)
            self._replace({f: r for f, r in files.items() if f not in {INVENTORY, DATASET_JSON, *roots}}, sources)

    def remove_unlisted(self) -> tuple[str, ...]:
        """Remove what the store does not list; nothing where the list itself is damaged."""
        if INVENTORY in self.tried:
            return ()
        listed = recorded_files(self.store)
        gone = [file for file in _files(self.root) if file not in listed]
        for file in gone:
            (self.root / file).unlink()
        return tuple(gone)

    def _replace(self, wanted: Mapping[str, FileRecord], sources: Sequence[_Source]) -> None:
        damaged = {file: record for file, record in wanted.items() if self.found.get(file) != record.sha256}
        # First those whose bytes lie under another name, all written before any is renamed: two may have changed
        # places.
        elsewhere = {digest: file for file, digest in self.found.items()}
        staged = {}
        for file, record in damaged.items():
            if record.sha256 in elsewhere:
                name = elsewhere[record.sha256]
                if temporary := self._stage(file, record, _InStore(self.root / name)):
                    staged[file] = temporary, name
        for file, (temporary, name) in staged.items():
            self._put(file, temporary, damaged[file], f"{name} in the store")
        for file, record in damaged.items():
            if file not in staged:
                for source in sources:
                    if temporary := self._stage(file, record, source):
                        self._put(file, temporary, record, source.label)
                        break

    def _stage(self, file: str, record: FileRecord, source: _Source) -> Path | None:
        try:
            return stage(path_in(self.root, file, links=False), source.find(file, record), record)
        except (FaceShardsError, OSError) as error:
            self.tried.setdefault(file, []).append(f"{source.label}: {error}")
            return None

    def _put(self, file: str, temporary: Path, record: FileRecord, source: str) -> None:
        # First, for a run that comes after a kill looks only at what is damaged in the store.
        self.mend_copy(file, temporary)
        try:
            put(temporary, self.root / file)
        except OSError as error:
            temporary.unlink(missing_ok=True)
            self.tried.setdefault(file, []).append(f"{source}: {error}")
            return
        self.tried.pop(file, None)
        self.found[file] = record.sha256
        self.repaired.append(Repaired(file, source))

    def mend_copy(self, file: str, good: Path) -> None:
        """Replace DVC's copy of a file that is damaged, for `dvc push` would hand it on. DVC itself takes it for sound.

        Args:
            file: its path in the store.
            good: where its own bytes lie.
        """
        kept = None if self.out is None else self.out.cached(file)
        if self.out is None or kept is None or md5_of(good) != self.out.objects[file]:
            return  # no copy, or one of another version
        try:
            if md5_of(kept) == self.out.objects[file]:
                return
            sweep_of(kept)
            temporary = stage(kept, blocks_of(good), FileRecord(good.stat().st_size, sha256_of(good)))
            temporary.chmod(_DVC_MODE)
            put(temporary, kept)
        except OSError as error:
            problem = Problem(str(kept), "changed", f"DVC's copy of {file} has the same damage")
            self.left_in_cache.append(Left(problem, f"{error}. Delete it, then run `dvc commit {self.root}`"))
        else:
            self.in_cache.append(Repaired(str(kept), str(self.root / file)))


@dataclass(frozen=True)
class _InStore:
    """A file that lies under another name in the store itself."""

    path: Path
    label: str = "the store itself"

    def find(self, _file: str, _wanted: FileRecord, /) -> Iterator[bytes]:
        return blocks_of(self.path)


def _files(root: Path) -> list[str]:
    found = (path for path in root.rglob("*") if path.is_file() and path.name not in IGNORED)
    return sorted(path.relative_to(root).as_posix() for path in found)


def _hashes(root: Path) -> dict[str, str]:
    files = {file: (root / file).stat().st_size for file in _files(root)}
    found = {}
    with tqdm(
        desc="hash", total=sum(files.values()), unit="B", unit_scale=True, delay=_BAR_AFTER_S, leave=False, disable=None
    ) as bar:
        for file, size in files.items():
            try:
                found[file] = sha256_of(root / file)
            except OSError as error:  # of a disk that fails in it: it is damaged
                if is_shortage(error):
                    raise
            bar.update(size)
    return found


def _dvc_out(root: Path) -> tuple[DvcOut | None, list[str]]:
    """What DVC knows of the store without asking a remote; where it knows nothing, why."""
    try:
        return find_out(root, remote=False), []
    except (MissingExtraError, MissingShardError, RevisionError) as error:
        return None, [f"DVC's cache: {error}"]


def _reason(problem: Problem, tried: Mapping[str, str]) -> str:
    if problem.path in tried:
        return tried[problem.path]
    return _UNLISTED if problem.kind == "unlisted" else _REBUILD
