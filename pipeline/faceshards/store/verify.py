"""Check a whole store: every byte against its hashes, every chunk against its checksum, every rule of its content.

Our own reader reads all of it. zarr-python reads a sample, the first and the last chunk of every shard, and must find
the same: to have it read everything as well would take many times as long.
"""

import gc
from collections import Counter, deque
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import partial
from math import prod
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from faceshards.cells import visible_lines
from faceshards.counted import counted
from faceshards.errors import CorruptShardError, FaceShardsError, MissingExtraError, MissingShardError, StoreFormatError
from faceshards.faulttext import is_shortage
from faceshards.store import layout
from faceshards.store.cache import Cache
from faceshards.store.filehashes import files_there
from faceshards.store.filelocks import OPEN_FILES_STAY
from faceshards.store.invariants import block_problems, manifest_problems, name_problems
from faceshards.store.passing import PassingFolder
from faceshards.store.reader import Store
from faceshards.store.remote import open_store
from faceshards.store.schema import DATASET_JSON, INVENTORY, MANIFEST, OK
from faceshards.store.sha256sums import read_sha256sums, recorded_hashes
from faceshards.store.witness import Witness

ProblemKind = Literal["missing", "changed", "unlisted", "undecodable", "inconsistent"]
Progress = Callable[[int, int], object]
"""Called with the bytes done so far, and those to do: every file as it lies, to hash it, and once more decoded."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a store.

    Attributes:
        path: the file or folder, relative to the store's root.
        kind: ``missing`` file, ``changed`` bytes, ``unlisted`` file, ``undecodable`` rows, ``inconsistent`` content.
        detail: what was expected and what was found.
    """

    path: str
    kind: ProblemKind
    detail: str

    def __str__(self) -> str:
        return visible_lines(f"{self.path}: {self.kind}: {self.detail}")  # the names of files may hold anything


