"""Small stores whose every value follows from split and row, for the tests of store and loader."""

import atexit
import pickle
import shutil
import tempfile
from collections.abc import Container, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from faceshards.regions import N_REGIONS
from faceshards.store.durable import replace_folder, sha256_of
from faceshards.store.finish import finish
from faceshards.store.schema import OK, REGION_PX, SKIPPED, ArraySpec, Profile, SplitSpec, StoreSpec, erased_field
from faceshards.store.writer import create, write_shard

SIDE = 8
VARIANTS = 3
SPLITS = {"train": 21, "val": 3}
IDENTITIES = 5
CLASSES = ((0, IDENTITIES),)


def arrays_of(side: int) -> tuple[ArraySpec, ...]:
    """Of square faces of so many pixels."""
    return (
        ArraySpec("image", "uint8", (side, side, 3), ("y", "x", "channel")),
        ArraySpec("region", "uint8", (side, side), ("y", "x"), fill_value=255),
        ArraySpec("variant", "uint8", (VARIANTS, side, side, 3), ("erasure", "y", "x", "channel")),
        ArraySpec("erased", "uint32", (VARIANTS,), ("erasure",)),
        ArraySpec("identity", "int64"),
    )


ARRAYS = arrays_of(SIDE)


def face_spec(
    splits: dict[str, int] = SPLITS,
    shard_rows: int = 8,
    chunk_rows: int = 4,
    arrays: tuple[ArraySpec, ...] = ARRAYS,
    profile: Profile = "compact",
) -> StoreSpec:
    return StoreSpec(
        name="tiny",
        licence="CC0-1.0",
        arrays=arrays,
        splits={name: SplitSpec(rows, CLASSES) for name, rows in splits.items()},
        shard_rows=shard_rows,
        chunk_rows=chunk_rows,
        columns=(REGION_PX, erased_field(VARIANTS)),
        profile=profile,
    )


def sample_id(split: str, row: int) -> str:
    return f"{split}-{row:04d}"


def face_arrays(split: str, start: int, stop: int, side: int = SIDE) -> dict[str, NDArray[Any]]:
    """Rows of all arrays; the image is noise of its own for every sample."""
    rngs = [np.random.default_rng([row, len(split)]) for row in range(start, stop)]
    return {
        "image": np.stack([rng.integers(0, 256, (side, side, 3), dtype=np.uint8) for rng in rngs]),
        "region": np.stack([rng.integers(0, N_REGIONS, (side, side), dtype=np.uint8) for rng in rngs]),
        "variant": np.stack([rng.integers(0, 256, (VARIANTS, side, side, 3), dtype=np.uint8) for rng in rngs]),
        "erased": np.array(
            [[1 << (row + k) % N_REGIONS for k in range(VARIANTS)] for row in range(start, stop)], np.uint32
        ),
        "identity": np.arange(start, stop, dtype=np.int64) % IDENTITIES,
    }


def manifest_rows(
    spec: StoreSpec, split: str, start: int, arrays: dict[str, NDArray[Any]], dropped: Container[str] = ()
) -> pa.Table:
    """A row for each row of the arrays; those of `dropped` ids say that no face was found."""
    rows = [
        {
            "sample_id": sample_id(split, start + i),
            "source_id": f"faces.zip/{split}/{start + i}.png",
            "identity": int(identity),
            "status": OK,
            "region_px": np.bincount(arrays["region"][i].ravel(), minlength=256)[:N_REGIONS].tolist(),
            "erased": arrays["erased"][i].tolist(),
        }
        for i, identity in enumerate(arrays["identity"])
    ]
    for row in rows:
        if row["sample_id"] in dropped:
            row |= {"status": SKIPPED, "reason": "no_face", "region_px": None, "erased": None}
    return pa.Table.from_pylist(rows, schema=spec.rows_schema)


def write_face_shard(
    work: Path,
    spec: StoreSpec,
    split: str,
    shard: int,
    dropped: Container[str] = (),
    removed: Container[str] = (),
) -> None:
    start, stop = spec.shard_range(split, shard)
    side = next((a.shape[0] for a in spec.arrays if a.name == "image"), SIDE)
    arrays = face_arrays(split, start, stop, side)
    at = np.array([i for i in range(stop - start) if sample_id(split, start + i) not in removed], np.int64)
    rows = manifest_rows(spec, split, start, arrays, dropped).take(at)
    write_shard(work, spec, split, shard, {a.name: arrays[a.name] for a in spec.arrays}, rows, at)


def build_faces(
    work: Path,
    out: Path,
    spec: StoreSpec | None = None,
    dropped: Container[str] = (),
    removed: Container[str] = (),
) -> Path:
    """A whole build, as a stage does it, in which some ids dropped out and the rows of others are holes."""
    spec = spec or face_spec()
    create(work, spec)
    for split, shard in spec.shards:
        write_face_shard(work, spec, split, shard, dropped, removed)
    finish(work, spec, {"seed": 0}, lambda content: {"README.md": f"# {content['name']}\n"})
    replace_folder(work, out)
    return out


def copy_of_faces(out: Path, spec: StoreSpec) -> Path:
    """A store as `build_faces` makes it, which it does once a process: the others are copies."""
    built = _built(pickle.dumps(spec)) / "faces"
    return Path(shutil.copytree(built, out, copy_function=shutil.copyfile))


@cache
def _built(spec: bytes) -> Path:
    folder = Path(tempfile.mkdtemp(prefix="faceshards-tests-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    build_faces(folder / "work", folder / "faces", pickle.loads(spec))  # noqa: S301 (our own)
    return folder


def tree(root: Path) -> dict[str, str]:
    """SHA-256 by path of everything under a folder."""
    return dict(_hashes(root))


def _hashes(root: Path) -> Iterator[tuple[str, str]]:
    for path in sorted(root.rglob("*")):
        if path.is_file():
            yield path.relative_to(root).as_posix(), sha256_of(path)


def build_people(folder: Path, identity: list[int], classes: tuple[tuple[int, int], ...]) -> Path:
    """A store of one split whose faces have these class ids, which need not be 0, 1, 2 and so on."""
    spec = StoreSpec("people", "CC0-1.0", ARRAYS, {"train": SplitSpec(len(identity), classes)}, len(identity), 1)
    create(folder, spec)
    arrays = face_arrays("train", 0, len(identity)) | {"identity": np.array(identity, np.int64)}
    rows = [
        {"sample_id": sample_id("train", i), "source_id": "", "identity": of, "status": OK}
        for i, of in enumerate(identity)
    ]
    write_shard(folder, spec, "train", 0, arrays, pa.Table.from_pylist(rows, spec.rows_schema))
    finish(folder, spec, {})
    return folder
