"""Stage `erase`: erased variants of every face, packed with regions and identity into the final store."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from faceshards import rng
from faceshards.build import arrays
from faceshards.build.card import documents
from faceshards.build.outcome import Outcome, count_outcomes
from faceshards.build.params import EraseParams, RunParams, StoreParams
from faceshards.build.provenance import versions
from faceshards.build.shards import run_tasks
from faceshards.build.splits import place, shuffled
from faceshards.build.workdir import work_dir
from faceshards.errors import ParamsError
from faceshards.maps import region_areas
from faceshards.ops.erase import erase
from faceshards.ops.erasing import Erase
from faceshards.records import UInt8Array
from faceshards.regions import IGNORE, N_REGIONS
from faceshards.store.durable import sha256_of
from faceshards.store.finish import finish
from faceshards.store.gather import gather
from faceshards.store.reader import Store
from faceshards.store.schema import DATASET_JSON, OK, REGION_PX, StoreSpec, erased_field
from faceshards.store.writer import create, is_committed, write_shard

SEED = pa.field("seed", pa.uint64())
WEIGHTS_SHA256 = pa.field("weights_sha256", pa.string())
VERSION = pa.field("version", pa.string())


def erase_faces(
    aligned: Path, parsed: Path, out: Path, params: EraseParams, store: StoreParams, run: RunParams
) -> Outcome:
    """Write the final store at `out` from the stores of the stages `align` and `parse`.

    Raises:
        ParamsError: the first split would be empty; others that are, are left out.
    """
    faces, maps = Store.open(aligned), Store.open(parsed)
    usable = maps.manifest.filter(pc.field("status") == OK)
    placement = place(usable["sample_id"].to_pylist(), usable["identity_name"].to_pylist(), params.splits, params.seed)
    members = {split: rows for split, rows in placement.members.items() if len(rows)}
    if params.order == "shuffled":
        members = shuffled(members, usable["sample_id"].to_pylist(), params.seed)
    first = next(iter(params.splits))
    if first not in members:
        raise ParamsError(
            f"erase.splits: by hash, none of the people of {usable.num_rows} faces went to {first}, with its share of "
            f"{params.splits[first]:g}; take more people, another erase.seed, or a greater share"
        )
    spec = StoreSpec(
        name=faces.info["name"],
        licence=faces.info["licence"],
        arrays=(
            arrays.IMAGE,
            arrays.REGION,
            arrays.variant(params.variants),
            arrays.erased(params.variants),
            arrays.IDENTITY,
        ),
        splits={split: len(rows) for split, rows in members.items()},
        shard_rows=store.shard_rows,
        chunk_rows=store.chunk_rows,
        profile=store.profile,
        columns=(REGION_PX, erased_field(params.variants), SEED, WEIGHTS_SHA256, VERSION),
    )
    made_by = versions()
    read = [sha256_of(path / DATASET_JSON) for path in (aligned, parsed)]
    with work_dir(out, __name__, params, repr(spec), made_by, read) as work:
        create(work, spec)
        fill = _mean_colour(faces, usable["source_index"].to_numpy()) if params.fill == "mean" else params.fill
        erasing = Erase(params.n_regions, params.classes, fill, params.min_area)
        recipe = _Recipe(faces, maps, params, erasing)
        tasks = [
            EraseTask(recipe, work, spec, split, shard, usable.take(rows), placement.identity[rows])
            for split, indices in members.items()
            for shard in range(spec.shard_count(split))
            if not is_committed(work, split, shard)
            for rows in [indices[slice(*spec.shard_range(split, shard))]]
        ]
        run_tasks(tasks, run, "erase")
        dropped = maps.manifest.filter(pc.field("status") != OK)
        provenance = {
            **maps.info["provenance"],
            "erase": {**asdict(params), "fill": erasing.fill},
            "versions": {**maps.info["provenance"]["versions"], **made_by},
        }
        finish(work, spec, _rows(dropped, spec), provenance, documents)
        return count_outcomes(work)


@dataclass(frozen=True)
class _Recipe:
    """What every shard is made from, and the params it is made with."""

    faces: Store
    maps: Store
    params: EraseParams
    erasing: Erase


@dataclass(frozen=True)
class EraseTask:
    """Make one shard of one split.

    Attributes:
        members: the manifest rows of the shard's faces, in order.
        identity: (n,) int64 class ids of theirs.
    """

    recipe: _Recipe
    work: Path
    spec: StoreSpec
    split: str
    shard: int
    members: pa.Table
    identity: NDArray[np.int64]

    @property
    def faces(self) -> int:
        """How many faces the shard has."""
        return int(self.members.num_rows)

    def run(self, advance: Callable[[int], object]) -> None:
        """Erase chunk by chunk, then write the shard."""
        params, erasing = self.recipe.params, self.recipe.erasing
        images, regions = self._read()
        areas = np.empty((self.faces, N_REGIONS), np.int32)
        sample = rng.fold(rng.sample_keys(self.members["sample_id"].to_pylist()), params.seed)
        variants = np.empty((self.faces, params.variants, *images.shape[1:]), np.uint8)
        erased = np.empty((self.faces, params.variants), np.uint32)
        for start in range(0, self.faces, self.spec.chunk_rows):
            chunk = slice(start, start + self.spec.chunk_rows)
            areas[chunk] = region_areas(regions[chunk])
            for k in range(params.variants):
                keys = rng.fold(sample[chunk], k)
                erased[chunk, k], gone = erasing.choice.draw(keys, regions[chunk])
                variants[chunk, k] = erase(images[chunk], regions[chunk], gone, keys, erasing.fill)
            advance(len(sample[chunk]))
        data = {
            "image": images,
            "region": regions,
            "variant": variants,
            "erased": erased,
            "identity": self.identity,
        }
        provenance = self.recipe.maps.info["provenance"]
        rows = _rows(
            self.members,
            self.spec,
            identity=self.identity,
            region_px=list(areas),
            erased=list(erased),
            seed=np.full(self.faces, params.seed, np.uint64),
            weights_sha256=pa.repeat(provenance["parse"]["weights_sha256"], self.faces),
            version=pa.repeat(versions()["faceshards"], self.faces),
        )
        write_shard(self.work, self.spec, self.split, self.shard, data, rows)

    def _read(self) -> tuple[UInt8Array, UInt8Array]:
        """Images and region maps of the members."""
        index = self.members["source_index"].to_numpy()
        images = gather(self.recipe.faces, arrays.ALL, "image", index)
        regions = gather(self.recipe.maps, arrays.ALL, "region", index)
        if self.recipe.params.regions == "truth":
            truth = gather(self.recipe.faces, arrays.ALL, "truth", index)
            known = (truth != IGNORE).any(axis=(1, 2))
            regions[known] = truth[known]
        return images, regions


def _rows(members: pa.Table, spec: StoreSpec, **columns: Any) -> pa.Table:
    """Manifest rows of the final store from those of the stage before; columns that are not given are null."""

    def column(field: "pa.Field[Any]") -> Any:
        if field.name in columns:
            return pa.array(columns[field.name], field.type)
        if field.name in members.column_names:
            return members[field.name]
        return pa.nulls(members.num_rows, field.type)

    schema = spec.rows_schema
    return pa.table([column(field) for field in schema], schema=schema)


def _mean_colour(faces: Store, indices: NDArray[np.int64]) -> tuple[int, int, int]:
    """The mean RGB of all usable faces, rounded; sums of integers, so that no order of adding shows in it."""
    total = np.zeros(3, np.int64)
    pixels = 0
    for start in range(0, faces.splits[arrays.ALL], faces.shard_rows):
        stop = min(start + faces.shard_rows, faces.splits[arrays.ALL])
        rows = indices[(indices >= start) & (indices < stop)] - start
        images = faces.read(arrays.ALL, "image", start, stop)[rows]
        total += images.sum(axis=(0, 1, 2), dtype=np.int64)
        pixels += images[..., 0].size
    red, green, blue = (int(channel) for channel in (2 * total + pixels) // (2 * pixels))
    return red, green, blue
