"""Which faces a trainer was shown, by whom, in which epoch, and what their pixels were."""

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import faceshards

TRAIN, VAL = 21, 6
BATCH = 4
SEED = 3
VIEW = faceshards.Erase(n_regions=(1, 3), min_area=1)  # regions of the small stores are a few pixels each


class Visit(NamedTuple):
    """One face in one batch."""

    stage: str
    epoch: int
    rank: int
    sample_id: str
    pixels: str


class Seen(NamedTuple):
    """What there is to say of a face without a trainer."""

    sample_id: str
    pixels: str


def digest(image: Any) -> str:
    """Of the pixels, whatever holds them."""
    return hashlib.sha256(np.ascontiguousarray(image).tobytes()).hexdigest()[:16]


def visits_of(batch: Mapping[str, Any], stage: str, epoch: int, rank: int = 0) -> list[Visit]:
    assert len(batch["sample_id"]) == len(batch["image"])
    return [
        Visit(stage, epoch, rank, str(name), digest(image))
        for name, image in zip(batch["sample_id"], batch["image"], strict=True)
    ]


def epochs_of(visits: Iterable[Visit], stage: str = "train", rank: int = 0) -> dict[int, list[Seen]]:
    """What one process saw, by epoch, in the order in which it came."""
    epochs: dict[int, list[Seen]] = defaultdict(list)
    for visit in visits:
        if (visit.stage, visit.rank) == (stage, rank):
            epochs[visit.epoch].append(Seen(visit.sample_id, visit.pixels))
    return dict(epochs)


def ids(seen: Iterable[Seen | Visit]) -> list[str]:
    return [one.sample_id for one in seen]


def train_ids() -> list[str]:
    return [f"train-{row:04d}" for row in range(TRAIN)]


def val_ids() -> list[str]:
    return [f"val-{row:04d}" for row in range(VAL)]


def train_faces(shards: Path) -> faceshards.Dataset:
    """The training split, erased at every visit, as a map-style dataset."""
    return faceshards.open(shards, split="train", view=VIEW)


def train_loader(shards: Path, **options: Any) -> faceshards.Loader:
    """The loader whose epochs are those of `by_the_numpy_door`."""
    return faceshards.Loader(shards, BATCH, split="train", shuffle=True, view=VIEW, seed=SEED, **options)


def by_the_numpy_door(
    shards: Path, epoch: int, rank: int = 0, world_size: int = 1, *, view: Any = VIEW, shuffle: bool = True
) -> list[Seen]:
    """An epoch of the training split, read without torch."""
    faces = faceshards.open(shards, split="train", view=view)
    batches = faces.batches(
        BATCH, shuffle=shuffle, seed=SEED, epoch=epoch, rank=rank, world_size=world_size, uneven="pad"
    )
    return [Seen(v.sample_id, v.pixels) for batch in batches for v in visits_of(batch, "train", epoch)]


def assert_each_face_once(epoch: Sequence[Seen | Visit], expected: Sequence[str], padding: int = 0) -> None:
    """All faces and no other, nothing twice but for so many that fill up the last batches."""
    counts = Counter(ids(epoch))
    assert sorted(counts) == sorted(expected)
    assert sum(counts.values()) == len(expected) + padding
    assert max(counts.values()) <= (2 if padding else 1)


def assert_never_the_same_pixels_again(epochs: Mapping[int, Sequence[Seen]]) -> None:
    """What is erased of a face differs from epoch to epoch."""
    looks: dict[str, list[str]] = defaultdict(list)
    for epoch in epochs.values():
        for name, pixels in dict(epoch).items():
            looks[name].append(pixels)
    assert {len(looks) for looks in looks.values()} == {len(epochs)}
    assert [name for name, pixels in looks.items() if len(set(pixels)) < len(pixels)] == []


def assert_orders_differ(epochs: Mapping[int, Sequence[Seen]]) -> None:
    orders = [tuple(ids(epoch)) for epoch in epochs.values()]
    assert len(set(orders)) == len(orders)


def assert_whole_and_drawn_anew(epochs: Mapping[int, Sequence[Seen]], padding: int = 0) -> None:
    """Each epoch has all faces of the training split, in an order of its own and with other regions erased."""
    for epoch in epochs.values():
        assert_each_face_once(epoch, train_ids(), padding)
    assert_orders_differ(epochs)
    assert_never_the_same_pixels_again(epochs)


def together(visits: Iterable[Visit], stage: str = "train", ranks: Iterable[int] = (0, 1)) -> dict[int, list[Seen]]:
    """What all processes saw, by epoch."""
    visits = list(visits)
    of_each = [epochs_of(visits, stage, rank) for rank in ranks]
    return {number: [seen for epochs in of_each for seen in epochs[number]] for number in of_each[0]}


def assert_two_ranks_share(visits: Sequence[Visit], shards: Path, epochs: Iterable[int]) -> None:
    """Each rank saw what the numpy door gives it, and both together all faces; one of the 21 is shown twice."""
    expected = [{e: by_the_numpy_door(shards, e, rank, 2) for e in epochs} for rank in (0, 1)]
    assert [epochs_of(visits, rank=rank) for rank in (0, 1)] == expected
    assert_whole_and_drawn_anew(together(visits), padding=1)


def write(visits: Iterable[Visit], path: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join(json.dumps(visit) + "\n" for visit in visits))


def read(folder: Path) -> list[Visit]:
    """What all processes of a program wrote."""
    return [
        Visit(*json.loads(line)) for path in sorted(folder.glob("*.jsonl")) for line in path.read_text().splitlines()
    ]
