"""Stores of which sound bytes are put in another place than their own."""

import random
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import google_crc32c
import numpy as np
from damage import exchange
from outcomes import Outcome
from stores import face_arrays, face_spec, manifest_rows

import faceshards
from faceshards.errors import FaceShardsError
from faceshards.store.finish import finish
from faceshards.store.reader import Store
from faceshards.store.schema import ArraySpec, Profile, StoreSpec
from faceshards.store.shardfile import CRC_BYTES
from faceshards.store.writer import create, write_shard

ROWS = 16
ARRAYS = ("image", "region", "variant", "erased", "identity", "other")


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


def values(path: Path) -> dict[str, bytes]:
    """What the loader and the reader of the stages get out of a store."""
    reader = Store.open(path)
    found = {f"{split}/{name}": reader.read(split, name).tobytes() for split in reader.splits for name in ARRAYS}
    for split in reader.splits:
        for batch in faceshards.open(path, split, fields=["image", "erased"]).batches(8, threads=0):
            found |= {f"{split}/{name}/batches": values.tobytes() for name, values in batch.items()}
    return found


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


def tried_swap(
    store: Path, other: Path, folder: Path, expected: dict[str, bytes], rng: random.Random
) -> tuple[Outcome, str]:
    """Swap something in a copy of a store, and read all of it."""
    path = Path(shutil.copytree(store, folder))
    swapped = swap(path, other, rng)
    try:
        same = values(path) == expected
    except FaceShardsError as error:
        return Outcome.NAMED, f"{swapped}: {error}"
    finally:
        shutil.rmtree(path)
    return (Outcome.HELD, swapped) if same else (Outcome.FAILED, f"{swapped}: other values without a word")
