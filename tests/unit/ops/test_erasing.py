"""What is erased, said in one vocabulary: the same answers for a loader's view and for every transform."""

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import stores
import torch

import faceshards
from faceshards import rng
from faceshards.errors import FaceError, FaceShardsError, FaceTypeError, ParamsError, UnknownRegionError
from faceshards.ops.arguments import FACE_REGIONS
from faceshards.ops.choice import RegionChoice
from faceshards.ops.erasing import Erase
from faceshards.regions import Region


def transform(**options: Any) -> object:
    from faceshards.transforms import FSErasing  # here, after tests/unit/transforms/conftest.py has seen to torchvision

    return FSErasing(**options)


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"n_regions": 0}, "n_regions must be a whole number from 1 to 25"),
    ({"n_regions": 26}, "n_regions must be a whole number from 1 to 25"),
    ({"n_regions": 2.5}, "n_regions .*found 2.5"),
    ({"n_regions": 2.0}, "n_regions"),
    ({"n_regions": True}, "n_regions"),
    ({"n_regions": "2"}, "n_regions"),
    ({"n_regions": None}, "n_regions"),
    ({"n_regions": (3, 2)}, r"n_regions must be \(least, greatest\)"),
    ({"n_regions": (0, 2)}, "n_regions"),
    ({"n_regions": (1, 2, 3)}, "n_regions"),
    ({"n_regions": (1,)}, "n_regions"),
    ({"n_regions": torch.tensor(True)}, "n_regions"),
    ({"n_regions": (True, 2)}, "n_regions"),
    ({"n_regions": (1, float("nan"))}, "n_regions"),
    ({"classes": "nose"}, "classes must be a list of names or ids.*found 'nose'"),
    ({"classes": b"nose"}, "classes must be a list"),
    ({"classes": 10}, "classes must be a list"),
    ({"classes": []}, "classes leaves nothing to erase"),
    ({"classes": {"nose": 0}}, "classes leaves nothing to erase"),
    ({"classes": {"nose": -1}}, "classes: the probability of nose must be 0 or more, found -1"),
    ({"classes": {"nose": float("nan")}}, "classes: the probability of nose must be a finite number"),
    ({"classes": {"nose": float("inf")}}, "classes: the probability of nose"),
    ({"classes": {"nose": True}}, "classes: the probability of nose"),
    ({"classes": {"nose": "1"}}, "classes: the probability of nose"),
    ({"classes": {"nose": 10**400}}, "classes: the probability of nose"),
    ({"classes": {"nose": 1, Region.NOSE: 2}}, "classes has nose twice"),
    ({"classes": ["nose", 10]}, "classes has nose twice"),
    ({"min_area": 0}, "min_area must be 1 or more"),
    ({"min_area": -1}, "min_area must be 1 or more"),
    ({"min_area": True}, "min_area must be a whole number"),
    ({"min_area": 1.5}, "min_area must be a whole number"),
    ({"min_area": None}, "min_area must be a whole number"),
]
UNKNOWN = [["noze"], {"noze": 1}, [25], [30], [-1], [255], [10.0], [True], [None], {30: 1}, [["nose"]]]


@pytest.mark.parametrize("door", [Erase, RegionChoice.of, transform])
@pytest.mark.parametrize(("options", "message"), WRONG)
def test_what_cannot_be_is_named_alike_by_all(
    door: Callable[..., object], options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ParamsError, match=message):
        door(**options)


@pytest.mark.parametrize("door", [Erase, transform])
@pytest.mark.parametrize("classes", UNKNOWN)
def test_unknown_regions_are_an_error_of_params(door: Callable[..., object], classes: Any) -> None:
    with pytest.raises(UnknownRegionError, match=r"classes: .* is no region; expected ids from 0 to 24, or names: "):
        door(classes=classes)
    assert issubclass(UnknownRegionError, ParamsError)
    assert issubclass(ParamsError, FaceShardsError)
    assert issubclass(ParamsError, ValueError)


