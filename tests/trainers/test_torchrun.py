"""A hand-written training loop that torchrun starts twice."""

from pathlib import Path

import pytest
from programs import torchrun
from visits import (
    assert_two_ranks_share,
    epochs_of,
    ids,
    read,
    train_ids,
    val_ids,
)

RANKS = (0, 1)


def train(shards: Path, out: Path) -> None:
    torchrun("torchrun_plain.py", shards, out)


@pytest.mark.parametrize("found_in", ["environment", "distributed", "numpy"])
def test_the_loader_finds_its_rank_and_the_ranks_share_every_epoch(found_in: str, trained: Path, shards: Path) -> None:
    assert_two_ranks_share(read(trained / found_in), shards, epochs=(0, 1))


def test_ranks_that_are_given_by_hand_win(trained: Path) -> None:
    visits = read(trained / "by_hand")
    assert ids(epochs_of(visits, rank=1)[0]) == train_ids()[:11]
    assert ids(epochs_of(visits, rank=0)[0]) == [*train_ids()[11:], train_ids()[0]]


def test_a_rank_can_be_told_to_read_everything(trained: Path) -> None:
    visits = read(trained / "alone")
    assert [ids(epochs_of(visits, "val", rank)[0]) for rank in RANKS] == [val_ids()] * 2
