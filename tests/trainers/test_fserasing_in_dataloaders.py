"""`FSErasing` inside `v2.Compose`, in a dataset that people write themselves: torch's DataLoader, and Lightning."""

from pathlib import Path
from typing import Any

import pytest
import torch
from marks import QUIET
from visits import BATCH, Visit, assert_each_face_once, epochs_of, train_ids, visits_of

pytest.importorskip("torchvision", reason="torchvision is not installed")
from erasing_faces import ErasedFaces

EPOCHS = 3
DATALOADERS = pytest.mark.parametrize(
    "options",
    [
        {},
        {"num_workers": 2},
        {"num_workers": 2, "persistent_workers": True},
    ],
    ids=["in this process", "workers", "live workers"],
)


def dataloader(shards: Path, options: dict[str, Any]) -> torch.utils.data.DataLoader[Any]:
    return torch.utils.data.DataLoader(ErasedFaces(shards), BATCH, shuffle=True, **options)


def assert_all_drawn_anew(visits: list[Visit]) -> None:
    """Every face has the same picture, so two that were drawn alike are alike."""
    epochs = epochs_of(visits)
    assert len(epochs) == EPOCHS
    for epoch in epochs.values():
        assert_each_face_once(epoch, train_ids())
    assert len({visit.pixels for visit in visits}) == len(visits)


@DATALOADERS
def test_a_dataloader_shows_other_pixels_from_every_worker_and_in_every_epoch(
    shards: Path, options: dict[str, Any]
) -> None:
    loader = dataloader(shards, options)
    visits = [v for epoch in range(EPOCHS) for batch in loader for v in visits_of(batch, "train", epoch)]
    assert_all_drawn_anew(visits)


@QUIET
@pytest.mark.parametrize("options", [{}, {"num_workers": 2}], ids=["in this process", "workers"])
def test_under_lightning_too(shards: Path, tmp_path: Path, options: dict[str, Any]) -> None:
    pytest.importorskip("lightning", reason="lightning is not installed")
    from lightning_parts import Recorder, trainer

    module = Recorder()
    trainer(tmp_path, max_epochs=EPOCHS).fit(module, dataloader(shards, options))
    assert_all_drawn_anew(module.visits)
