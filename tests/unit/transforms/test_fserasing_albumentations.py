import copy
import io
import json
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, Dataset

from faceshards.errors import FaceError, FaceTypeError, ParamsError
from faceshards.ops.erase import erase
from faceshards.regions import Region

A = pytest.importorskip("albumentations", reason="albumentations is not installed")

from faceshards.transforms.albumentations import FSErasing  # noqa: E402 - not without albumentations

ARGUMENTS = [
    {},
    {"p": 1, "n_regions": 2, "classes": ["nose", 17], "fill": (1, 2, 3), "min_area": 100},
    {"n_regions": np.array([2, 3]), "classes": {np.int64(10): np.float32(0.5), Region.MOUTH: 2}, "fill": "random_mix"},
    {"n_regions": [1, 25], "classes": range(25), "fill": np.array([0, 255, 0], np.uint8), "min_area": np.int32(1)},
]


@pytest.fixture
def face() -> dict[str, np.ndarray]:
    mask = np.repeat(np.array([0, 10, 17, 21], np.uint8), 8)[:, None].repeat(30, 1)
    return {"image": np.full((32, 30, 3), 7, np.uint8), "mask": mask}


def arguments_of(erasing: FSErasing) -> dict[str, Any]:
    return {
        "p": erasing.p,
        "choice": str(erasing.choice),
        "weights": erasing.choice.weights.tolist(),
        "fill": erasing.fill,
    }


def test_regions_of_the_mask_are_erased_by_the_kernel_of_the_stage(face: dict) -> None:
    erasing = FSErasing(n_regions=1, p=1)
    params = erasing.get_params_dependent_on_data({"shape": (32, 30, 3)}, face)
    again = erase(face["image"][None], face["mask"][None], params["gone"], params["keys"], "random")[0]
    assert np.array_equal(erasing.apply(face["image"], **params), again)


def test_it_composes_and_follows_the_seed(face: dict) -> None:
    def draw(seed: int) -> np.ndarray:
        out = A.Compose([FSErasing(n_regions=1, fill=(1, 2, 3), p=1)], seed=seed)(**face)
        assert np.array_equal(out["mask"], face["mask"])
        return out["image"]

    gone = [set(face["mask"][(draw(seed) == [1, 2, 3]).all(2)].tolist()) for seed in range(20)]
    assert {frozenset(g) for g in gone} == {frozenset({Region.NOSE}), frozenset({Region.MOUTH})}
    assert np.array_equal(draw(5), draw(5))


def test_masks_may_be_of_any_integer_dtype_and_have_a_channel(face: dict) -> None:
    plain = A.Compose([FSErasing(p=1)], seed=1)(**face)["image"]
    for mask in (face["mask"].astype(np.int64), face["mask"][..., None], face["mask"].astype(np.uint16)):
        assert np.array_equal(A.Compose([FSErasing(p=1)], seed=1)(image=face["image"], mask=mask)["image"], plain)


@pytest.mark.parametrize("arguments", ARGUMENTS)
def test_every_argument_is_kept_by_every_way_of_saving(arguments: dict[str, Any], tmp_path: Path) -> None:
    erasing = FSErasing(**arguments)
    compose = A.Compose([erasing], seed=3)
    again = [
        A.from_dict(A.to_dict(compose)),
        A.from_dict(json.loads(json.dumps(A.to_dict(compose)))),
        copy.deepcopy(compose),
        pickle.loads(pickle.dumps(compose)),  # noqa: S301 - our own
        A.Compose([eval(repr(erasing))]),
    ]
    for form in ("json", "yaml"):
        A.save(compose, tmp_path / "file", data_format=form)
        again.append(A.load(tmp_path / "file", data_format=form))
        buffer = io.StringIO()
        A.save(compose, buffer, data_format=form)
        buffer.seek(0)
        again.append(A.load(buffer, data_format=form))
    for other in again:
        assert arguments_of(other.transforms[0]) == arguments_of(erasing)
        assert repr(other.transforms[0]) == repr(erasing)


@pytest.mark.parametrize("arguments", ARGUMENTS)
def test_what_is_saved_are_names_and_numbers(arguments: dict[str, Any]) -> None:
    def plain(value: Any) -> bool:
        if isinstance(value, dict):
            return all(type(key) is str and plain(one) for key, one in value.items())
        return all(map(plain, value)) if type(value) is list else type(value) in (str, int, float, type(None))

    saved = A.to_dict(FSErasing(**arguments))["transform"]
    assert set(saved) == {"__class_fullname__", "p", "n_regions", "classes", "fill", "min_area"}
    assert plain(saved)