@pytest.mark.parametrize(
    "fill",
    [
        "mean",
        "blur",
        "noise",
        0,
        0.5,
        None,
        (0, 0, 256),
        (0, 0, -1),
        (0, 0),
        (0, 0, 0.5),
        (0, 0, True),
        np.array(3),
        np.zeros((3, 1)),
        b"abc",
        ["a", "b", "c"],
    ],
)
def test_a_fill_of_arrays_is_noise_or_a_colour(fill: Any) -> None:
    with pytest.raises(ParamsError, match=r"fill must be random, random_1, random_mix, or a colour"):
        Erase(fill=fill)


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ({"n_regions": 2}, {"n_regions": (2, 2)}),
        ({"n_regions": np.int64(2)}, {"n_regions": (2, 2)}),
        ({"n_regions": np.array(2)}, {"n_regions": (2, 2)}),
        ({"n_regions": torch.tensor(2)}, {"n_regions": (2, 2)}),
        ({"classes": pd.Series({"nose": 2, "mouth": 1})}, {"classes": {"nose": 2, "mouth": 1}}),
        ({"n_regions": [1, np.int8(3)]}, {"n_regions": (1, 3)}),
        ({"n_regions": np.array([1, 3])}, {"n_regions": (1, 3)}),
        ({"classes": None}, {"classes": [region.label for region in FACE_REGIONS]}),
        ({"classes": {17, "nose"}}, {"classes": {"nose": 1, "mouth": 1}}),
        ({"classes": (r for r in (Region.MOUTH, np.uint8(10)))}, {"classes": {"mouth": 1, "nose": 1}}),
        ({"classes": {np.int32(10): np.float32(2), "mouth": 0}}, {"classes": {"nose": 2, "mouth": 0}}),
        ({"fill": [1, 2, 3]}, {"fill": (1, 2, 3)}),
        ({"fill": np.array([1, 2, 3], np.uint8)}, {"fill": (1, 2, 3)}),
        ({"min_area": np.uint8(1)}, {"min_area": 1}),
    ],
)
def test_what_is_said_in_one_way_or_another_means_the_same(said: dict[str, Any], meant: dict[str, Any]) -> None:
    erase = Erase(**said)
    assert erase == Erase(**meant)
    assert hash(erase) == hash(Erase(**meant))
    assert pickle.loads(pickle.dumps(Erase(**meant))) == Erase(**meant)  # noqa: S301 - our own


def test_it_erases_in_place_and_tells_what_went() -> None:
    regions = np.full((2, 8, 8), Region.HAIR, np.uint8)
    regions[:, 2:5] = Region.NOSE
    images = np.full((2, 8, 8, 3), 7, np.uint8)
    masks = Erase(1, ["nose", "mouth"], (1, 2, 3)).apply(images, regions, rng.sample_keys(["a", "b"]))
    assert masks.tolist() == [1 << Region.NOSE] * 2
    nose = regions == Region.NOSE
    assert (images[nose] == (1, 2, 3)).all()
    assert (images[~nose] == 7).all()


def faces(dtype: type = np.uint8) -> dict[str, Any]:
    return {
        "images": np.full((2, 8, 8, 3), 7, np.uint8),
        "regions": np.full((2, 8, 8), 10, dtype),
        "keys": rng.sample_keys(["a", "b"]),
    }


@pytest.mark.parametrize(("dtype", "wrong"), [(np.uint8, 25), (np.uint8, 254), (np.int64, 256 + 10), (np.int8, -1)])
def test_ids_of_no_region_are_refused_and_nothing_is_erased(dtype: type, wrong: int) -> None:
    given = faces(dtype)
    given["regions"][1, 3, 4] = wrong
    with pytest.raises(FaceError, match=f"found {wrong}: turn the classes of another scheme"):
        Erase(1).apply(**given)
    assert (given["images"] == 7).all()


