"""`faceshards.Loader` and plain DataLoaders in the hands of Accelerate, in two processes over gloo."""

from pathlib import Path

import pytest
from programs import as_two_ranks
from visits import (
    assert_each_face_once,
    assert_two_ranks_share,
    assert_whole_and_drawn_anew,
    read,
    together,
    train_ids,
    val_ids,
)

pytest.importorskip("accelerate", reason="accelerate is not installed")

RANKS = (0, 1)


def train(shards: Path, out: Path) -> None:
    as_two_ranks("accelerate_two_processes.py", shards, out, imports=["accelerate", "torchvision.transforms.v2"])


def test_a_prepared_loader_is_shared_by_the_ranks_once(trained: Path, shards: Path) -> None:
    assert_two_ranks_share(read(trained / "loader"), shards, epochs=(0, 1, 2))


def test_gradients_accumulate_over_two_batches_whatever_the_epoch_they_are_of(trained: Path) -> None:
    assert [(trained / f"steps{rank}.txt").read_text() for rank in RANKS] == ["4", "4"]  # 3 epochs of 3 batches


def test_load_state_goes_on_in_the_middle_of_an_epoch(trained: Path) -> None:
    whole, again = read(trained / "whole"), read(trained / "resumed")
    assert again == whole
    assert_each_face_once(together(whole)[3], train_ids(), padding=1)


def test_gathered_for_metrics_are_all_faces_of_the_validation(trained: Path) -> None:
    gathered = (trained / "gathered.txt").read_text().split()
    assert sorted(gathered) == val_ids()


def test_a_prepared_dataloader_over_the_faces_is_shared_once(trained: Path) -> None:
    # Accelerate fills up the last batch of the second process.
    assert_whole_and_drawn_anew(together(read(trained / "map_style")), padding=3)


def test_fserasing_in_a_compose_draws_for_every_face_of_every_process_worker_and_epoch_anew(trained: Path) -> None:
    visits = read(trained / "fserasing")
    for epoch in together(visits).values():
        assert_each_face_once(epoch, train_ids(), padding=3)
    assert len({visit.pixels for visit in visits}) == len(visits) == 3 * 24
