"""python lightning_two_processes.py SHARDS OUT: trains in two processes that Lightning starts itself."""

import sys
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning_parts import Recorder, trainer
from torch.utils.data import DataLoader
from visits import BATCH, train_faces, train_loader, write

import faceshards


def main(shards: Path, out: Path) -> None:
    loader = train_loader(shards, num_workers=2)
    validation = faceshards.Loader(shards, BATCH, split="val")
    print(f"{len(loader)} batches before there are ranks")  # in the second process, where only WORLD_SIZE is set
    keeping = ModelCheckpoint(out / "kept", filename="{step}", every_n_train_steps=1, save_top_k=-1)
    fit(out / "loader", loader, validation, callbacks=[keeping])
    fit(out / "resumed", loader, validation, ckpt_path=str(out / "kept" / "step=4.ckpt"))

    torch.manual_seed(0)
    fit(out / "map_style", DataLoader(train_faces(shards), BATCH, shuffle=True, num_workers=2), validation)


def fit(out: Path, train: Any, validation: Any, ckpt_path: str | None = None, **options: Any) -> None:
    module = Recorder()
    both = trainer(out, max_epochs=2, devices=2, strategy="ddp", **options)
    both.fit(module, train, validation, ckpt_path=ckpt_path)
    write(module.visits, out / f"rank{both.global_rank}.jsonl")
    both.strategy.barrier()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
