"""What it takes to plan millions of faces, and to continue such a plan.

    python benchmarks/plan_scale.py [--faces 42000000] [--people 1000000] [--grown 420000]

The faces are names: ids and people as of an ImageFolder, and digests of no file. So the planning is measured and not
the reading of pictures. Each plan runs in a process of its own, whose peak of resident memory is told: first a plan
made anew, then one that continues it with 1 % more faces.
"""

import argparse
import hashlib
import json
import multiprocessing
import resource
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from faceshards.build.params import PlanParams
from faceshards.build.plan import PlanOutcome, plan_source
from faceshards.build.planfile import Plan
from faceshards.records import SourceFace
from faceshards.source.fingerprint import Fingerprints
from faceshards.store.schema import PLAN_KEY

SPLITS = {"train": 0.98, "val": 0.02}
SHARD_ROWS = 2048


class NamedFaces:
    """Faces one person after the other; their images are their ids."""

    name = "named"

    def __init__(self, faces: int, people: int) -> None:
        self._faces = faces
        self._each = -(-faces // people)

    def __len__(self) -> int:
        return self._faces

    def face(self, index: int) -> SourceFace:
        person = f"m.{index // self._each:07x}"
        return SourceFace(f"{person}/{index % self._each:04d}", f"faces/{person}/{index % self._each:04d}.jpg", person)

    def fingerprints(self, index: int) -> Fingerprints:
        return Fingerprints(hashlib.blake2b(index.to_bytes(8, "little"), digest_size=16).digest(), b"", b"")

    def image_bytes(self, index: int) -> bytes:
        return index.to_bytes(8, "little")


def plan(source: NamedFaces, folder: Path, earlier: Path | None) -> tuple[PlanOutcome, float, float, float]:
    """The outcome, seconds by the clock and of CPU, and GB of peak resident memory."""
    folder.mkdir()
    start, cpu = time.perf_counter(), time.process_time()
    outcome = plan_source(source, folder, PlanParams(0, SPLITS, earlier=None if earlier is None else str(earlier)))
    took, worked = time.perf_counter() - start, time.process_time() - cpu
    return outcome, took, worked, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


def write_manifest(made: Plan, path: Path) -> None:
    """The columns of a manifest that a later plan reads, one row group a shard."""
    splits = {name: {"rows": of.rows, "classes": of.classes} for name, of in made.splits.items()}
    fields = [("sample_id", pa.string()), ("identity", pa.int64()), ("identity_name", pa.string())]
    schema = pa.schema([*fields, ("split", pa.string()), ("row", pa.int32())])
    schema = schema.with_metadata({PLAN_KEY: json.dumps({"splits": splits}).encode()})
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for split, of in made.splits.items():
            for start in range(0, of.rows, 32 * SHARD_ROWS):
                rows = made.faces(split, start, start + 32 * SHARD_ROWS)
                rows = rows.append_column("split", pa.repeat(split, rows.num_rows)).select(schema.names)
                rows = rows.cast(schema.remove_metadata()).replace_schema_metadata(schema.metadata)
                writer.write_table(rows, row_group_size=SHARD_ROWS)


def alone(function, *arguments):
    """Call a function in a fresh process."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--faces", type=int, default=42_000_000)
    parser.add_argument("--people", type=int, default=1_000_000)
    parser.add_argument("--grown", type=int, default=None, help="faces that come; 1 %% by default")
    args = parser.parse_args()
    each = -(-args.faces // args.people)
    more = args.faces + (args.faces // 100 if args.grown is None else args.grown)
    with tempfile.TemporaryDirectory() as name:
        folder, earlier = Path(name), None
        for what, faces in (("anew", args.faces), ("continued", more)):
            outcome, took, cpu, peak = alone(plan, NamedFaces(faces, -(-faces // each)), folder / what, earlier)
            size = (folder / what / "plan.arrow").stat().st_size / 1e9
            print(
                f"{what:10} {outcome.placed:,} faces of {outcome.people:,} people, {outcome.new:,} new: {took:.0f} s, "
                f"of CPU {cpu:.0f} s ({cpu / faces * 1e6:.1f} us a face); peak {peak:.2f} GB; plan.arrow {size:.2f} GB",
                flush=True,
            )
            if earlier is None:
                earlier = folder / "manifest.parquet"
                start = time.perf_counter()
                alone(write_manifest, Plan.open(folder / what), earlier)
                took = time.perf_counter() - start
                print(f"{'':10} its manifest, as far as it counts: {earlier.stat().st_size / 1e9:.2f} GB, {took:.0f} s")


if __name__ == "__main__":
    main()
