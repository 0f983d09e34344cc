"""What the next version of a data set costs, with 1 % more faces, in DVC's cache and in CPU time.

    python benchmarks/growth.py DATASET_ZIP [--faces 2000] [--work FOLDER]

A copy of the project's files makes a first version of faces of real frames, 112x112, by `dvc repro`, with the bundled
network. Then 1 % more faces come, and the second version continues the first. Told: the share of the second version's
bytes that DVC's cache had already; and the CPU time of the second `dvc repro` over that of the first, both without what
DVC itself takes, which is that of a `dvc repro` without a lock that finds all stages in DVC's run cache.
"""

import argparse
import os
import resource
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np
from faces import jittered_faces

ROOT = Path(__file__).parents[1]
FILES = ("dvc.yaml", "params.yaml", "stages", "pipeline", ".dvcignore")
PARAMS = {
    "path: manifests/demo.yaml": "path: people",
    "shard_rows: 2048": "shard_rows: 32",
    "workers: auto": "workers: 1",
}


def project(folder: Path) -> None:
    """The files of the pipeline as a DVC project of its own."""
    for name in FILES:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, folder / name)
    (folder / "manifests").mkdir()
    shutil.copy(ROOT / "manifests/facesynthetics_sha256.parquet", folder / "manifests")
    edit(folder / "params.yaml", PARAMS)
    for command in (
        ("init", "--no-scm"),
        ("config", "core.analytics", "false"),
        ("config", "core.check_update", "false"),
    ):
        dvc(folder, *command)


def edit(path: Path, changes: dict[str, str]) -> None:
    text = path.read_text()
    for old, new in changes.items():
        assert old in text, old
        text = text.replace(old, new)
    path.write_text(text)


def add_faces(folder: Path, faces: list[np.ndarray], first: int) -> None:
    for number, face in enumerate(faces, first):
        path = folder / "people" / f"{number // 20:05}" / f"{number % 20:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), face[..., ::-1])


def dvc(folder: Path, *arguments: str) -> float:
    """CPU seconds of a command of DVC and of all that it starts."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = {**os.environ, "PYTHONPATH": str(folder / "pipeline")}
    subprocess.run([sys.executable, "-m", "dvc", *arguments], cwd=folder, env=environment, check=True, stdout=2)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def dvcs_own(folder: Path) -> float:
    """What DVC takes for a version whose stages it finds in its run cache."""
    (folder / "dvc.lock").rename(folder / "kept.lock")
    shutil.rmtree(folder / "data/shards")
    seconds = dvc(folder, "repro", "-q")
    (folder / "kept.lock").replace(folder / "dvc.lock")
    return seconds


def cache(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_size for path in (folder / ".dvc/cache/files").rglob("*") if path.is_file()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("frames", type=Path, help="a zip of FaceSynthetics frames")
    parser.add_argument("--faces", type=int, default=2000)
    parser.add_argument("--work", type=Path, help="folder for the project; a temporary one by default")
    args = parser.parse_args()
    more = max(1, args.faces // 100)
    faces = [image for image, _, _ in jittered_faces(args.frames, args.faces + more)]
    with tempfile.TemporaryDirectory(dir=args.work) as temporary:
        folder = Path(temporary)
        project(folder)
        add_faces(folder, faces[: args.faces], 0)
        first = dvc(folder, "repro", "-q")
        own = dvcs_own(folder)
        before = cache(folder)
        shutil.copy(folder / "data/shards/manifest.parquet", folder / "manifests/earlier.parquet")
        edit(folder / "params.yaml", {"earlier: null": "earlier: manifests/earlier.parquet"})
        add_faces(folder, faces[args.faces :], args.faces)
        second = dvc(folder, "repro", "-q")
        after = cache(folder)
    new = sum(size for name, size in after.items() if name not in before)
    print(f"{args.faces:,} faces, then {more} more, in shards of 32")
    print(f"of the second version's bytes, DVC's cache had {1 - new / sum(before.values()):.1%}")
    print(f"CPU time of the second dvc repro over the first's, beyond DVC's own: {(second - own) / (first - own):.1%}")


if __name__ == "__main__":
    main()
