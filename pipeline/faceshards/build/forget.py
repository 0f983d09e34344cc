"""Who is to be left out of the next version, which shards that changes, and what still holds the faces afterwards."""

import difflib
import subprocess
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from faceshards.build.nameless import is_number, read_numbering
from faceshards.build.removal import Entry, append_removal, read_removal
from faceshards.errors import MissingExtraError, ParamsError, UnknownSampleError
from faceshards.store.reader import Store

LOCK = "dvc.lock"
REMOVED = Path("manifests/removed.txt")
"""The list that `faceshards forget` writes by default."""
_NAMES = "the names are those of sample_id and identity_name in manifest.parquet"
_NEAR = 3


@dataclass(frozen=True)
class Forgotten:
    """What a list of removals got, and what that changes in a store.

    Attributes:
        added: the entries that the list had not yet.
        shards: by split and number, the shards that hold faces of the entries, with how many faces. The next version
            makes them anew.
        of: by split, how many shards it has.
        same: sample ids of faces that stay, though their image file is the same as one that goes.
    """

    added: tuple[Entry, ...]
    shards: dict[tuple[str, int], int]
    of: dict[str, int]
    same: tuple[str, ...]

    @property
    def faces(self) -> int:
        """How many faces of the store the entries name."""
        return sum(self.shards.values())


def forget(store: Store, entries: Sequence[Entry], listing: Path, key: Path | None = None) -> Forgotten:
    """Append entries to a list of removals, each of which must name a face of a store.

    Args:
        store: the version that holds the faces.
        entries: samples and people.
        listing: the text file that ``plan.remove`` names; it is made where it is not there.
        key: the file that ``plan.names_key`` names, where the store has numbers in place of names. The list then gets
            numbers as well.

    Raises:
        UnknownSampleError: an entry names no face of the store; the list stays as it was.
        ParamsError: as `append_removal`; the store has numbers, and an entry is a name where no key is given; or the
            key is not the one of its numbers.
    """
    entries = _as_in(store, entries, key)
    found: set[Entry] = set()
    shards = {}
    images: set[str] = set()
    for split, shard in store.shards:
        rows = store.rows(split, shard)
        by_id, by_name = _named(rows, entries)
        found |= {Entry("sample", name) for name in rows["sample_id"].filter(by_id).to_pylist()}
        found |= {Entry("person", name) for name in rows["identity_name"].filter(by_name).unique().to_pylist()}
        images.update(rows["source_sha256"].filter(pc.or_(by_id, by_name)).drop_null().to_pylist())
        if faces := pc.sum(pc.or_(by_id, by_name)).as_py():
            shards[split, shard] = int(faces)
    if unknown := [str(entry) for entry in entries if entry not in found]:
        raise UnknownSampleError(
            f"{store.path}: expected faces of {'; '.join(unknown)}; found none, so nothing was written; "
            + (_near(store, [entry for entry in entries if entry not in found]) or _NAMES)
        )
    added = append_removal(listing, entries)
    same = tuple(_same(store, images, read_removal(listing)))
    return Forgotten(tuple(added), shards, dict(Counter(split for split, _ in store.shards)), same)


def _as_in(store: Store, entries: Sequence[Entry], key: Path | None) -> Sequence[Entry]:
    """The entries by the names that a store has, or by its numbers."""
    if store.names_key is None:
        if key is not None:
            raise ParamsError(f"--key {key}: {store.path} has names and no numbers; leave the key out")
        return entries
    if key is None:
        if names := [str(entry) for entry in entries if not is_number(entry.name)]:
            raise ParamsError(
                f"{store.path} has numbers in place of names; expected such a number, or the key that made them, with "
                f"--key (the file of plan.names_key); found {'; '.join(names)} and no key"
            )
        return entries
    numbering = read_numbering(key, "--key")
    if numbering.mark != store.names_key:
        raise ParamsError(
            f"--key {key}: expected the key {store.names_key}, which made the numbers of {store.path}; found the key "
            f"{numbering.mark}; name the file of plan.names_key"
        )
    return [numbering.entry(entry) for entry in entries]


def _named(rows: pa.Table, entries: Sequence[Entry]) -> list[pa.ChunkedArray]:
    """Which rows entries name by the sample, and which by the person."""
    columns = {"sample": rows["sample_id"], "person": rows["identity_name"]}
    return [
        pc.is_in(column, value_set=pa.array([entry.name for entry in entries if entry.kind == kind], pa.string()))
        for kind, column in columns.items()
    ]


def _near(store: Store, unknown: Sequence[Entry]) -> str:
    """Which names of a store are nearly those of the entries; nothing where none is."""
    known: dict[str, set[str]] = {"sample": set(), "person": set()}
    for rows in store.manifest_parts(["sample_id", "identity_name"]):
        known["sample"].update(rows["sample_id"].to_pylist())
        known["person"].update(rows["identity_name"].drop_null().unique().to_pylist())
    near = [
        str(Entry(entry.kind, name))
        for entry in unknown
        for name in difflib.get_close_matches(entry.name, sorted(known[entry.kind]), _NEAR)
    ]
    return f"near to it: {'; '.join(near)}" if near else ""


def _same(store: Store, images: set[str], entries: Sequence[Entry]) -> Iterator[str]:
    """The faces of some image files that entries do not name."""
    digests = pa.array(sorted(images), pa.string())
    for rows in store.manifest_parts(["sample_id", "identity_name", "source_sha256"]):
        goes = pc.or_(*_named(rows, entries))
        yield from (
            rows["sample_id"].filter(pc.and_not(pc.is_in(rows["source_sha256"], value_set=digests), goes)).to_pylist()
        )


@dataclass(frozen=True)
class Holders:
    """Where older versions of a store lie.

    Attributes:
        project: the DVC project that the store is an out of.
        versions: commits in Git that changed `dvc.lock`, each with a version of its own.
        remotes: DVC's remotes, name and URL.
    """

    project: Path
    versions: int
    remotes: tuple[tuple[str, str], ...]


def holders_of(store: Path) -> Holders | None:
    """Ask DVC and Git for the other places that hold versions of a store; None where it lies in no DVC project.

    Raises:
        MissingExtraError: it lies in one, and DVC is not installed.
    """
    for folder in store.resolve().parents:
        if (folder / ".dvc").is_dir():
            commits = _lines(folder, "git", "log", "--format=%h", "--", LOCK)
            return Holders(folder, len(commits), tuple(_remotes(folder)))
    return None


def _remotes(project: Path) -> Iterator[tuple[str, str]]:
    try:
        from dvc.repo import Repo
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            f"{project} is a DVC project, and DVC, which knows its remotes, is not installed: pip install dvc"
        ) from error
    with Repo(str(project)) as repo:
        yield from ((name, str(remote["url"])) for name, remote in repo.config["remote"].items())


def _lines(folder: Path, *command: str) -> list[str]:
    """What a command prints; nothing where it cannot be run."""
    try:
        ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return []
    return [line for line in ran.stdout.splitlines() if line.strip()]
