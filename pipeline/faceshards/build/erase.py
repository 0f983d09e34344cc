"""Stage `erase`: erased variants of every face, packed with regions and identity into the final store."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from faceshards import rng
from faceshards.build import arrays
from faceshards.build.arrays import IMAGE, REGION, TRUTH
from faceshards.build.card import documents
from faceshards.build.licences import licence_of_dataset
from faceshards.build.outcome import Outcome, count_outcomes
from faceshards.build.params import DatasetParams, EraseParams, RunParams, StoreParams
from faceshards.build.provenance import versions
from faceshards.build.shardmap import ShardContent, ShardTask, making, shard_digests
from faceshards.build.shards import run_tasks
from faceshards.build.sureness import COLUMNS, CONFIDENCE, with_remarks
from faceshards.errors import StoreFormatError
from faceshards.maps import region_areas
from faceshards.ops.erase import erase
from faceshards.ops.erasing import Erase
from faceshards.records import UInt8Array
from faceshards.regions import IGNORE
from faceshards.store.codecs import keeps_files
from faceshards.store.finish import finish
from faceshards.store.imagefiles import EncodedImages
from faceshards.store.reader import Store
from faceshards.store.schema import OK, REGION_PX, StoreSpec, erased_field

SEED = pa.field("seed", pa.uint64())
WEIGHTS_SHA256 = pa.field("weights_sha256", pa.string())
VERSION = pa.field("version", pa.string())

_ABOUT = ("title", "description", "citation", "homepage", "version")


def erase_faces(
    aligned: Path,
    parsed: Path,
    out: Path,
    params: EraseParams,
    store: StoreParams,
    run: RunParams,
    min_confidence: float | None = None,
    dataset: DatasetParams | None = None,
) -> Outcome:
    """Write the final store at `out` from the stores of the stages `align` and `parse`.

    A face of which the parser was less sure than `min_confidence`, from 0 to 1, is used like any other, with a remark
    in the manifest's `reason`. `dataset` tells what the data set is; what it leaves out is the source's.

    Raises:
        LicenceError: `dataset` names another licence than the one under which the images were given.
        StoreFormatError: the maps are of other faces.
    """
    faces, maps = Store.open(aligned), Store.open(parsed)
    _refuse_other_faces(faces, maps)
    dataset = dataset or DatasetParams()
    spec = StoreSpec(
        name=dataset.name or faces.info["name"],
        licence=licence_of_dataset(faces.info["licence"], dataset.licence),
        about={name: value for name in _ABOUT if (value := getattr(dataset, name)) is not None},
        arrays=arrays.of_shards(params.variants, images=params.images),
        splits=faces.extents,
        shard_rows=faces.shard_rows,
        chunk_rows=faces.chunk_rows,
        profile=store.profile,
        columns=(REGION_PX, *COLUMNS, *_variant_columns(params.variants), WEIGHTS_SHA256, VERSION),
        names_key=faces.names_key,
    )
    made_by = versions()
    fill = _mean_colour(faces) if params.fill == "mean" else params.fill
    erasing = Erase(params.n_regions, params.classes, fill, params.min_area)
    weights = maps.provenance("parse", "weights_sha256")
    with making(out, __name__, spec, run, params, fill, weights, made_by, min_confidence) as shards:
        tasks = [
            EraseTask(shards, *place, faces, maps, params, erasing, weights, min_confidence) for place in spec.shards
        ]
        run_tasks(tasks, run, "erase")
        provenance = {
            **maps.info["provenance"],
            "erase": {**asdict(params), "fill": erasing.fill},
            "versions": {**maps.provenance("versions"), **made_by},
        }
        finish(shards.work, spec, provenance, documents)
        return count_outcomes(shards.work)


def _refuse_other_faces(faces: Store, maps: Store) -> None:
    """See that the maps are of these faces, as they were aligned: those of another version fit in size.

    Raises:
        StoreFormatError: they are not.
    """
    made_by = [{key: of.info["provenance"].get(key) for key in ("source", "plan", "align")} for of in (faces, maps)]
    same = maps.extents == faces.extents and made_by[0] == made_by[1]
    columns = ["split", "row", "sample_id", "identity", "source_sha256"]
    pairs = zip(faces.manifest_parts(columns), maps.manifest_parts(columns), strict=False)
    if not same or not all(one.equals(other) for one, other in pairs):
        raise StoreFormatError(
            f"{maps.path}: expected the maps of the faces in {faces.path}; found those of other ones, or aligned in "
            "another way; run the stage parse again"
        )


@dataclass(frozen=True)
class EraseTask(ShardTask):
    """Make one shard of one split.

    Attributes:
        erasing: `params` as the library takes them.
        weights_sha256: of the parser that made the maps.
        min_confidence: faces of less get a remark.
    """

    aligned: Store
    parsed: Store
    params: EraseParams
    erasing: Erase
    weights_sha256: str
    min_confidence: float | None

    def inputs(self) -> Sequence[str]:
        """The aligned faces, their maps, and the truth where that takes the place of the maps."""
        truth = [TRUTH.name] if self.params.regions == "truth" else []
        return [
            *shard_digests(self.aligned, self.split, self.shard, IMAGE.name, *truth),
            *shard_digests(self.parsed, self.split, self.shard, REGION.name),
        ]

    def make(self, advance: Callable[[int], object]) -> ShardContent:
        """Erase chunk by chunk; rows without a usable face are black, and nothing is erased there."""
        params, erasing = self.params, self.erasing
        rows = self.parsed.rows(self.split, self.shard)
        at = rows["row"].to_numpy().astype(np.int64) - self.bounds[0]
        ok = pc.equal(rows["status"], OK).to_numpy()
        usable = at[ok]
        files = self._files()
        images = self._pixels(files)
        regions, from_truth = self._regions()
        content: dict[str, Any] = {array.name: arrays.filled(array, self.faces) for array in self.making.spec.arrays}
        content["region"][usable] = regions[usable]
        content["identity"][at] = rows["identity"]
        if files is not None:
            content["image"] = files.only(np.isin(np.arange(self.faces), usable))
        elif params.images:
            content["image"][usable] = images[usable]
        areas = region_areas(regions)
        if params.variants:
            sample = rng.fold(rng.sample_keys(rows["sample_id"].filter(pa.array(ok)).to_pylist()), params.seed)
        for start in range(0, len(usable), self.making.spec.chunk_rows):
            chunk = slice(start, start + self.making.spec.chunk_rows)
            here = usable[chunk]
            for k in range(params.variants):
                keys = rng.fold(sample[chunk], k)
                content["erased"][here, k], gone = erasing.choice.draw(keys, regions[here])
                content["variant"][here, k] = erase(images[here], regions[here], gone, keys, erasing.fill)
            advance(len(here))
        advance(self.faces - len(usable))
        n = rows.num_rows
        columns = {
            "region_px": pa.array(list(areas[at]), REGION_PX.type, mask=~ok),
            "weights_sha256": pc.if_else(pa.array(~from_truth[at]), self.weights_sha256, None),
            "version": pa.repeat(versions()["faceshards"], n),
        }
        if from_truth[at].any():
            mask = pa.array(~from_truth[at])
            columns |= {field.name: pc.if_else(mask, rows[field.name], None) for field in COLUMNS}
        if self.min_confidence is not None:
            confidence = columns.get(CONFIDENCE.name, rows[CONFIDENCE.name])
            columns["reason"] = with_remarks(rows["reason"], confidence, self.min_confidence)
        if params.variants:
            columns |= {
                "erased": pa.array(list(content["erased"][at]), erased_field(params.variants).type, mask=~ok),
                "seed": pa.array(np.full(n, params.seed, np.uint64)),
            }
        schema = self.making.spec.rows_schema
        table = pa.table([columns[name] if name in columns else rows[name] for name in schema.names], schema=schema)
        return ShardContent(content, table, at)

    def _files(self) -> EncodedImages | None:
        """The image files of the shard's rows, where the aligned faces are kept as such and are to be so here."""
        profiles = self.aligned.info["profile"], self.making.spec.profile
        if not (self.params.images and all(keeps_files(IMAGE, profile) for profile in profiles)):
            return None
        return self.aligned.read_files(self.split, IMAGE.name, *self.bounds)

    def _pixels(self, files: EncodedImages | None) -> UInt8Array:
        """The images of the shard's rows; of none, where nothing is made from them."""
        if not (self.params.variants or (self.params.images and files is None)):
            return arrays.filled(IMAGE, 0)
        return self.aligned.read(self.split, IMAGE.name, *self.bounds) if files is None else files.pixels()

    def _regions(self) -> tuple[UInt8Array, NDArray[np.bool_]]:
        """The region maps of the shard's rows, and which of them are the source's own."""
        regions: UInt8Array = self.parsed.read(self.split, REGION.name, *self.bounds)
        known = np.zeros(len(regions), np.bool_)
        if self.params.regions == "truth":
            truth = self.aligned.read(self.split, TRUTH.name, *self.bounds)
            known = (truth != IGNORE).any(axis=(1, 2))
            regions[known] = truth[known]
        return regions, known


def _variant_columns(variants: int) -> tuple["pa.Field[Any]", ...]:
    return (erased_field(variants), SEED) if variants else ()


def _mean_colour(faces: Store) -> tuple[int, int, int]:
    """The mean RGB of all usable faces, rounded; sums of integers, so that no order of adding shows in it."""
    total = np.zeros(3, np.int64)
    pixels = 0
    for split, shard in faces.shards:
        rows = faces.rows(split, shard)
        start = shard * faces.shard_rows
        stop = min(start + faces.shard_rows, faces.splits[split])
        usable = rows["row"].filter(pc.equal(rows["status"], OK)).to_numpy() - start
        images = faces.read(split, IMAGE.name, start, stop)[usable]
        total += images.sum(axis=(0, 1, 2), dtype=np.int64)
        pixels += images[..., 0].size
    red, green, blue = (int(channel) for channel in (2 * total + pixels) // (2 * pixels))
    return red, green, blue
