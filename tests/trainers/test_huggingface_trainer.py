"""`faceshards.Loader` and the faces themselves in Hugging Face's Trainer."""

from pathlib import Path
from typing import Any

import pytest
import torch
from marks import QUIET, WORKERS
from visits import (
    BATCH,
    assert_each_face_once,
    assert_never_the_same_pixels_again,
    assert_whole_and_drawn_anew,
    by_the_numpy_door,
    epochs_of,
    ids,
    train_faces,
    train_ids,
    train_loader,
    val_ids,
)

import faceshards

pytest.importorskip("transformers", reason="transformers is not installed")
pytest.importorskip("accelerate", reason="transformers' Trainer needs accelerate, which is not installed")
from erasing_faces import ErasedFaces
from huggingface_parts import Net, Recording, WithLoader, arguments

pytestmark = QUIET

STEPS = 6


def with_loader(shards: Path, folder: Path, workers: int = 0, **options: Any) -> WithLoader:
    train = train_loader(shards, num_workers=workers)
    val = faceshards.Loader(shards, BATCH, split="val", num_workers=workers)
    return WithLoader(train, val, model=Net(), args=arguments(folder, **options))


def with_faces(faces: Any, folder: Path, workers: int, **options: Any) -> Recording:
    args = arguments(folder, num_train_epochs=3, dataloader_num_workers=workers)
    keeps_ids = torch.utils.data.default_collate  # unlike the Trainer's own
    return Recording(model=Net(), args=args, train_dataset=faces, data_collator=keeps_ids, **options)


@WORKERS
def test_every_epoch_is_whole_and_is_the_epoch_of_its_number(shards: Path, tmp_path: Path, workers: int) -> None:
    trainer = with_loader(shards, tmp_path, workers, num_train_epochs=4, eval_strategy="epoch")
    trainer.train()
    epochs = epochs_of(trainer.visits)
    assert epochs == {number: by_the_numpy_door(shards, number) for number in range(4)}
    assert_never_the_same_pixels_again(epochs)
    assert [ids(epoch) for epoch in epochs_of(trainer.visits, "val").values()] == [val_ids()] * 4


def test_evaluating_three_times_shows_the_same_faces_three_times(shards: Path, tmp_path: Path) -> None:
    trainer = with_loader(shards, tmp_path)
    losses = [trainer.evaluate()["eval_loss"] for _ in range(3)]
    assert ids(epochs_of(trainer.visits, "val")[-1]) == val_ids() * 3
    assert losses[0] == losses[1] == losses[2]


@pytest.mark.parametrize("accumulated", [1, 2])
def test_a_training_goes_on_with_the_very_next_face_of_a_checkpoint(
    shards: Path, tmp_path: Path, accumulated: int
) -> None:
    options = {
        "num_train_epochs": 3,
        "gradient_accumulation_steps": accumulated,
        "save_strategy": "steps",
        "save_steps": 2 // accumulated,
        "ignore_data_skip": True,
    }
    whole = with_loader(shards, tmp_path, **options)
    whole.train()
    seen = [one for epoch in epochs_of(whole.visits).values() for one in epoch]
    assert len(seen) == 3 * len(train_ids())
    weights = whole.model.net.weight.detach().clone()
    for batches, done in {2: 8, 6: 21, 8: 29}.items():
        again = with_loader(shards, tmp_path, **options | {"save_strategy": "no"})
        again.train(resume_from_checkpoint=str(tmp_path / f"checkpoint-{batches // accumulated}"))
        assert [one for epoch in epochs_of(again.visits).values() for one in epoch] == seen[done:]
        assert again.state.global_step == whole.state.global_step == 3 * STEPS // accumulated
        assert torch.equal(again.model.net.weight, weights)


def test_a_resume_that_would_skip_batches_from_outside_is_refused_in_words(shards: Path, tmp_path: Path) -> None:
    options = {"num_train_epochs": 2, "save_strategy": "steps", "save_steps": 2}
    with_loader(shards, tmp_path, **options).train()
    with pytest.raises(ValueError, match="ignore_data_skip=True"):
        with_loader(shards, tmp_path, **options).train(resume_from_checkpoint=str(tmp_path / "checkpoint-2"))


@WORKERS
def test_the_faces_as_train_dataset_come_in_other_orders_with_other_pixels(
    shards: Path, tmp_path: Path, workers: int
) -> None:
    trainer = with_faces(train_faces(shards), tmp_path, workers, eval_dataset=faceshards.open(shards, split="val"))
    trainer.train()
    epochs = epochs_of(trainer.visits)
    assert_whole_and_drawn_anew(epochs)
    trainer.visits.clear()
    trainer.evaluate()
    assert ids(trainer.visits) == val_ids()


@WORKERS
def test_fserasing_in_a_compose_draws_for_every_face_worker_and_epoch_anew(
    shards: Path, tmp_path: Path, workers: int
) -> None:
    trainer = with_faces(ErasedFaces(shards), tmp_path, workers)
    trainer.train()
    for epoch in epochs_of(trainer.visits).values():
        assert_each_face_once(epoch, train_ids())
    assert len({visit.pixels for visit in trainer.visits}) == len(trainer.visits) == 3 * len(train_ids())
