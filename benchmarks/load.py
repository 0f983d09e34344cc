"""Whether a face costs no more in a larger data set, and what a second worker is worth.

    python benchmarks/load.py [--faces 50000 200000] [--workers 1] [--work FOLDER]

For every size, each stage and an epoch of the loader in a process of its own, the sizes by turns: CPU time and bytes
read a face; and of the largest of the stage's processes its peak memory, that part of it which is no mapped file, and
its open files. Behind them each is told for the largest size over the smallest: 1.10 and more would be growth. Then
`align` and `erase` by one worker and by two. More than 110 kB of disk a face while it runs.

The faces are rendered ones as 112x112 JPEG in a RecordIO, no two of the same bytes. The network is somebody else's, as
docs/parsers.md has it, that costs next to nothing: what a real one takes is what `benchmarks/parse.py` says, whatever
the size.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from loadfaces import write_faces, write_network
from processes import cpu_seconds, peak_of_each

import faceshards
from faceshards.build.align import align_faces
from faceshards.build.download import make_source
from faceshards.build.erase import erase_faces
from faceshards.build.params import Params, RunParams, load_params
from faceshards.build.parse import parse_faces
from faceshards.build.plan import plan_faces
from faceshards.build.verify import certify

ROOT = Path(__file__).parents[1]
STAGES = ("plan", "align", "parse", "erase", "verify", "loader")
COLUMNS = {
    "CPU ms a face": ("cpu_ms", "{:.3f}"),
    "kB read a face": ("read_kb", "{:.1f}"),
    "peak memory MB": ("rss", "{:.0f}"),
    "of it no file's": ("own", "{:.0f}"),
    "open files": ("files", "{:.0f}"),
}


def params_of(folder: Path, workers: int) -> Params:
    whole = load_params(ROOT / "params.yaml")
    return replace(
        whole,
        source=replace(whole.source, path=str(folder / "train.rec")),
        parse=replace(whole.parse, weights=str(folder / "stand_in.yaml"), device="cpu"),
        erase=replace(whole.erase, variants=1),
        run=RunParams(workers=workers, kept_gb=0),
    )


def run_stage(stage: str, folder: Path, workers: int) -> None:
    params, data = params_of(folder, workers), folder / "data"
    steps: dict[str, Callable[[], Any]] = {
        "source": lambda: make_source(
            params.source, params.run, data / "source", ROOT / "manifests/facesynthetics_sha256.parquet"
        ),
        "plan": lambda: plan_faces(data / "source", data / "plan", params.plan),
        "align": lambda: align_faces(
            data / "source", data / "plan", data / "aligned", params.align, params.store, params.run
        ),
        "parse": lambda: parse_faces(data / "aligned", data / "parsed", params.parse, params.store, params.run),
        "erase": lambda: erase_faces(
            data / "aligned", data / "parsed", data / "shards", params.erase, params.store, params.run
        ),
        "verify": lambda: certify(data / "shards", data / "shards.sha256").ok or sys.exit("damaged"),
        "loader": lambda: read_epoch(data / "shards"),
    }
    steps[stage]()


def read_epoch(shards: Path) -> int:
    faces = faceshards.open(shards, split="train", view="erase")
    return sum(len(batch["image"]) for batch in faces.batches(128, shuffle=True, seed=0, epoch=0))


def measure(stage: str, folder: Path, workers: int = 1) -> dict[str, float]:
    """A stage in a process of its own, from what it makes anew."""
    for kept in (folder / "data/.work").glob("kept/*/*"):
        if stage in ("align", "parse", "erase"):
            for path in kept.iterdir():
                path.unlink()
            kept.rmdir()
    command = [sys.executable, __file__, "--stage", stage, "--folder", str(folder), "--workers", str(workers)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{stage} of {folder.name} faces failed:\n{done.stderr}")
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def in_this_process(stage: str, folder: Path, workers: int) -> None:
    """Run a stage and print what it took, less what the imports took."""
    begin, before = time.perf_counter(), cpu_seconds()
    with peak_of_each() as peak:
        run_stage(stage, folder, workers)
    faces, read = int(folder.name), int(Path("/proc/self/io").read_text().split()[1])
    cost = {"s": time.perf_counter() - begin, "cpu_ms": (cpu_seconds() - before) * 1e3 / faces}
    print(json.dumps({**cost, "read_kb": read / 1e3 / faces, **vars(peak)}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--faces", type=int, nargs="+", default=[50_000, 200_000])
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--work", type=Path, help="folder for the faces and stores; a temporary one by default")
    parser.add_argument("--rounds", type=int, default=1, help="of one worker beside two, of the largest size; 0: none")
    parser.add_argument("--stage", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.stage:
        in_this_process(args.stage, args.folder, args.workers)
        return
    with tempfile.TemporaryDirectory(dir=args.work) as work:
        folders = {n: Path(work) / str(n) for n in args.faces}
        for n, folder in folders.items():
            write_faces(folder, n)
            write_network(folder)
            measure("source", folder)
        growth(folders, args.workers)
        if args.rounds:
            second_worker(folders[args.faces[-1]], args.faces[-1], args.rounds)


def growth(folders: dict[int, Path], workers: int) -> None:
    width = 10 * len(folders) + 7
    print(f"{'':8}" + "".join(f"{title:>{width}}" for title in COLUMNS))
    print(f"{'':8}" + (f"{''.join(f'{n:>10,}' for n in folders)}  ratio") * len(COLUMNS))
    for stage in STAGES:
        found = [measure(stage, folder, workers) for folder in folders.values()]
        line = f"{stage:8}"
        for name, form in COLUMNS.values():
            values = [one[name] for one in found]
            line += "".join(f"{form.format(value):>10}" for value in values) + f"{values[-1] / values[0]:7.2f}"
        print(line, flush=True)


def second_worker(folder: Path, faces: int, rounds: int) -> None:
    print(f"\n{faces:,} faces, one worker beside two, by turns; median of {rounds}")
    for stage in ("align", "erase"):
        found = [[measure(stage, folder, count) for count in (1, 2)] for _ in range(rounds)]
        faster = np.median([one["s"] / two["s"] for one, two in found])
        more = np.median([two["cpu_ms"] / one["cpu_ms"] - 1 for one, two in found])
        print(f"{stage:8}{faster:6.2f} times as fast, {more:+.1%} CPU")


if __name__ == "__main__":
    main()
