"""Shards of a source of faces whose people are dealt into folds, for an experiment; all else is as params.yaml says.

    python -m examples.recognition.shards data/orl/people data/orl --detector dlib --seed 60

The stages of dvc.yaml write to one place, which belongs to the project; this calls the same library functions.
"""

import argparse
from dataclasses import replace
from pathlib import Path
from typing import get_args

import numpy as np

import faceshards
from examples.recognition.command import run
from faceshards.build.align import align_faces
from faceshards.build.download import make_source
from faceshards.build.erase import erase_faces
from faceshards.build.params import Params, load_params
from faceshards.build.parse import parse_faces
from faceshards.build.plan import plan_faces
from faceshards.source.detect import DetectorName

PINNED = Path("manifests/facesynthetics_sha256.parquet")


def build_shards(params: Params, out: Path) -> Path:
    """Run the stages up to the shards below the folder `out`.

    Returns:
        The store.
    """
    source, plan, aligned, parsed, shards = (out / name for name in ("source", "plan", "aligned", "parsed", "shards"))
    make_source(params.source, params.run, source, PINNED)
    plan_faces(source, plan, params.plan)
    align_faces(source, plan, aligned, params.align, params.store, params.run)
    parse_faces(aligned, parsed, params.parse, params.store, params.run)
    erase_faces(aligned, parsed, shards, params.erase, params.store, params.run)
    return shards


def main() -> None:
    """Read the command line, build, and say who is in which fold."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", help="what source.path in params.yaml takes: a folder of people, a recipe, a .rec")
    parser.add_argument("out", type=Path, help="folder for the stages' outputs; the shards are in OUT/shards")
    parser.add_argument("--detector", choices=("auto", "none", *get_args(DetectorName)), default="auto")
    parser.add_argument("--landmarks", help="what source.landmarks in params.yaml takes: a CSV of points")
    parser.add_argument(
        "--folds", type=int, default=4, help="splits fold0, fold1, ..., each with whole people (default: 4)"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the folds and of the precomputed variants (default: 0)")
    given = parser.parse_args()
    whole = load_params(Path("params.yaml"))
    params = replace(
        whole,
        source=replace(whole.source, path=given.source, landmarks=given.landmarks or whole.source.landmarks),
        align=replace(whole.align, detector=given.detector),
        plan=replace(
            whole.plan,
            seed=given.seed,
            splits={f"fold{i}": 1 / given.folds for i in range(given.folds)},
            order="source",  # with which the results beside this file were made
        ),
        erase=replace(whole.erase, seed=given.seed),
    )
    given.out.mkdir(parents=True, exist_ok=True)
    shards = build_shards(params, given.out)
    for fold in params.plan.splits:
        faces = faceshards.open(shards, split=fold)
        print(f"{shards} {fold}: {len(faces)} faces of {len(np.unique(faces.identities))} people")


if __name__ == "__main__":
    run(main)
