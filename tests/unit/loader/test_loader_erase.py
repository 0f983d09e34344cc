"""The view that erases on the fly."""

import numpy as np
import pytest
from stores import ARRAYS, build_faces, face_arrays, face_spec

import faceshards
from faceshards import Erase
from faceshards.errors import ParamsError
from faceshards.maps import pixels_of
from faceshards.regions import Region

TRAIN = face_arrays("train", 0, 21)
SOME = Erase(n_regions=(1, 3), classes={"nose": 1, "hair": 2, "mouth": 1}, min_area=2, fill=(1, 2, 3))


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> faceshards.Dataset:
    root = tmp_path_factory.mktemp("store")
    return faceshards.open(build_faces(root / "work", root / "out", face_spec(arrays=ARRAYS[:2])))


def test_exactly_the_regions_of_the_mask_are_filled(faces: faceshards.Dataset) -> None:
    batch = faces.take(range(21), view=SOME)
    assert set(batch) == {"sample_id", "identity", "label", "image", "region", "erased"}
    gone = pixels_of(TRAIN["region"], batch["erased"])
    assert 0 < gone.mean() < 0.5
    np.testing.assert_array_equal(batch["image"][~gone], TRAIN["image"][~gone])
    assert (batch["image"][gone] == (1, 2, 3)).all()


def test_only_what_may_be_erased_is_and_only_where_it_is_large_enough(faces: faceshards.Dataset) -> None:
    allowed = {int(Region.NOSE), int(Region.HAIR), int(Region.MOUTH)}
    for epoch in range(5):
        for mask, regions in zip(faces.take(range(21), view=SOME, epoch=epoch)["erased"], TRAIN["region"], strict=True):
            gone = {r for r in range(25) if mask >> r & 1}
            assert gone <= {r for r in allowed if (regions == r).sum() >= 2}


def test_every_epoch_draws_anew_and_a_seed_repeats_it(faces: faceshards.Dataset) -> None:
    def shown(seed: int, epoch: int) -> np.ndarray:
        batches = faces.batches(21, view=Erase(min_area=1), seed=seed, epoch=epoch, fields=["image"])
        return np.concatenate([batch["image"] for batch in batches])

    assert (shown(0, 0) == shown(0, 0)).all()
    for other in (shown(0, 1), shown(1, 0)):
        assert (shown(0, 0) != other).any()


def test_what_is_not_asked_for_is_not_handed_out(faces: faceshards.Dataset) -> None:
    assert list(faces.take([0], view="erase", fields=["image"])) == ["image"]
    assert list(faces.take([0], view="erase", fields=["erased"])) == ["erased"]
    np.testing.assert_array_equal(faces.take([3], view="erase", fields=["region"])["region"], TRAIN["region"][3:4])


def test_a_store_without_regions_says_so(tmp_path_factory: pytest.TempPathFactory) -> None:
    root = tmp_path_factory.mktemp("store")
    faces = faceshards.open(build_faces(root / "work", root / "out", face_spec(arrays=ARRAYS[:1])))
    with pytest.raises(ParamsError, match="holds no region; use the erase stage's store"):
        faces.batches(2, view="erase")
