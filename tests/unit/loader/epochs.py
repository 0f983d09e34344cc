"""The loader that the tests of epochs, positions and arguments share: erased faces in an order of their own."""

from collections.abc import Iterable
from typing import Any

import pytest

import faceshards

FACES = 40
BATCH = 6
BATCHES = 7
ERASE = faceshards.Erase(min_area=1)  # the stores' faces have 64 pixels

WORKERS_START = [
    pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*worker processes in total:UserWarning"),  # more than this machine has cores
]


each_kind_of_worker = pytest.mark.parametrize(
    "how",
    [{}, {"num_workers": 2}, {"num_workers": 2, "persistent_workers": True}],
    ids=["own", "workers", "persistent"],
)


def loader(faces: faceshards.Dataset, **options: Any) -> faceshards.Loader:
    return faceshards.Loader(faces, BATCH, **{"shuffle": True, "view": ERASE, "seed": 5} | options)


def seen(batches: Iterable[dict[str, Any]]) -> list[tuple[str, bytes]]:
    """Who was seen, and how."""
    return [
        (name, image.numpy().tobytes())
        for batch in batches
        for name, image in zip(batch["sample_id"], batch["image"], strict=True)
    ]


def numbered(faces: faceshards.Dataset, epoch: int) -> list[tuple[str, bytes]]:
    """What an epoch must be."""
    return [
        (str(name), image.tobytes())
        for batch in faces.batches(BATCH, shuffle=True, view=ERASE, seed=5, epoch=epoch)
        for name, image in zip(batch["sample_id"], batch["image"], strict=True)
    ]
