"""torchrun torchrun_plain.py SHARDS OUT: a hand-written loop in every process; the loader finds its rank by itself."""

import os
import sys
from pathlib import Path
from typing import Any

import torch.distributed as dist
from visits import BATCH, SEED, train_faces, train_loader, visits_of, write

import faceshards


def main(shards: Path, out: Path) -> None:
    rank = int(os.environ["RANK"])
    loader = train_loader(shards, num_workers=2)
    keep(loader, out / "environment", rank)  # torch.distributed is not initialised yet

    dist.init_process_group("gloo")
    for name in ("RANK", "WORLD_SIZE"):
        del os.environ[name]
    assert len(loader) == 3
    keep(train_loader(shards), out / "distributed", rank)

    by_hand = faceshards.Loader(shards, BATCH, split="train", rank=1 - rank, world_size=2)
    write([v for batch in by_hand for v in visits_of(batch, "train", 0, rank)], out / "by_hand" / f"{rank}.jsonl")
    alone = faceshards.Loader(shards, BATCH, split="val", rank=0, world_size=1)
    write([v for batch in alone for v in visits_of(batch, "val", 0, rank)], out / "alone" / f"{rank}.jsonl")

    faces = train_faces(shards)
    numpy = [(e, batch) for e in (0, 1) for batch in faces.batches(BATCH, shuffle=True, seed=SEED, epoch=e)]
    write([v for e, batch in numpy for v in visits_of(batch, "train", e, rank)], out / "numpy" / f"{rank}.jsonl")
    dist.destroy_process_group()


def keep(loader: Any, out: Path, rank: int) -> None:
    visits = [v for epoch in (0, 1) for batch in loader for v in visits_of(batch, "train", epoch, rank)]
    write(visits, out / f"{rank}.jsonl")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
