"""What a face costs in data sets of growing size, and what a second worker is worth.

    python benchmarks/scale.py [--faces 8192 32768 131072] [--work FOLDER]

For every size: CPU time and bytes read a face, and peak memory, of each stage and of an epoch of the loader;
each in a process of its own, the sizes by turns. The faces are rendered ones as 112x112 JPEG in a RecordIO, as a lab
keeps its millions, no two of the same bytes. The network is a stand-in that costs nothing: its cost a face is what
`benchmarks/parse.py` says, whatever the size. Then `align` and `erase` by one worker and by two.
"""

import argparse
import json
import os
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

import faceshards
from faceshards.build import parse
from faceshards.build.align import align_faces
from faceshards.build.download import make_source
from faceshards.build.erase import erase_faces
from faceshards.build.params import Params, RunParams, load_params
from faceshards.build.plan import plan_faces
from faceshards.ops.align import ALIGNED_SIZE
from faceshards.parsing.certainty import Parsed
from faceshards.records import UInt8Array
from faceshards.source.demo import render_face
from faceshards.store.verify import verify

ROOT = Path(__file__).parents[1]
STAGES = ("plan", "align", "parse", "erase", "verify", "loader")
PICTURES, EACH = 64, 50
WINDOW = 2048
"""Of the loader's shuffle: one that the smallest set fills too, for its memory follows from it."""
_MAGIC = 0xCED7230A


class CostsNothing:
    """In the place of the network: horizontal stripes of regions."""

    provenance = {"weights_sha256": "0" * 64, "device": "cpu"}  # noqa: RUF012

    def parse(self, images: UInt8Array) -> UInt8Array:
        stripes = np.arange(ALIGNED_SIZE, dtype=np.uint8)[:, None] // 5
        return np.broadcast_to(stripes, (len(images), ALIGNED_SIZE, ALIGNED_SIZE)).copy()

    def assess(self, images: UInt8Array) -> Parsed:
        regions = self.parse(images)
        return Parsed(regions, np.full_like(regions, 255), None)