@dataclass(frozen=True, slots=True)
class Report:
    """What `verify` looked at, and everything that it found."""

    files: int
    bytes: int
    rows: int
    problems: tuple[Problem, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems


def verify(path: str | Path, *, progress: Progress | None = None, against: str | Path | None = None) -> Report:
    """Check everything that can be checked of a store, and go on after each problem.

    Args:
        path: the store; or a URL of it, whose files are all fetched anew, into a cache beside the default one that is
            removed afterwards. Files that it does not list are not seen there.
        progress: told of every step; see `Progress`.
        against: a list as `write_sha256sums` or ``sha256sum`` writes it, or a URL of one. The store must hold just
            these files.

    Raises:
        StoreFormatError: `path` is no store, or of a later format, or `against` is no such list.
        MissingExtraError: the store is of the profile `source`, and OpenCV is not installed.
    """
    if "://" not in str(path):
        return _verify(path, progress, against, None)
    # What the default cache keeps of this version is whole, whatever has become of the files at the URL.
    folder = PassingFolder(Cache().folder.parent, "faceshards-verify-")
    try:
        return _verify(path, progress, against, Cache(folder.path))
    finally:
        if OPEN_FILES_STAY:
            gc.collect()  # the store, whose parts refer to one another, and with it the manifest that it keeps open
        folder.remove()


def _verify(path: str | Path, progress: Progress | None, against: str | Path | None, cache: Cache | None) -> Report:
    reference = read_sha256sums(against) if against else None
    try:
        store = open_store(path, cache=cache)
    except CorruptShardError as error:
        return Report(1, 0, 0, (Problem(DATASET_JSON, "changed", str(error)),))
    there = files_there(store, str(path))
    size = sum(there.sizes.values())
    meter = _Meter(size + sum(n * _row_bytes(store) for n in store.splits.values()), progress)
    hashes = {}
    for file in there.sizes:
        digest = there.hash(file)
        if digest is not None:
            hashes[file] = digest
        meter.add(there.sizes[file])
    problems = list(_file_problems(store, hashes))
    if reference is not None:
        problems += _compared(reference, hashes, f"listed in {against}")
        problems += _unlisted(hashes, reference, str(against))
    problems += _content_problems(store, meter, {problem.path for problem in problems})
    return Report(len(hashes), size, sum(store.splits.values()), tuple(problems))


class _Meter:
    """Adds up what is done."""

    def __init__(self, total: int, progress: Progress | None) -> None:
        self._done, self._total, self._progress = 0, total, progress

    def add(self, size: int) -> None:
        self._done += size
        if self._progress:
            self._progress(self._done, self._total)


def _row_bytes(store: Store) -> int:
    return sum(spec.numpy_dtype.itemsize * prod(spec.shape) for spec in store.arrays.values())


def _file_problems(store: Store, hashes: Mapping[str, str]) -> Iterator[Problem]:
    try:
        expected = recorded_hashes(store)
    except FaceShardsError:
        # Without the inventory, which is among the files at the root, nothing is known of those in the groups.
        yield from _compared({name: file["sha256"] for name, file in store.info["files"].items()}, hashes, "recorded")
        return
    yield from _compared(expected, hashes, "recorded")
    yield from _unlisted(hashes, {*expected, DATASET_JSON}, "the store")


def _compared(expected: Mapping[str, str], hashes: Mapping[str, str], whence: str) -> Iterator[Problem]:
    for file, digest in expected.items():
        if file not in hashes:
            yield Problem(file, "missing", f"{whence} with SHA-256 {digest}")
        elif hashes[file] != digest:
            yield Problem(file, "changed", f"{whence} with SHA-256 {digest}, found {hashes[file]}")


def _unlisted(hashes: Mapping[str, str], listed: Container[str], whose: str) -> Iterator[Problem]:
    for file in hashes:
        if file not in listed:
            yield Problem(file, "unlisted", f"{whose} does not list this file")


def _content_problems(store: Store, meter: _Meter, named: Container[str]) -> Iterator[Problem]:
    """What the files say, which may be wrong though each has the bytes that it was written with.

    Args:
        store: what is looked at.
        meter: told of what was read.
        named: files of which a problem is known already.
    """
    wrong = {*_problem(INVENTORY, store.read_inventory)}
    for split in store.splits if not wrong else ():
        wrong |= {*_problem(f"{layout.group_path(split)}/{layout.METADATA}", partial(store.check_group, split))}
        for array in store.arrays:
            file = f"{layout.array_path(split, array)}/{layout.METADATA}"
            wrong |= {*_problem(file, partial(store.array_metadata, split, array))}
    wrong |= {*_problem(MANIFEST, lambda: deque(store.manifest_parts(), 0))}
    unusable = {problem.path for problem in wrong}
    yield from sorted((problem for problem in wrong if problem.path not in named), key=str)
    if MANIFEST not in unusable:
        rows, usable = Counter[str](), Counter[str]()
        parts = _counted(store.manifest_parts(), rows, usable)
        for detail in manifest_problems(parts, store.extents):
            yield Problem(MANIFEST, "inconsistent", detail)
        for detail in name_problems(partial(_names, store), rows.total()):
            yield Problem(MANIFEST, "inconsistent", detail)
        for split, said in store.info["splits"].items():
            if usable[split] != said["samples"]:
                usable_of = f"{counted(usable[split], 'usable sample')} of split {split!r}"
                detail = f"{usable_of}, where dataset.json says {said['samples']}"
                yield Problem(MANIFEST, "inconsistent", detail)
    if not unusable & {INVENTORY, MANIFEST}:
        yield from _array_problems(store, meter, unusable)


def _names(store: Store) -> Iterator[list[str]]:
    """The sample ids of a manifest, part by part."""
    for part in store.manifest_parts(["sample_id"]):
        yield part["sample_id"].to_pylist()


def _counted(parts: Iterable[pa.Table], rows: Counter[str], usable: Counter[str]) -> Iterator[pa.Table]:
    """The parts of a manifest, whose rows and usable samples are added up by split."""
    for part in parts:
        splits = part["split"].to_pylist()
        rows.update(splits)
        pairs = zip(splits, part["status"].to_pylist(), strict=True)
        usable.update(split for split, status in pairs if status == OK)
        yield part


def _problem(file: str, read: Callable[[], object]) -> Iterator[Problem]:
    """What is wrong with a file, if anything is."""
    try:
        read()
    except StoreFormatError as error:
        yield Problem(file, "inconsistent", str(error))
    except MissingShardError as error:
        yield Problem(file, "missing", str(error))
    except (FaceShardsError, OSError) as error:
        if is_shortage(error):
            raise
        yield Problem(file, "undecodable", str(error))


def _array_problems(store: Store, meter: _Meter, unusable: Container[str]) -> Iterator[Problem]:
    """What is wrong with the rows of those arrays whose metadata can be used."""
    witness = Witness(store)
    undecodable: dict[str, list[str]] = {}
    for split, shard in store.shards:
        names = [n for n in store.arrays if f"{layout.array_path(split, n)}/{layout.METADATA}" not in unusable]
        first, end = shard * store.shard_rows, min((shard + 1) * store.shard_rows, store.splits[split])
        rows = store.rows(split, shard)
        at = rows["row"].to_numpy()
        with _held(store, split, shard, names):
            for start in range(first, end, store.chunk_rows):
                stop = min(start + store.chunk_rows, end)
                arrays = _read_block(store, split, names, (start, stop), undecodable)
                if start == first or stop == end:
                    yield from _contradictions(witness, store, split, (start, stop), arrays)
                meter.add((stop - start) * _row_bytes(store))
                begin, until = np.searchsorted(at, (start, stop))
                here = rows.slice(begin, until - begin)
                for detail in block_problems(arrays, here, at[begin:until] - start):
                    yield Problem(layout.group_path(split), "inconsistent", f"rows {start}..{stop - 1}: {detail}")
    for file, details in undecodable.items():
        yield Problem(file, "undecodable", f"{len(details)} of its chunks, the first: {details[0]}")


def _held(store: Store, split: str, shard: int, names: Iterable[str]) -> ExitStack:
    """Have the files of a shard on this disk, where zarr-python reads them; what cannot be had is a known problem."""
    held = ExitStack()
    for name in names:
        metadata = f"{layout.array_path(split, name)}/{layout.METADATA}"
        for file in (metadata, layout.shard_path(split, store.arrays[name], shard)):
            with suppress(FaceShardsError):
                held.enter_context(store.hold(file))
    return held


def _contradictions(
    witness: Witness, store: Store, split: str, rows: tuple[int, int], arrays: Mapping[str, NDArray[Any]]
) -> Iterator[Problem]:
    """Where zarr-python finds other values than we do, in rows that we can read."""
    start, stop = rows
    for name, values in arrays.items():
        file = layout.shard_path(split, store.arrays[name], start // store.shard_rows)
        try:
            found = witness.read(split, name, start, stop)
        except Exception as error:  # of any kind, by any codec
            if is_shortage(error):
                raise
            yield Problem(file, "undecodable", f"rows {start}..{stop - 1}, by zarr-python: {error}")
            continue
        if found.dtype != values.dtype or not np.array_equal(found, values):
            yield Problem(file, "inconsistent", f"rows {start}..{stop - 1}: zarr-python reads other values than we do")


def _read_block(
    store: Store, split: str, names: Iterable[str], rows: tuple[int, int], undecodable: dict[str, list[str]]
) -> dict[str, NDArray[Any]]:
    """Those of some arrays that can be read; the others' errors are added to `undecodable`, by file."""
    arrays = {}
    for name in names:
        try:
            arrays[name] = store.read(split, name, *rows)
        except MissingExtraError:
            raise
        except MissingShardError:
            continue  # already among the file problems
        except (FaceShardsError, OSError) as error:  # of a disk that fails, say
            if is_shortage(error):
                raise
            file = layout.shard_path(split, store.arrays[name], rows[0] // store.shard_rows)
            undecodable.setdefault(file, []).append(str(error))
    return arrays
