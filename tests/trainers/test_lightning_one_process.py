"""`faceshards.Loader` under Lightning's own loops, in one process."""

from pathlib import Path
from typing import Any

import pytest

lightning = pytest.importorskip("lightning", reason="lightning is not installed")
from lightning.pytorch.callbacks import ModelCheckpoint  # noqa: E402
from lightning_parts import Recorder, trainer  # noqa: E402
from marks import QUIET  # noqa: E402
from visits import (  # noqa: E402
    BATCH,
    VIEW,
    Seen,
    assert_whole_and_drawn_anew,
    by_the_numpy_door,
    epochs_of,
    ids,
    train_ids,
    train_loader,
    val_ids,
)

import faceshards  # noqa: E402

STEPS = 6  # 21 faces in batches of 4

pytestmark = QUIET


def val_loader(shards: Path, **options: Any) -> Any:
    return faceshards.Loader(shards, BATCH, split="val", **options)


WORKERS = pytest.mark.parametrize(
    "workers", [{}, {"num_workers": 2}, {"num_workers": 2, "persistent_workers": True}], ids=["none", "two", "live"]
)


@WORKERS
def test_every_one_of_six_epochs_is_whole_and_is_the_epoch_of_its_number(
    shards: Path, tmp_path: Path, workers: dict[str, Any]
) -> None:
    module = Recorder()
    trainer(tmp_path, max_epochs=6).fit(module, train_loader(shards, **workers), val_loader(shards, **workers))
    epochs = epochs_of(module.visits)
    assert epochs == {number: by_the_numpy_door(shards, number) for number in range(6)}
    assert_whole_and_drawn_anew(epochs)
    validated = epochs_of(module.visits, "val 0")
    assert [ids(validated[number]) for number in range(6)] == [val_ids()] * 6
    assert ids(epochs_of(module.visits, "sanity")[0]) == val_ids()  # two batches


def test_a_second_fit_with_the_same_loader_begins_at_the_epoch_that_its_trainer_is_in(
    shards: Path, tmp_path: Path
) -> None:
    loader, module = train_loader(shards), Recorder()
    trainer(tmp_path, max_epochs=2).fit(Recorder(), loader)
    trainer(tmp_path, max_epochs=1).fit(module, loader)
    assert epochs_of(module.visits) == {0: by_the_numpy_door(shards, 0)}


def test_validating_three_times_shows_the_same_faces_three_times(shards: Path, tmp_path: Path) -> None:
    module, loader, validating = Recorder(), val_loader(shards), trainer(tmp_path)
    seen = []
    for _ in range(3):
        module.visits.clear()
        validating.validate(module, loader, verbose=False)
        seen.append(epochs_of(module.visits, "val 0")[0])
    assert ids(seen[0]) == val_ids()
    assert seen[0] == seen[1] == seen[2]


def test_predicting_shows_every_face(shards: Path, tmp_path: Path) -> None:
    module = Recorder()
    trainer(tmp_path).predict(module, val_loader(shards))
    assert ids(epochs_of(module.visits, "predict")[0]) == val_ids()


def test_validation_with_a_fixed_epoch_erases_the_same_pixels_whatever_epoch_the_training_is_in(
    shards: Path, tmp_path: Path
) -> None:
    module = Recorder()
    trainer(tmp_path, max_epochs=3).fit(module, train_loader(shards), val_loader(shards, view=VIEW, epoch=0))
    validated = epochs_of(module.visits, "val 0")
    assert ids(validated[0]) == val_ids()
    assert validated[0] == validated[1] == validated[2]
    whole = Recorder()
    trainer(tmp_path).validate(whole, val_loader(shards), verbose=False)
    assert not set(validated[0]) & set(epochs_of(whole.visits, "val 0")[0])


def test_two_validation_loaders_are_both_whole_in_every_epoch(shards: Path, tmp_path: Path) -> None:
    module = Recorder()
    also = faceshards.Loader(shards, 5, split="train")
    trainer(tmp_path, max_epochs=3).fit(module, train_loader(shards), [val_loader(shards), also])
    for epoch in range(3):
        assert ids(epochs_of(module.visits, "val 0")[epoch]) == val_ids()
        assert ids(epochs_of(module.visits, "val 1")[epoch]) == train_ids()