@pytest.mark.filterwarnings("ignore:.*could work incorrectly in ReplayMode")  # for faces with other maps
def test_a_replay_erases_the_same(face: dict) -> None:
    compose = A.ReplayCompose([FSErasing(p=1, n_regions=1, fill="random", classes={"nose": 1, "mouth": 1})])
    out = compose(**face)
    again = A.ReplayCompose.replay(out["replay"], **face)
    assert np.array_equal(again["image"], out["image"])
    with pytest.raises(FaceError, match=r"image must be of the region map's size \(32, 30\), found \(16, 30\)"):
        A.ReplayCompose.replay(out["replay"], image=face["image"][:16], mask=face["mask"][:16])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"p": 2}, "p is a probability"),
        ({"p": True}, "p must be a finite number"),
        ({"n_regions": 2.5}, "n_regions must be"),
        ({"n_regions": "2"}, "n_regions must be"),
        ({"classes": "nose"}, "classes must be"),
        ({"classes": [30]}, "classes: 30 is no region"),
        ({"classes": {"nose": -1}}, "classes: the probability of nose"),
        ({"fill": 300}, "fill must be"),
        ({"fill": "mean"}, "fill must be"),
        ({"fill": (0, 0, 300)}, "fill must be"),
        ({"min_area": 0}, "min_area must be"),
        ({"min_area": True}, "min_area must be"),
    ],
)
def test_impossible_arguments_are_refused_and_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ParamsError, match=message):
        FSErasing(**options)


def test_an_unknown_argument_is_refused() -> None:
    with pytest.raises(TypeError, match="sizes"):
        FSErasing(sizes=3)


def test_images_and_masks_that_do_not_fit_are_refused_with_the_remedy(face: dict) -> None:
    image, mask, erasing = face["image"], face["mask"], FSErasing(p=1)
    with pytest.raises(FaceTypeError, match="before Normalize"):
        erasing(image=image.astype(np.float32), mask=mask)
    with pytest.raises(FaceTypeError, match="before Normalize"):
        erasing(image=image[..., 0], mask=mask)
    with pytest.raises(FaceError, match=r"mask must be of the image's size, \(32, 30\); found \(30, 32\)"):
        erasing(image=image, mask=mask.T)
    with pytest.raises(FaceTypeError, match="found NoneType"):
        erasing(image=image, mask=None)
    with pytest.raises(FaceTypeError, match="integer dtype, found float32"):
        erasing(image=image, mask=mask.astype(np.float32))


@pytest.mark.parametrize(("dtype", "wrong"), [(np.uint8, 25), (np.uint8, 254), (np.int16, 266), (np.int32, -1)])
def test_ids_of_no_region_are_refused(face: dict, dtype: type, wrong: int) -> None:
    mask = face["mask"].astype(dtype)
    mask[3, 4] = wrong
    with pytest.raises(FaceError, match=f"found {wrong}"):
        FSErasing(p=1)(image=face["image"], mask=mask)


class Faces(Dataset[torch.Tensor]):
    def __init__(self, compose: Any, seed_in_worker: bool = False) -> None:
        self.compose, self.seed_in_worker = compose, seed_in_worker

    def __len__(self) -> int:
        return 8

    def __getitem__(self, index: int) -> torch.Tensor:
        if self.seed_in_worker:
            self.compose.set_random_seed(index)
        out = self.compose(image=np.zeros((16, 16, 3), np.uint8), mask=np.full((16, 16), 10, np.uint8))
        return torch.from_numpy(out["image"])


def epochs(faces: Faces, start: str = "fork", **options: bool) -> torch.Tensor:
    torch.manual_seed(1)
    loader = DataLoader(faces, batch_size=None, num_workers=2, multiprocessing_context=start, **options)
    return torch.stack([face for _ in range(2) for face in loader])


def different(faces: torch.Tensor) -> int:
    return len({face.numpy().tobytes() for face in faces})


@pytest.mark.parametrize(("start", "persistent"), [("fork", False), ("fork", True)])
@pytest.mark.parametrize("seed", [None, 7])
def test_workers_and_epochs_draw_apart(start: str, persistent: bool, seed: int | None) -> None:
    faces = Faces(A.Compose([FSErasing(p=1)], seed=seed))
    assert different(epochs(faces, start, persistent_workers=persistent)) == 16


def test_draws_in_workers_follow_the_seeds_of_albumentations_and_torch() -> None:
    first, again, other = (epochs(Faces(A.Compose([FSErasing(p=1)], seed=seed))) for seed in (7, 7, 8))
    assert torch.equal(first, again)
    assert different(torch.cat([first, other])) == 32


def test_a_seed_that_is_set_in_the_worker_is_obeyed() -> None:
    compose = A.Compose([FSErasing(p=1)], seed=7)
    alone = torch.stack([Faces(compose, seed_in_worker=True)[index] for index in range(8)])
    assert torch.equal(epochs(Faces(compose, seed_in_worker=True)), alone.repeat(2, 1, 1, 1))


def test_the_coin_is_tossed_anew_in_each_worker() -> None:
    erased = epochs(Faces(A.Compose([FSErasing(p=0.5)], seed=7))).flatten(1).any(1)
    of_workers = {tuple(erased[first : first + 8 : 2].tolist()) for first in (0, 1, 8, 9)}
    assert len(of_workers) > 1


def test_a_saved_pipeline_is_read_where_the_adapter_is_imported(tmp_path: Path) -> None:
    A.save(A.Compose([FSErasing(n_regions=3)]), tmp_path / "pipeline.json")
    load = f"print(A.load({str(tmp_path / 'pipeline.json')!r}))"
    code = f"import albumentations as A, faceshards.transforms.albumentations; {load}"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "FSErasing(p=0.5, n_regions=[3, 3], classes=None, fill='random', min_area=16)" in shown