@pytest.mark.parametrize("dtype", [np.int64, np.uint16, np.int8])
def test_maps_of_any_integer_dtype_lose_the_same(dtype: type) -> None:
    given, as_bytes = faces(dtype), faces()
    assert Erase(1).apply(**given).tolist() == Erase(1).apply(**as_bytes).tolist() == [1 << Region.NOSE] * 2
    assert np.array_equal(given["images"], as_bytes["images"])


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        ({"images": np.zeros((2, 3, 8, 8), np.uint8)}, FaceError, r"channels last.* found images \(2, 3, 8, 8\) uint8"),
        ({"images": np.zeros((2, 8, 8, 4), np.uint8)}, FaceError, "channels last"),
        ({"images": np.zeros((8, 8, 3), np.uint8)}, FaceError, "expected images"),
        ({"images": np.zeros((2, 8, 8, 3), np.float32)}, FaceTypeError, "images must be uint8"),
        ({"images": np.zeros((2, 8, 3, 8), np.uint8).transpose(0, 1, 3, 2)}, FaceError, "must be C-contiguous"),
        ({"images": np.broadcast_to(np.uint8(0), (2, 8, 8, 3))}, FaceError, r"give images\.copy\(\)"),
        ({"regions": np.zeros((2, 4, 16), np.uint8)}, FaceError, "expected images"),
        ({"regions": np.zeros((2, 8, 8, 1), np.uint8)}, FaceError, "expected images"),
        ({"regions": np.zeros((2, 8, 8), np.float32)}, FaceTypeError, "integer dtype"),
        ({"regions": [[0]]}, FaceTypeError, "regions must be an array of numpy, found list"),
        ({"keys": np.zeros(1, np.uint64)}, FaceError, r"keys \(B,\); found"),
        ({"keys": np.zeros(2, np.int64)}, FaceTypeError, "keys uint64"),
    ],
)
def test_arrays_that_do_not_belong_together_are_refused(wrong: dict[str, Any], error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        Erase(1).apply(**(faces() | wrong))


def test_a_view_of_a_store_of_another_scheme_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    as_they_are = stores.face_arrays

    def of_another_scheme(*which: Any) -> dict[str, Any]:
        arrays = as_they_are(*which)
        return arrays | {"region": np.full_like(arrays["region"], 30)}

    monkeypatch.setattr(stores, "face_arrays", of_another_scheme)
    store = stores.build_faces(tmp_path / "work", tmp_path / "faces")
    with pytest.raises(FaceError, match="ids from 0 to 24, or 255 for no region; found 30"):
        next(iter(faceshards.Loader(store, 8, view=Erase())))


@pytest.mark.parametrize("weight", [1e-320, 1e-308, 1e-30, 1.0, 1e300])
def test_only_the_ratio_of_probabilities_counts(weight: float) -> None:
    regions = np.tile(np.repeat(np.array([Region.NOSE, Region.MOUTH], np.uint8), 32).reshape(8, 8), (2000, 1, 1))
    choice = RegionChoice.of(1, {"nose": weight, "mouth": weight})
    masks, _ = choice.draw(np.arange(2000, dtype=np.uint64), regions)
    same, _ = RegionChoice.of(1, ["nose", "mouth"]).draw(np.arange(2000, dtype=np.uint64), regions)
    assert np.array_equal(masks, same)
    assert 0.45 < (masks == 1 << Region.NOSE).mean() < 0.55


def test_a_probability_of_next_to_nothing_beside_one_is_drawn_last() -> None:
    regions = np.tile(np.repeat(np.array([Region.NOSE, Region.MOUTH], np.uint8), 32).reshape(8, 8), (99, 1, 1))
    masks, _ = RegionChoice.of(1, {"nose": 1e-320, "mouth": 1}).draw(np.arange(99, dtype=np.uint64), regions)
    assert (masks == 1 << Region.MOUTH).all()