@WORKERS
def test_epochs_that_are_cut_short_begin_anew(shards: Path, tmp_path: Path, workers: dict[str, Any]) -> None:
    module = Recorder()
    cut = trainer(tmp_path, max_epochs=3, limit_train_batches=2, limit_val_batches=1)
    cut.fit(module, train_loader(shards, **workers), val_loader(shards, **workers))
    expected = {number: by_the_numpy_door(shards, number)[: 2 * BATCH] for number in range(3)}
    assert epochs_of(module.visits) == expected
    assert [ids(epoch) for epoch in epochs_of(module.visits, "val 0").values()] == [val_ids()[:BATCH]] * 3


def test_validation_in_the_middle_of_an_epoch_leaves_the_epoch_alone(shards: Path, tmp_path: Path) -> None:
    module = Recorder()
    trainer(tmp_path, max_epochs=2, val_check_interval=2).fit(module, train_loader(shards), val_loader(shards))
    assert epochs_of(module.visits) == {number: by_the_numpy_door(shards, number) for number in range(2)}
    assert ids(epochs_of(module.visits, "val 0")[0]) == val_ids() * 3


def test_a_loader_that_is_made_anew_in_every_epoch_goes_on(shards: Path, tmp_path: Path) -> None:
    class Reloading(Recorder):
        def train_dataloader(self) -> Any:
            return train_loader(shards)

    module = Reloading()
    trainer(tmp_path, max_epochs=3, reload_dataloaders_every_n_epochs=1).fit(module)
    assert epochs_of(module.visits) == {number: by_the_numpy_door(shards, number) for number in range(3)}


def checkpoints(folder: Path, shards: Path, options: dict[str, Any], workers: dict[str, Any]) -> dict[int, list[Seen]]:
    """Train two epochs and save after each step; what was seen."""
    module = Recorder()
    keeping = ModelCheckpoint(folder, filename="{step}", every_n_train_steps=1, save_top_k=-1)
    trainer(folder, max_epochs=2, callbacks=[keeping], **options).fit(
        module, train_loader(shards, **workers), val_loader(shards)
    )
    assert len(list(folder.glob("*.ckpt"))) == 2 * STEPS
    return epochs_of(module.visits)


def resumed(folder: Path, shards: Path, step: int, options: dict[str, Any], workers: dict[str, Any]) -> list[Seen]:
    module = Recorder()
    again = trainer(folder, max_epochs=2, **options)
    again.fit(module, train_loader(shards, **workers), val_loader(shards), ckpt_path=str(folder / f"step={step}.ckpt"))
    return [seen for epoch in epochs_of(module.visits).values() for seen in epoch]


@pytest.mark.parametrize("options", [{}, {"max_steps": 2 * STEPS}], ids=["by epochs", "by steps"])
@WORKERS
def test_a_training_that_was_stopped_after_any_step_goes_on_with_the_very_next_face(
    shards: Path, tmp_path: Path, options: dict[str, Any], workers: dict[str, Any]
) -> None:
    whole = [seen for epoch in checkpoints(tmp_path, shards, options, workers).values() for seen in epoch]
    assert len(whole) == 2 * len(train_ids())
    for step, done in {2: 8, 5: 20, 6: 21, 8: 21 + 8}.items():
        assert resumed(tmp_path, shards, step, options, workers) == whole[done:]


def test_a_checkpoint_of_an_epochs_end_goes_on_with_the_next_epoch(shards: Path, tmp_path: Path) -> None:
    keeping = ModelCheckpoint(tmp_path, filename="{epoch}", save_top_k=-1)
    trainer(tmp_path, max_epochs=3, callbacks=[keeping]).fit(Recorder(), train_loader(shards))
    module = Recorder()
    trainer(tmp_path, max_epochs=5).fit(module, train_loader(shards), ckpt_path=str(tmp_path / "epoch=1.ckpt"))
    assert epochs_of(module.visits) == {number: by_the_numpy_door(shards, number) for number in (2, 3, 4)}


def test_a_few_batches_to_overfit_on_are_a_fixed_epoch_cut_short(shards: Path, tmp_path: Path) -> None:
    module = Recorder()
    trainer(tmp_path, max_epochs=3, limit_train_batches=2).fit(module, train_loader(shards, epoch=0))
    few = by_the_numpy_door(shards, 0)[: 2 * BATCH]
    assert epochs_of(module.visits) == dict.fromkeys(range(3), few)


def test_overfit_batches_which_would_swap_the_loader_for_one_of_its_own_is_refused(
    shards: Path, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match="needs to subclass"):
        trainer(tmp_path, max_epochs=1, overfit_batches=2).fit(Recorder(), train_loader(shards))