def write_faces(folder: Path, count: int) -> None:
    """A RecordIO of so many faces; their JPEGs differ by bytes behind the picture."""
    folder.mkdir(parents=True, exist_ok=True)
    faces = [cv2.resize(render_face(i, 0, 256).image, (ALIGNED_SIZE,) * 2) for i in range(PICTURES)]
    pictures = [cv2.imencode(".jpg", face[..., ::-1])[1].tobytes() for face in faces]
    with (folder / "train.rec").open("wb") as records, (folder / "train.idx").open("w") as index:
        for key in range(count + 1):
            image = b"" if key == 0 else pictures[key % PICTURES] + key.to_bytes(8, "little")
            label = struct.pack("<2f", count + 1, count + 1) if key == 0 else b""
            header = struct.pack("<IfQQ", 2 if key == 0 else 0, 0 if key == 0 else (key - 1) // EACH, key, 0)
            data = header + label + image
            index.write(f"{key}\t{records.tell()}\n")
            records.write(struct.pack("<II", _MAGIC, len(data)) + data + bytes(-len(data) % 4))


def params_of(folder: Path, workers: int = 1) -> Params:
    whole = load_params(ROOT / "params.yaml")
    return replace(
        whole,
        source=replace(whole.source, path=str(folder / "train.rec"), landmarks=str(ROOT / "manifests/landmarks.csv")),
        erase=replace(whole.erase, variants=1),
        run=RunParams(workers=workers, kept_gb=0),
    )


def run_stage(stage: str, folder: Path, workers: int) -> None:
    params, data = params_of(folder, workers), folder / "data"
    parse._parser = lambda *_: CostsNothing()  # type: ignore[assignment]
    steps: dict[str, Callable[[], Any]] = {
        "source": lambda: make_source(
            params.source, params.run, data / "source", ROOT / "manifests/facesynthetics_sha256.parquet"
        ),
        "plan": lambda: plan_faces(data / "source", data / "plan", params.plan),
        "align": lambda: align_faces(
            data / "source", data / "plan", data / "aligned", params.align, params.store, params.run
        ),
        "parse": lambda: parse.parse_faces(data / "aligned", data / "parsed", params.parse, params.store, params.run),
        "erase": lambda: erase_faces(
            data / "aligned", data / "parsed", data / "shards", params.erase, params.store, params.run
        ),
        "verify": lambda: verify(data / "shards").ok or sys.exit("damaged"),
        "loader": lambda: read_epoch(data / "shards"),
    }
    steps[stage]()


def read_epoch(shards: Path) -> int:
    faces = faceshards.open(shards, split="train", view="erase")
    window = faceshards.Shuffle(window=WINDOW)
    return sum(len(batch["image"]) for batch in faces.batches(128, shuffle=window, seed=0, epoch=0))


def measure(stage: str, folder: Path, workers: int = 1) -> dict[str, float]:
    """A stage in a process of its own, from what it makes anew: seconds, CPU seconds, MB of memory, bytes read."""
    for kept in (folder / "data/.work").glob("kept/*/*"):
        if stage in ("align", "parse", "erase"):
            for path in kept.iterdir():
                path.unlink()
            kept.rmdir()
    command = [sys.executable, __file__, "--stage", stage, "--folder", str(folder), "--workers", str(workers)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def in_this_process(stage: str, folder: Path, workers: int) -> None:
    """Run a stage and print what it took, less what the imports took."""
    begin, before = time.perf_counter(), cpu()
    with peak_memory() as peak:
        run_stage(stage, folder, workers)
    read = int(Path("/proc/self/io").read_text().split()[1])
    print(json.dumps({"s": time.perf_counter() - begin, "cpu": cpu() - before, "MB": peak[0], "read": read}))


@contextmanager
def peak_memory() -> Iterator[list[float]]:
    """The peak of this process's own memory in MB: pages of files that it has mapped are the system's to take back."""
    peak, ended = [0.0], threading.Event()

    def watch() -> None:
        while not ended.wait(0.02):
            status = Path("/proc/self/status").read_text()
            peak[0] = max(peak[0], int(status.partition("RssAnon:")[2].split()[0]) / 1024)

    watching = threading.Thread(target=watch)
    watching.start()
    yield peak
    ended.set()
    watching.join()


def cpu() -> float:
    """Of this process and of those that it waited for."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--faces", type=int, nargs="+", default=[8192, 32768, 131072])
    parser.add_argument("--work", type=Path, help="folder for the faces and stores; a temporary one by default")
    parser.add_argument("--rounds", type=int, default=1, help="of one worker beside two, of the largest size")
    parser.add_argument("--stage", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--workers", type=int, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.stage:
        in_this_process(args.stage, args.folder, args.workers)
        return
    with tempfile.TemporaryDirectory(dir=args.work) as work:
        folders = {n: Path(work) / str(n) for n in args.faces}
        for n, folder in folders.items():
            write_faces(folder, n)
            measure("source", folder)
        growth(folders)
        workers(folders[args.faces[-1]], args.faces[-1], args.rounds)


def growth(folders: dict[int, Path]) -> None:
    print(f"{'':10}{'CPU ms a face':>30}  {'kB read a face':>30}  {'peak memory MB':>30}  last over first")
    print(f"{'':10}" + f"{''.join(f'{n:>10,}' for n in folders)}  " * 3 + "CPU, read, memory")
    for stage in STAGES:
        found = {n: measure(stage, folder) for n, folder in folders.items()}
        columns = [
            [one["cpu"] * 1e3 / n for n, one in found.items()],
            [one["read"] / 1e3 / n for n, one in found.items()],
            [one["MB"] for one in found.values()],
        ]
        numbers = "  ".join("".join(f"{value:10.3f}" for value in column) for column in columns)
        print(f"{stage:10}{numbers}  " + ", ".join(f"{column[-1] / column[0]:.2f}" for column in columns), flush=True)


def workers(folder: Path, faces: int, rounds: int) -> None:
    print(f"\n{faces:,} faces, one worker beside two, by turns; median of {rounds}")
    for stage in ("align", "erase"):
        found = [[measure(stage, folder, count) for count in (1, 2)] for _ in range(rounds)]
        faster = np.median([one["s"] / two["s"] for one, two in found])
        more = np.median([two["cpu"] / one["cpu"] - 1 for one, two in found])
        print(f"{stage:10}{faster:6.2f} times as fast, {more:+.1%} CPU")


if __name__ == "__main__":
    main()
