"""`faceshards.Loader` and a plain DataLoader under Lightning's DDP, over gloo."""

from pathlib import Path

import pytest
from programs import HERE, run
from visits import (
    BATCH,
    assert_each_face_once,
    assert_two_ranks_share,
    assert_whole_and_drawn_anew,
    epochs_of,
    read,
    together,
    val_ids,
)

pytest.importorskip("lightning", reason="lightning is not installed")

RANKS = (0, 1)


def train(shards: Path, out: Path) -> None:
    run([HERE / "lightning_two_processes.py", shards, out])


def test_the_ranks_share_every_epoch_and_nothing_is_seen_twice_but_the_padding(trained: Path, shards: Path) -> None:
    assert_two_ranks_share(read(trained / "loader"), shards, epochs=(0, 1))


def test_the_ranks_share_the_validation(trained: Path) -> None:
    visits = read(trained / "loader")
    for number in (0, 1):
        assert_each_face_once([v for v in visits if (v.stage, v.epoch) == ("val 0", number)], val_ids())
        assert [len(epochs_of(visits, "val 0", rank)[number]) for rank in RANKS] == [3, 3]


def test_both_ranks_go_on_where_the_checkpoint_of_the_first_was_taken(trained: Path) -> None:
    before, after = read(trained / "loader"), read(trained / "resumed")
    for rank in RANKS:
        whole = epochs_of(before, rank=rank)[1]
        assert epochs_of(after, rank=rank) == {
            1: whole[BATCH:]
        }  # three batches an epoch: step 4 is the first of epoch 1


def test_a_dataloader_over_the_faces_is_shared_once(trained: Path) -> None:
    visits = read(trained / "map_style")
    assert_whole_and_drawn_anew(together(visits), padding=1)
    for rank in RANKS:
        assert [len(epoch) for epoch in epochs_of(visits, rank=rank).values()] == [11, 11]
