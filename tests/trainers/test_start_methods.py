"""Workers that are forked or spawned, of the loader and of a plain DataLoader over the faces."""

from pathlib import Path
from typing import Any

import pytest
import torch
from visits import (
    BATCH,
    assert_whole_and_drawn_anew,
    by_the_numpy_door,
    epochs_of,
    train_faces,
    train_loader,
    visits_of,
)

METHODS = pytest.mark.parametrize("method", ["fork", "spawn"])
EPOCHS = 3


def seen(loader: Any) -> dict[int, Any]:
    return epochs_of([v for epoch in range(EPOCHS) for batch in loader for v in visits_of(batch, "train", epoch)])


def options(method: str) -> dict[str, Any]:
    spawned = method == "spawn"  # which takes seconds a worker
    return {"num_workers": 1 if spawned else 2, "multiprocessing_context": method, "persistent_workers": spawned}


@METHODS
def test_the_loader_gives_what_one_process_gives(shards: Path, method: str) -> None:
    loader = train_loader(shards, **options(method))
    assert seen(loader) == {number: by_the_numpy_door(shards, number) for number in range(EPOCHS)}


@METHODS
def test_a_dataloader_over_the_faces_draws_anew_in_every_epoch(shards: Path, method: str) -> None:
    epochs = seen(torch.utils.data.DataLoader(train_faces(shards), BATCH, shuffle=True, **options(method)))
    assert_whole_and_drawn_anew(epochs)
