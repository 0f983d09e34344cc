"""torchrun accelerate_two_processes.py SHARDS OUT: trains in every process through Accelerate."""

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from erasing_faces import ErasedFaces
from stores import IDENTITIES, SIDE
from torch.utils.data import DataLoader
from visits import BATCH, Visit, train_faces, train_loader, visits_of, write

import faceshards

EPOCHS = 3


class Training:
    """A linear net in the hands of an Accelerator."""

    def __init__(self, accelerator: Accelerator, out: Path) -> None:
        self.accelerator, self.out = accelerator, out
        net = torch.nn.Linear(SIDE * SIDE * 3, IDENTITIES)
        self.net, self.optimizer = accelerator.prepare(net, torch.optim.SGD(net.parameters(), lr=0.01))
        self.steps = 0

    def train(self, batches: Iterable[Any], epoch: int) -> list[Visit]:
        seen = []
        for batch in batches:
            with self.accelerator.accumulate(self.net):
                seen += visits_of(batch, "train", epoch, self.accelerator.process_index)
                logits = self.net(batch["image"].flatten(1) / 255)
                self.accelerator.backward(torch.nn.functional.cross_entropy(logits, batch["label"]))
                self.optimizer.step()
                self.optimizer.zero_grad()
                self.steps += self.accelerator.sync_gradients
        return seen

    def keep(self, name: str, visits: list[Visit]) -> None:
        write(visits, self.out / name / f"{self.accelerator.process_index}.jsonl")


def main(shards: Path, out: Path) -> None:
    accelerator = Accelerator(cpu=True, gradient_accumulation_steps=2)
    train(accelerator, shards, out)
    # A net that outlives its process group can hang torch 2.13 at exit: whoever frees the group last holds the GIL that
    # gloo's thread waits for.
    accelerator.free_memory()
    accelerator.end_training()


def train(accelerator: Accelerator, shards: Path, out: Path) -> None:
    training = Training(accelerator, out)
    loader = accelerator.prepare(train_loader(shards, num_workers=2))
    accelerator.register_for_checkpointing(loader)
    training.keep("loader", [visit for epoch in range(EPOCHS) for visit in training.train(loader, epoch)])
    (out / f"steps{accelerator.process_index}.txt").write_text(str(training.steps))

    batches = iter(loader)  # of epoch 3
    before = training.train([next(batches)], EPOCHS)
    accelerator.save_state(str(out / "state"))
    training.keep("whole", before + training.train(batches, EPOCHS))
    training.train(loader, EPOCHS + 1)
    accelerator.load_state(str(out / "state"))
    training.keep("resumed", before + training.train(loader, EPOCHS))

    validation = faceshards.Loader(shards, BATCH, split="val")
    names = [accelerator.gather_for_metrics(batch["sample_id"], use_gather_object=True) for batch in validation]
    (out / "gathered.txt").write_text("\n".join(name for batch in names for name in batch))

    for name, dataset in {"map_style": train_faces(shards), "fserasing": ErasedFaces(shards)}.items():
        prepared = accelerator.prepare(DataLoader(dataset, BATCH, shuffle=True, num_workers=2))
        training.keep(name, [visit for epoch in range(EPOCHS) for visit in training.train(prepared, epoch)])


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
