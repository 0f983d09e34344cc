"""`faceshards.open` in torch's own DataLoader and samplers: other draws at every visit, by torch's seed or by epoch."""

import pickle
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from stores import VARIANTS, build_faces, face_arrays, face_spec, sample_id

import faceshards

torch = pytest.importorskip("torch")

from torch.utils.data import DataLoader, WeightedRandomSampler  # noqa: E402 (after the skip)

FACES = 24
ERASE = faceshards.Erase(min_area=1)  # the stores' faces have 64 pixels

pytestmark = [pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")]
each_kind_of_worker = pytest.mark.parametrize(
    "how",
    [
        {},
        {"num_workers": 2},
        {"num_workers": 2, "persistent_workers": True},
        {"num_workers": 1, "persistent_workers": True, "multiprocessing_context": "spawn"},
    ],
    ids=["own", "fork", "persistent", "spawn"],
)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("store")
    return build_faces(root / "work", root / "out", face_spec({"train": FACES}))


@pytest.fixture
def erased(path: Path) -> faceshards.Dataset:
    return faceshards.open(path, view=ERASE)


def epoch_of(loader: Any) -> dict[str, bytes]:
    return {name: i.numpy().tobytes() for b in loader for name, i in zip(b["sample_id"], b["image"], strict=True)}


def by_epoch(faces: faceshards.Dataset, epoch: int) -> dict[str, bytes]:
    batch = faces.take(range(FACES), epoch=epoch)
    return {str(name): image.tobytes() for name, image in zip(batch["sample_id"], batch["image"], strict=True)}


def differing(one: dict[str, bytes], other: dict[str, bytes]) -> int:
    assert one.keys() == other.keys()
    return sum(one[name] != other[name] for name in one)


def test_a_dataset_goes_into_a_dataloader_as_it_is(path: Path) -> None:
    faces = faceshards.open(path)
    batches = list(DataLoader(faces, batch_size=8, num_workers=2))
    assert [i for b in batches for i in b["sample_id"]] == [sample_id("train", row) for row in range(FACES)]
    written = face_arrays("train", 0, FACES)
    for name in ("image", "region", "identity"):
        np.testing.assert_array_equal(torch.cat([b[name] for b in batches]).numpy(), written[name])


@each_kind_of_worker
def test_draws_differ_from_epoch_to_epoch(erased: faceshards.Dataset, how: dict[str, Any]) -> None:
    loader = DataLoader(erased, batch_size=6, **how)
    epochs = [epoch_of(loader) for _ in range(3)]
    assert [len(epoch) for epoch in epochs] == [FACES] * 3
    assert all(differing(epochs[a], epochs[b]) > FACES // 2 for a, b in ((0, 1), (1, 2), (0, 2)))


@each_kind_of_worker
def test_draws_follow_torchs_seed(erased: faceshards.Dataset, how: dict[str, Any]) -> None:
    runs = []
    again = {name: value for name, value in how.items() if name != "multiprocessing_context"}  # to spawn takes seconds
    for seed, options in ((3, how), (3, again), (4, again)):
        torch.manual_seed(seed)
        loader = DataLoader(erased, batch_size=6, **options)
        runs.append([epoch_of(loader), epoch_of(loader)])
    assert runs[0] == runs[1]
    assert differing(runs[0][0], runs[2][0]) > FACES // 2


@each_kind_of_worker
def test_an_epoch_that_is_set_reaches_the_workers_also_while_they_live(
    erased: faceshards.Dataset, how: dict[str, Any]
) -> None:
    loader = DataLoader(erased, batch_size=6, **how)
    epoch_of(loader)
    for epoch in (0, 1, 1, 5):
        erased.set_epoch(epoch)
        assert epoch_of(loader) == by_epoch(erased, epoch)


def test_a_face_that_is_drawn_twice_into_a_batch_is_erased_twice(erased: faceshards.Dataset) -> None:
    weights = [1.0] + [0.0] * (FACES - 1)
    (batch,) = DataLoader(erased, batch_size=12, sampler=WeightedRandomSampler(weights, 12))
    assert set(batch["sample_id"]) == {sample_id("train", 0)}
    assert len({image.numpy().tobytes() for image in batch["image"]}) > 6


def test_a_view_of_variants_shows_all_of_them_in_time(path: Path) -> None:
    faces = faceshards.open(path, view="variants")
    written = face_arrays("train", 0, FACES)["variant"]
    shown = {faces[0]["image"].tobytes() for _ in range(40)}
    assert shown == {written[0, k].tobytes() for k in range(VARIANTS)}


def test_without_torch_draws_follow_the_seed_of_python(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.delitem(sys.modules, "torch")
    faces = faceshards.open(path, view=ERASE)
    random.seed(1)
    first = [faces[3]["image"].tobytes() for _ in range(2)]
    random.seed(1)
    assert [faces[3]["image"].tobytes() for _ in range(2)] == first
    assert first[0] != first[1]


def test_seed_and_epoch_given_to_take_decide_alone(erased: faceshards.Dataset) -> None:
    erased.set_epoch(7)
    one, other = (erased.take([0, 1], seed=2, epoch=3)["image"] for _ in range(2))
    np.testing.assert_array_equal(one, other)
    assert (erased.take([0, 1], seed=3, epoch=3)["image"] != one).any()
    np.testing.assert_array_equal(erased.take([0], seed=2)["image"], erased.take([0], seed=2, epoch=0)["image"])


def test_a_copy_has_an_epoch_of_its_own(erased: faceshards.Dataset) -> None:
    erased.set_epoch(2)
    copied = pickle.loads(pickle.dumps(erased))  # noqa: S301 (our own)
    erased.set_epoch(3)
    np.testing.assert_array_equal(copied[:]["image"], erased.take(range(FACES), epoch=2)["image"])


def test_what_was_opened_says_what_is_shown(path: Path) -> None:
    faces = faceshards.open(path, view=ERASE, fields=["image", "erased"])
    assert set(faces[0]) == {"image", "erased"}
    assert set(next(faces.batches(4))) == {"image", "erased"}
    assert set(faces.take([0], view="original", fields=["region"])) == {"region"}
