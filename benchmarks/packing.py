"""What the order of the faces in a store costs: bytes a face.

    python benchmarks/packing.py ../shared/facesynthetics/dataset_71.zip [--samples 8192]

The stage `erase` over crops of real frames, all crops of a frame one after the other as an ImageFolder gives a person's
faces, once in that order and once in a random one. So neighbours in a chunk are as much alike as they can be, or not.
"""

import argparse
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from faces import jittered_faces

from faceshards.build.arrays import IMAGE, REGION
from faceshards.build.erase import erase_faces
from faceshards.build.params import RunParams, load_params
from faceshards.build.provenance import versions
from faceshards.store.finish import finish
from faceshards.store.reader import Store
from faceshards.store.schema import OK, ArraySpec, SplitSpec, StoreSpec
from faceshards.store.writer import create, write_shard

SPLIT = "train"
PARAMS = Path(__file__).parents[1] / "params.yaml"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("zip", type=Path, help="FaceSynthetics frames to make the samples from")
    parser.add_argument("--samples", type=int, default=8192)
    parser.add_argument("--variants", type=int, default=1)
    parser.add_argument("--profiles", nargs="*", default=["portable", "compact"])
    args = parser.parse_args()
    params = load_params(PARAMS)
    run = RunParams(workers=1)
    faces = list(jittered_faces(args.zip, args.samples))
    faces.sort(key=lambda face: face[2])
    print(f"{args.samples:,} crops of {len({who for *_, who in faces})} frames, {args.variants} variants\n")
    print(f"{'':22}{'image':>8}{'region':>8}{'variant':>9}   bytes a face")
    for profile in args.profiles:
        store = replace(params.store, profile=profile)
        with tempfile.TemporaryDirectory() as folder:
            work = Path(folder)
            provenance = {"source": {}, "parse": {"weights_sha256": "0" * 64, "device": "cpu"}, "versions": versions()}
            for order in ("source", "shuffled"):
                packed = (
                    faces if order == "source" else [faces[i] for i in np.random.default_rng(0).permutation(len(faces))]
                )
                for array, at in ((IMAGE, 0), (REGION, 1)):
                    spec = StoreSpec(
                        *("crops", "none", (array,), {SPLIT: SplitSpec(len(faces))}),
                        *(store.shard_rows, store.chunk_rows),
                        profile=profile,
                    )
                    write(work / order / array.name, spec, array, (face[at] for face in packed))
                    finish(work / order / array.name, spec, {**provenance, "plan": {"order": order}})
                erase = replace(params.erase, variants=args.variants)
                shards = work / order / "shards"
                erase_faces(work / order / IMAGE.name, work / order / REGION.name, shards, erase, store, run)
                print(f"{profile + ', ' + order:22}{sizes(shards, args.samples)}", flush=True)


def write(folder: Path, spec: StoreSpec, array: ArraySpec, faces: Iterator[np.ndarray]) -> None:
    create(folder, spec)
    for split, shard in spec.shards:
        rows = range(*spec.shard_range(split, shard))
        table = [{"sample_id": f"{i:06}", "source_id": "", "identity": -1, "status": OK} for i in rows]
        data = {array.name: np.stack([next(faces) for _ in rows])}
        write_shard(folder, spec, split, shard, data, pa.Table.from_pylist(table, spec.rows_schema))


def sizes(shards: Path, samples: int) -> str:
    inventory = Store.open(shards).inventory
    totals = [
        pc.sum(inventory.filter(pc.field("array") == name)["bytes"]).as_py() for name in ("image", "region", "variant")
    ]
    return "".join(f"{total / samples:{width},.0f}" for total, width in zip(totals, (8, 8, 9), strict=True))


if __name__ == "__main__":
    main()
