"""Sound bytes in another place than their own: no reader takes one face for another, in any profile."""

import os
import random
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import get_args

import google_crc32c
import numpy as np
import pytest
from stores import face_arrays, face_spec, manifest_rows

import faceshards
from faceshards.errors import CorruptShardError, FaceShardsError
from faceshards.store.cache import Cache
from faceshards.store.finish import finish
from faceshards.store.reader import Store
from faceshards.store.schema import ArraySpec, Profile, StoreSpec
from faceshards.store.shardfile import CRC_BYTES
from faceshards.store.verify import verify
from faceshards.store.writer import create, write_shard

ROWS = 16
SWAPS = int(os.environ.get("FACESHARDS_SWAPS", "12"))  # a profile
ARRAYS = ("image", "region", "variant", "erased", "identity", "other")
VICTIM = "train.zarr/image/c.0.0.0.0"


def spec_of(profile: Profile) -> StoreSpec:
    """With a second array of the shape of another."""
    spec = face_spec({"train": ROWS, "val": ROWS}, shard_rows=8, chunk_rows=4, profile=profile)
    return replace(spec, arrays=(*spec.arrays, ArraySpec("other", "uint8", (8, 8), ("y", "x"))))


def build(out: Path, profile: Profile, seed: int) -> Path:
    """A store whose every value but names, identities and region maps follows from the seed."""
    spec, rng = spec_of(profile), np.random.default_rng(seed)
    create(out, spec)
    for split, shard in spec.shards:
        start, stop = spec.shard_range(split, shard)
        arrays = face_arrays(split, start, stop)
        for name in ("image", "variant"):
            arrays[name] = rng.integers(0, 256, arrays[name].shape, np.uint8)
        arrays["other"] = rng.integers(0, 256, arrays["region"].shape, np.uint8)
        arrays["erased"] = rng.integers(1, 2**25, arrays["erased"].shape, np.uint32)
        write_shard(out, spec, split, shard, arrays, manifest_rows(spec, split, start, arrays))
    finish(out, spec, {})
    return out


@pytest.fixture(scope="module", params=get_args(Profile))
def two(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A store, and another version of it with other faces under the same names."""
    root = tmp_path_factory.mktemp("two")
    return build(root / "one", request.param, 1), build(root / "other", request.param, 2)


@pytest.fixture
def store(two: tuple[Path, Path], tmp_path: Path) -> Path:
    return Path(shutil.copytree(two[0], tmp_path / "store"))


def values(path: Path) -> dict[str, bytes]:
    """What the loader and the reader of the stages get out of a store."""
    reader = Store.open(path)
    found = {f"{split}/{name}": reader.read(split, name).tobytes() for split in reader.splits for name in ARRAYS}
    for split in reader.splits:
        for batch in faceshards.open(path, split, fields=["image", "erased"]).batches(8, threads=0):
            found |= {f"{split}/{name}/batches": values.tobytes() for name, values in batch.items()}
    return found


def exchange(one: Path, other: Path) -> None:
    first, second = one.read_bytes(), other.read_bytes()
    one.write_bytes(second)
    other.write_bytes(first)


def exchange_chunks(path: Path, inner: int) -> None:
    """Exchange two chunks of a shard, in its index too, with a checksum that fits."""
    data = path.read_bytes()
    size = 16 * inner + CRC_BYTES
    index = np.frombuffer(data[-size:-CRC_BYTES], "<u8").reshape(inner, 2)[::-1].tobytes()
    path.write_bytes(data[:-size] + index + int(google_crc32c.value(index)).to_bytes(CRC_BYTES, "little"))


def shards_of(path: Path, array: str) -> Iterator[Path]:
    return (shard for split in ("train", "val") for shard in sorted((path / f"{split}.zarr" / array).glob("c.*")))


def swap(store: Path, other: Path, rng: random.Random) -> str:
    """Exchange something at random; say what."""
    array = rng.choice(ARRAYS)
    one = rng.choice(list(shards_of(store, array)))
    how = rng.choice(["file", "array", "version", "chunks"])
    if how == "file":
        exchange(one, rng.choice([shard for shard in shards_of(store, array) if shard != one]))
    elif how == "array":
        exchange(store / "train.zarr/region/c.0.0.0", store / "train.zarr/other/c.0.0.0")
    elif how == "version":
        one.write_bytes((other / one.relative_to(store)).read_bytes())
    else:
        exchange_chunks(one, 8 if array == "image" and "source" in Store.open(store).info["profile"] else 2)
    return f"{how} {one.relative_to(store)}"


def test_whatever_changed_places_is_refused_or_makes_no_difference(
    two: tuple[Path, Path], store: Path, tmp_path: Path
) -> None:
    expected = values(two[0])
    rng = random.Random(0)
    refused = 0
    for number in range(SWAPS):
        path = Path(shutil.copytree(store, tmp_path / str(number)))
        swapped = swap(path, two[1], rng)
        try:
            assert values(path) == expected, swapped
        except CorruptShardError:
            refused += 1
        shutil.rmtree(path)
    # Identities of two shards, and of two versions, are the same by chance of how the store is made.
    assert refused > 0.7 * SWAPS


def test_who_reads_says_what_lies_there_and_verify_names_both_files(store: Path) -> None:
    exchange(store / VICTIM, store / "train.zarr/image/c.1.0.0.0")
    assert {p.path for p in verify(store).problems} == {VICTIM, "train.zarr/image/c.1.0.0.0"}
    with pytest.raises(
        CorruptShardError, match=r"c\.0\.0\.0\.0: (expected \d+ bytes|rows .*not what files.parquet lists)"
    ):
        faceshards.open(store)[0]


def test_a_manifest_of_another_version_is_refused_even_shard_by_shard(two: tuple[Path, Path], store: Path) -> None:
    ours, theirs = (path / "manifest.parquet" for path in (store, two[1]))
    size = ours.stat().st_size
    ours.write_bytes(theirs.read_bytes()[:size].ljust(size, b"\0"))
    with pytest.raises(FaceShardsError, match=r"manifest\.parquet"):
        Store.open(store).rows("train", 0)


def test_a_sound_file_of_another_version_in_the_cache_is_fetched_anew(two: tuple[Path, Path], tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache")
    expected = faceshards.open(two[0])[:]["image"]
    faceshards.open(f"file://{two[0]}", cache=cache)[:]
    (kept,) = cache.folder.glob(f"*/{VICTIM}")
    size = kept.stat().st_size
    for poison in (two[1] / VICTIM, two[0] / "train.zarr/image/c.1.0.0.0"):
        kept.write_bytes(poison.read_bytes()[:size].ljust(size, b"\0"))
        np.testing.assert_array_equal(faceshards.open(f"file://{two[0]}", cache=cache)[:]["image"], expected)
        assert kept.read_bytes() == (two[0] / VICTIM).read_bytes()
