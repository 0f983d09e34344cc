"""The faces of the checks: rendered people, moved about so that no two crops are alike, and a store of them."""

import os
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
from gpu_check import Context
from numpy.typing import NDArray

from faceshards.build.arrays import IDENTITY, IMAGE, REGION
from faceshards.errors import BadSampleError
from faceshards.ops.align import similarity, warp_image, warp_labels
from faceshards.ops.labels import detailed_regions
from faceshards.records import UInt8Array
from faceshards.source.demoface import render_face
from faceshards.source.trueregions import cut_regions
from faceshards.store.durable import replace_folder
from faceshards.store.finish import finish
from faceshards.store.schema import OK, Profile, SplitSpec, StoreSpec
from faceshards.store.writer import create, write_shard

SPLIT = "train"
_HAS_TRUTH = pa.field("has_truth", pa.bool_(), nullable=False)  # which the stage `parse` asks for
_SIZE = 256
_NOISE = 3.0  # grey levels: rendered faces alone are so smooth that they pack, and so unpack, as no photograph does


@dataclass(frozen=True)
class Frames:
    """Rendered pictures: images (N, 256, 256, 3) and regions (N, 256, 256) uint8, matrices (N, 2, 3), who (N,)."""

    images: UInt8Array
    regions: UInt8Array
    matrices: NDArray[np.float64]
    who: NDArray[np.int64]


@dataclass(frozen=True)
class Crops:
    """Aligned faces: images (N, 112, 112, 3) and regions (N, 112, 112) uint8, who (N,) int64."""

    images: UInt8Array
    regions: UInt8Array
    who: NDArray[np.int64]


def check(context: Context) -> None:
    """Render the frames on all cores, before anything else of this process could disturb a fork."""
    people, views = context.pick((24, 8), (4, 2))
    jobs = [(person, view) for person in range(people) for view in range(views)]
    with ProcessPoolExecutor(os.cpu_count() or 1, get_context("fork")) as pool:
        made = list(pool.map(_frame, jobs))
    images, regions, matrices, meshed = (np.stack(column) for column in zip(*made, strict=True))
    who = np.array([person for person, _ in jobs], np.int64)
    np.savez(context.work / "frames.npz", images=images, regions=regions, matrices=matrices, who=who)
    context.notes.fact("frames", len(jobs))
    context.notes.fact("people", people)
    context.notes.fact("cut by the face mesh", int(meshed.sum()))
    if not meshed.all():
        context.notes.leave_out(f"the face mesh on {(~meshed).sum()} frames: their skin is cut by landmarks")


def _frame(job: tuple[int, int]) -> tuple[UInt8Array, UInt8Array, NDArray[np.float64], bool]:
    cv2.setNumThreads(1)
    face = render_face(0, *job, _SIZE)
    try:
        regions, meshed = cut_regions(face.labels, face.landmarks, face.image), True
    except (BadSampleError, cv2.error, AttributeError):  # an OpenCV that does not read the mesh's networks
        regions, meshed = detailed_regions(face.labels, face.landmarks), False
    return face.image, regions, similarity(face.landmarks), meshed


def frames(context: Context) -> Frames:
    """Those that the check `faces` made."""
    with np.load(context.work / "frames.npz") as file:
        return Frames(file["images"], file["regions"], file["matrices"], file["who"])


def crops(context: Context, count: int, seed: int = 0, those: Frames | None = None) -> Crops:
    """So many crops, each turned, scaled and shifted its own way, with noise."""
    those = those or frames(context)
    cv2.setNumThreads(1)
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        made = list(pool.map(partial(_crop, those, seed), range(count)))
    images, regions = (np.stack(column) for column in zip(*made, strict=True))
    return Crops(images, regions, np.resize(those.who, count))


def _crop(those: Frames, seed: int, number: int) -> tuple[UInt8Array, UInt8Array]:
    draw = np.random.default_rng([seed, number])
    row = number % len(those.images)
    angle, scale = draw.normal(0, 0.06), np.exp(draw.normal(0, 0.04))
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    centre = np.array([55.5, 60])
    matrix = turn @ those.matrices[row]
    matrix[:, 2] += centre - turn @ centre + draw.normal(0, 2, 2)
    image = warp_image(those.images[row], matrix) + draw.normal(0, _NOISE, IMAGE.shape).astype(np.float32)
    return np.clip(image, 0, 255).astype(np.uint8), warp_labels(those.regions[row], matrix)


def store_of(context: Context, profile: Profile, given: Crops, shard_rows: int) -> Path:
    """A store of faces, regions and identities, made once for all checks."""
    out = context.work / f"store-{profile}-{len(given.images)}"
    if out.is_dir():
        return out
    count = len(given.images)
    classes = ((0, int(given.who.max()) + 1),)
    arrays = (IMAGE, REGION, IDENTITY)
    spec = StoreSpec(
        "gpu",
        "MIT",
        arrays,
        {SPLIT: SplitSpec(count, classes)},
        shard_rows,
        min(32, shard_rows),
        columns=(_HAS_TRUTH,),
        profile=profile,
    )
    work = out.with_name(f"{out.name}-new")
    create(work, spec)
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        list(pool.map(partial(_write, work, spec, given), range(spec.shard_count(SPLIT))))
    finish(work, spec, {"versions": {}})
    replace_folder(work, out)
    return out


def _write(work: Path, spec: StoreSpec, given: Crops, shard: int) -> None:
    start, stop = spec.shard_range(SPLIT, shard)
    who = given.who[start:stop]
    rows: list[dict[str, Any]] = [
        {
            "sample_id": f"{start + i:06d}",
            "source_id": f"{start + i:06d}.png",
            "identity": int(person),
            "status": OK,
            "has_truth": False,
        }
        for i, person in enumerate(who)
    ]
    content = {IMAGE.name: given.images[start:stop], REGION.name: given.regions[start:stop], IDENTITY.name: who}
    write_shard(work, spec, SPLIT, shard, content, pa.Table.from_pylist(rows, schema=spec.rows_schema))
