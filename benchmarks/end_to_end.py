"""From a folder of 512x512 PNG frames to shards, beside the loop that one would write without this project.

    python benchmarks/end_to_end.py DATASET_ZIP [--copies 4] [--rounds 3]

The same work in both: decode, align to 112x112, parse with the bundled network (face and mirror image), erase a
variant, write. The loop goes over the files with cv2 and PyTorch as they come: one frame after the other, PyTorch on
all cores in fp32, PNG files out. Ours writes the store of the default profile, with one worker a core. By turns; no
times are told but their ratio, and how much of the time the network takes in the loop.
"""

import argparse
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from zipfile import ZipFile

import cv2
import numpy as np
import torch

from faceshards.build.align import align_faces
from faceshards.build.download import make_source
from faceshards.build.erase import erase_faces
from faceshards.build.params import Params, load_params
from faceshards.build.parse import parse_faces
from faceshards.build.plan import plan_faces
from faceshards.ops.align import ALIGNED_SIZE, similarity
from faceshards.parsing.mirror import for_inference
from faceshards.parsing.unet import normalise
from faceshards.parsing.weights import load_weights

ROOT = Path(__file__).parents[1]
N_ERASED = 3


def unpack(frames: Path, to: Path, copies: int) -> list[str]:
    """Frames with their landmarks, each so many times; a byte behind the PNG tells the copies apart."""
    names = []
    to.mkdir()
    with ZipFile(frames) as archive:
        for member in sorted(name for name in archive.namelist() if name.endswith(".png") and "_seg" not in name):
            landmarks = archive.read(member.replace(".png", "_ldmks.txt"))
            for copy in range(copies):
                name = f"{200_000 + len(names)}"  # not one of the official ones, whose hashes are known
                (to / f"{name}.png").write_bytes(archive.read(member) + bytes([copy]))
                (to / f"{name}_ldmks.txt").write_bytes(landmarks)
                names.append(name)
    return names


class Loop:
    """What is written without this project."""

    def __init__(self, frames: Path, names: list[str]) -> None:
        self._frames, self._names = frames, names
        self._network = for_inference(load_weights().network, mirror=True)
        self.in_network = 0.0

    def run(self, out: Path) -> None:
        out.mkdir()
        draw = np.random.default_rng(0)
        for name in self._names:
            image = cv2.cvtColor(cv2.imread(str(self._frames / f"{name}.png")), cv2.COLOR_BGR2RGB)
            points = np.loadtxt(self._frames / f"{name}_ldmks.txt", dtype=np.float32)
            matrix = similarity(points)
            face = cv2.warpAffine(image, matrix, (ALIGNED_SIZE, ALIGNED_SIZE), flags=cv2.INTER_AREA)
            begin = time.perf_counter()
            with torch.inference_mode():
                regions = self._network(normalise(torch.from_numpy(face[None]))).argmax(1)[0].numpy().astype(np.uint8)
            self.in_network += time.perf_counter() - begin
            erased = face.copy()
            for region in draw.choice(np.arange(1, 20), N_ERASED, replace=False):
                gone = regions == region
                erased[gone] = draw.integers(0, 256, (gone.sum(), 3))
            for suffix, picture in (("", face[..., ::-1]), ("_regions", regions), ("_erased", erased[..., ::-1])):
                cv2.imwrite(str(out / f"{name}{suffix}.png"), picture)


def ours(params: Params, data: Path) -> None:
    make_source(params.source, params.run, data / "source", ROOT / "manifests/facesynthetics_sha256.parquet")
    plan_faces(data / "source", data / "plan", params.plan)
    align_faces(data / "source", data / "plan", data / "aligned", params.align, params.store, params.run)
    parse_faces(data / "aligned", data / "parsed", params.parse, params.store, params.run)
    erase_faces(data / "aligned", data / "parsed", data / "shards", params.erase, params.store, params.run)


def timed(job: Callable[[Path], object], out: Path) -> float:
    begin = time.perf_counter()
    job(out)
    seconds = time.perf_counter() - begin
    shutil.rmtree(out)
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("frames", type=Path, help="a zip of FaceSynthetics frames")
    parser.add_argument("--copies", type=int, default=8, help="of each frame")
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    whole = load_params(ROOT / "params.yaml")
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        names = unpack(args.frames, work / "frames", args.copies)
        params = replace(
            whole,
            source=replace(whole.source, path=str(work / "frames")),
            erase=replace(whole.erase, variants=1, n_regions=(N_ERASED, N_ERASED)),
            store=replace(whole.store, shard_rows=128),
        )
        loop = Loop(work / "frames", names)
        ratios, shares = [], []
        for _ in range(args.rounds):
            loop.in_network = 0
            slow = timed(loop.run, work / "loop")
            shares.append(loop.in_network / slow)
            ratios.append(slow / timed(lambda data: ours(params, data), work / "data"))
    print(f"{len(names)} frames of 512x512, {torch.get_num_threads()} cores, median of {args.rounds} by turns")
    print(f"ours is {np.median(ratios):.2f} times as fast as the loop; {', '.join(f'{r:.2f}' for r in ratios)}")
    print(f"the network takes {np.median(shares):.0%} of the loop's time")


if __name__ == "__main__":
    main()
