"""Rows about the cache of a remote store: poisoned, cut, full."""

import os
import random
import resource
import shutil
from collections.abc import Iterator
from pathlib import Path

from damage import values as values_of
from outcomes import Outcome
from stores import build_faces
from table import Row, Try, attempt, damaged

from faceshards.store.cache import Cache
from faceshards.store.remote import open_store


def values(url: str, cache: Cache) -> dict[str, bytes]:
    """All arrays, read through a cache."""
    store = open_store(url, cache=cache)
    arrays = {f"{s}/{a}": store.read(s, a).tobytes() for s in store.splits for a in store.arrays}
    return arrays | {"manifest": repr(store.manifest.to_pylist()).encode()}


def _cached(folder: Path) -> tuple[str, Cache, dict[str, bytes], list[Path]]:
    store = build_faces(folder / "work", folder / "store")
    url, cache = f"file://{store}", Cache(folder / "cache")
    expected = values_of(store)
    assert values(url, cache) == expected
    return (
        url,
        cache,
        expected,
        sorted(p for p in cache.folder.rglob("*") if p.is_file() and p.name not in (".lock", "CACHEDIR.TAG")),
    )


def poisoned(folder: Path, times: int, rng: random.Random) -> Iterator[Try]:
    """A cached file is damaged, or another one of the cache in its place."""
    url, cache, expected, files = _cached(folder)
    for _ in range(times):
        path = rng.choice(files)
        data = path.read_bytes()
        if rng.random() < 0.5:
            what, other = damaged(data, rng)
        else:
            donor = rng.choice(files)
            what, other = f"replaced by {donor.name}", donor.read_bytes()[: len(data)].ljust(len(data), b"\0")
        path.write_bytes(other)
        yield attempt(f"{path.relative_to(cache.folder)}: {what}", lambda: values(url, cache), expected)
        path.write_bytes(data)


def full(folder: Path, times: int, rng: random.Random) -> Iterator[Try]:
    """Files may not grow beyond a length, as on a full disk; afterwards they may, and all is there."""
    url, cache, expected, files = _cached(folder)
    largest = max(path.stat().st_size for path in files)
    for _ in range(times):
        shutil.rmtree(cache.folder)
        most = rng.randrange(largest)
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, before[1]))
        try:
            outcome = attempt(f"files of {most} bytes at most", lambda: values(url, cache), expected)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        left = [path.name for path in cache.folder.rglob("*.partial")]
        after = attempt("and then without a bound", lambda: values(url, cache), expected)
        if left or after[0] != Outcome.HELD:
            yield Outcome.FAILED, f"{outcome[1]}; left: {left}; {after[1]}"
        else:
            yield outcome


def readable_by_others(folder: Path, times: int, rng: random.Random) -> Iterator[Try]:
    """Whatever the umask, the cache's folder is its owner's alone."""
    for mask in (0, 0o022, 0o077)[: times or None]:
        before = os.umask(mask)
        try:
            _, cache, *_ = _cached(folder / str(mask))
        finally:
            os.umask(before)
        open_to = cache.folder.stat().st_mode & 0o077
        yield (Outcome.FAILED if open_to else Outcome.HELD), f"umask {mask:o}: the cache is open to others: {open_to:o}"


ROWS = [
    Row("cache poisoned", 150, "a cached file damaged, cut, or another in its place", poisoned),
    Row("cache full", 30, "a cache that cannot grow", full),
    Row("cache private", 0, "who may read the cache", readable_by_others),
]
