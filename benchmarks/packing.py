"""What the order of the faces in a store costs: bytes a face, and seconds to build it.

    python benchmarks/packing.py ../shared/facesynthetics/dataset_71.zip [--samples 8192]

The stage `erase` over crops of real frames, all crops of a frame one after the other as an ImageFolder gives a person's
faces, once in that order and once in a random one. So neighbours in a chunk are as much alike as they can be, or not.
"""

import argparse
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from faces import jittered_faces

from faceshards.build.arrays import ALL, IMAGE, REGION
from faceshards.build.erase import erase_faces
from faceshards.build.params import RunParams, load_params
from faceshards.build.provenance import versions
from faceshards.store.finish import finish
from faceshards.store.reader import Store
from faceshards.store.schema import OK, ArraySpec, StoreSpec
from faceshards.store.writer import create, write_shard

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
    print(f"{'':22}{'image':>8}{'region':>8}{'variant':>9}   bytes a face;   seconds to build")
    for profile in args.profiles:
        store = replace(params.store, profile=profile)
        with tempfile.TemporaryDirectory() as folder:
            work = Path(folder)
            provenance = {"source": {}, "parse": {"weights_sha256": "0" * 64, "device": "cpu"}, "versions": versions()}
            for array, at in ((IMAGE, 0), (REGION, 1)):
                spec = StoreSpec("crops", "none", (array,), {ALL: len(faces)}, store.shard_rows, store.chunk_rows)
                spec = replace(spec, profile=profile)
                write(work / array.name, spec, array, (face[at] for face in faces), [who for *_, who in faces])
                finish(work / array.name, spec, provenance)
            for order in ("source", "shuffled"):
                erase = replace(params.erase, variants=args.variants, order=order)
                start = time.perf_counter()
                erase_faces(work / IMAGE.name, work / REGION.name, work / order, erase, store, run)
                took = time.perf_counter() - start
                print(f"{profile + ', ' + order:22}{sizes(work / order, args.samples)}{took:27.1f}", flush=True)


def write(folder: Path, spec: StoreSpec, array: ArraySpec, faces: Iterator[np.ndarray], people: list[int]) -> None:
    create(folder, spec)
    for shard in range(spec.shard_count(ALL)):
        rows = range(*spec.shard_range(ALL, shard))
        table = [
            {
                "source_index": i,
                "sample_id": f"{i:06}",
                "source_id": "",
                "identity": -1,
                "identity_name": f"{people[i]}",
                "status": OK,
            }
            for i in rows
        ]
        data = {array.name: np.stack([next(faces) for _ in rows])}
        write_shard(folder, spec, ALL, shard, data, pa.Table.from_pylist(table, spec.rows_schema))


def sizes(shards: Path, samples: int) -> str:
    inventory = Store.open(shards).inventory
    totals = [
        pc.sum(inventory.filter(pc.field("array") == name)["bytes"]).as_py() for name in ("image", "region", "variant")
    ]
    return "".join(f"{total / samples:{width},.0f}" for total, width in zip(totals, (8, 8, 9), strict=True))


if __name__ == "__main__":
    main()
