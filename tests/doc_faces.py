"""A store that looks like the demo's: as many people and faces, of the same names; their pixels are noise."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from faceshards.build.sureness import COLUMNS
from faceshards.regions import N_REGIONS
from faceshards.store.durable import replace_folder
from faceshards.store.finish import finish
from faceshards.store.schema import OK, REGION_PX, ArraySpec, SplitSpec, StoreSpec, erased_field
from faceshards.store.writer import create, write_shard

SIDE, VARIANTS, A_PERSON = 112, 4, 4
TRAIN, VAL = 19, 5
NEW = TRAIN + VAL  # the class id of the next person


def build_demo_like(out: Path, shard_rows: int = 2048, more: int = 0, without: int | None = None) -> Path:
    """Build it.

    Args:
        out: folder that becomes the store.
        shard_rows: of a shard.
        more: people of `train` beyond the demo's.
        without: the class id of a person whose rows are holes.
    """
    people = {"train": TRAIN + more, "val": VAL}
    spec = StoreSpec(
        name="demo",
        licence="MIT",
        arrays=(
            ArraySpec("image", "uint8", (SIDE, SIDE, 3), ("y", "x", "channel")),
            ArraySpec("region", "uint8", (SIDE, SIDE), ("y", "x"), fill_value=255),
            ArraySpec("variant", "uint8", (VARIANTS, SIDE, SIDE, 3), ("erasure", "y", "x", "channel")),
            ArraySpec("erased", "uint32", (VARIANTS,), ("erasure",)),
            ArraySpec("identity", "int64"),
        ),
        splits={
            "train": SplitSpec(A_PERSON * people["train"], ((0, TRAIN), *(((NEW, NEW + more),) if more else ()))),
            "val": SplitSpec(A_PERSON * VAL, ((TRAIN, NEW),)),
        },
        shard_rows=shard_rows,
        chunk_rows=min(shard_rows, 32),
        columns=(REGION_PX, erased_field(VARIANTS), *COLUMNS),
        profile="fast",
    )
    work = out.with_name(f"{out.name}-work")
    create(work, spec)
    for split, shard in spec.shards:
        numbers = np.arange(*spec.shard_range(split, shard))
        arrays, rows = _faces(split, numbers, people[split])
        at = np.flatnonzero(arrays["identity"] != without)
        write_shard(work, spec, split, shard, arrays, pa.Table.from_pylist(rows, schema=spec.rows_schema).take(at), at)
    finish(
        work,
        spec,
        {"plan": {"earlier": "0" * 64 if more else None}},
        lambda content: {"README.md": f"# {content['name']}\n"},
    )
    replace_folder(work, out)
    return out


def _faces(split: str, numbers: NDArray[np.int64], people: int) -> tuple[dict[str, NDArray[Any]], list[dict[str, Any]]]:
    place, home = (0, 0) if split == "train" else (A_PERSON * TRAIN, TRAIN)
    known = A_PERSON * min(people, TRAIN if split == "train" else VAL)
    mixed = np.random.default_rng(2).permutation(known) // A_PERSON + home
    identity = np.concatenate([mixed, np.repeat(np.arange(NEW, NEW + people), A_PERSON)])[numbers]
    names = [f"{place + n if n < known else n - known + A_PERSON * NEW:06d}" for n in numbers]
    rngs = [np.random.default_rng([place, n]) for n in numbers]
    arrays = {
        "image": np.stack([rng.integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8) for rng in rngs]),
        "region": np.stack([_regions(int(n)) for n in numbers]),
        "variant": np.zeros((len(numbers), VARIANTS, SIDE, SIDE, 3), np.uint8),
        "erased": np.array([[3 << int(1 + (n + k) % 18) for k in range(VARIANTS)] for n in numbers], np.uint32),
        "identity": identity.astype(np.int64),
    }
    rows = [
        {
            "sample_id": name,
            "source_id": f"demo.zip/{name}.png",
            "identity": int(person),
            "identity_name": f"person_{person:02d}",
            "status": OK,
            "region_px": np.bincount(arrays["region"][i].ravel(), minlength=256)[:N_REGIONS].tolist(),
            "erased": arrays["erased"][i].tolist(),
            "confidence": 0.9,
            "region_confidence": [0.9] * N_REGIONS,
            "mirror_agreement": 0.95,
        }
        for i, (name, person) in enumerate(zip(names, identity, strict=True))
    ]
    return arrays, rows


def _regions(number: int) -> NDArray[np.uint8]:
    """Bands of all regions from above to below, a little narrower in every further face but for the last."""
    return np.repeat(np.minimum(np.arange(SIDE) // (1 + number % 3), N_REGIONS - 1)[:, None], SIDE, 1).astype(np.uint8)
