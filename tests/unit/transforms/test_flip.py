"""The flip that swaps left and right ids, beside torchvision's own."""

import copy
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from faceshards.errors import FaceError, FaceTypeError, ParamsError
from faceshards.regions import MIRROR
from faceshards.transforms import FSErasing, RandomHorizontalFlip

v2 = pytest.importorskip("torchvision.transforms.v2", reason="torchvision is not installed", exc_type=ImportError)
tv_tensors = pytest.importorskip("torchvision.tv_tensors")
Picture = pytest.importorskip("PIL.Image")

FLIP = RandomHorizontalFlip(p=1)
IMAGE = torch.arange(3 * 2 * 26, dtype=torch.uint8).view(3, 2, 26)
REGIONS = torch.tensor([[*range(25), 255]] * 2, dtype=torch.uint8)
PICTURE = Picture.fromarray(IMAGE.movedim(0, -1).numpy())
SWAPPED = torch.tensor([[255, *reversed(MIRROR)]] * 2, dtype=torch.uint8)


def test_it_is_a_torchvision_transform_that_can_be_copied_and_shown() -> None:
    assert isinstance(FLIP, v2.Transform)
    assert repr(copy.deepcopy(RandomHorizontalFlip())) == "RandomHorizontalFlip(p=0.5)"


@pytest.mark.parametrize(
    ("kind", "batch"),
    [(tv_tensors.Image, ()), (tv_tensors.Image, (4,)), (tv_tensors.Video, (4,)), (tv_tensors.Video, (2, 3))],
)
@pytest.mark.parametrize("dtype", [torch.uint8, torch.int64])
def test_images_are_flipped_and_ids_swapped(kind: type, batch: tuple[int, ...], dtype: torch.dtype) -> None:
    image, mask = kind(IMAGE.expand(*batch, 3, 2, 26)), tv_tensors.Mask(REGIONS.to(dtype).expand(*batch, 2, 26))
    out, swapped = FLIP(image, mask)
    assert (type(out), type(swapped)) == (kind, tv_tensors.Mask)
    assert torch.equal(out, IMAGE.flip(-1).expand_as(image))
    assert swapped.dtype is dtype
    assert torch.equal(swapped, SWAPPED.to(dtype).expand_as(mask))
    assert all(torch.equal(*pair) for pair in zip(FLIP(out, swapped), (image, mask), strict=True))


@pytest.mark.parametrize("batch", [(), (4,), (2, 3)])
def test_plain_pairs_are_taken_as_fserasing_takes_them(batch: tuple[int, ...]) -> None:
    image, regions = IMAGE.expand(*batch, 3, 2, 26).float(), REGIONS.expand(*batch, 2, 26)
    label, points = torch.tensor(3), torch.ones(5, 2)
    for given in (regions, regions.unsqueeze(-3)):
        out = FLIP({"face": [image, given], "label": label, "points": points, "name": "a"})
        assert torch.equal(out["face"][0], image.flip(-1))
        assert torch.equal(out["face"][1], SWAPPED.expand_as(regions).view_as(given))
        assert out["label"] is label
        assert out["points"] is points
    assert torch.equal(FLIP(image, regions)[1], SWAPPED.expand_as(regions))


def test_all_else_is_flipped_by_torchvision() -> None:
    boxes = tv_tensors.BoundingBoxes([[1, 0, 4, 2]], format="XYXY", canvas_size=(2, 26))
    points = tv_tensors.KeyPoints([[3, 1]], canvas_size=(2, 26))
    picture = Picture.fromarray(IMAGE.movedim(0, -1).numpy())
    sample = [picture, tv_tensors.Image(IMAGE), boxes, points, torch.tensor(7), "name"]
    out = FLIP({"all": sample, "mask": tv_tensors.Mask(REGIONS)})
    for flipped, as_torchvision in zip(out["all"], v2.RandomHorizontalFlip(p=1)(sample), strict=True):
        assert type(flipped) is type(as_torchvision)
        assert np.array_equal(np.asarray(flipped), np.asarray(as_torchvision))
    assert torch.equal(out["mask"], SWAPPED)


def test_a_plain_map_beside_a_picture_or_an_image_is_its_region_map() -> None:
    for image in (Picture.fromarray(IMAGE.movedim(0, -1).numpy()), tv_tensors.Image(IMAGE)):
        assert torch.equal(FLIP(image, REGIONS)[1], SWAPPED)


@pytest.mark.parametrize("sample", [IMAGE, IMAGE.float(), tv_tensors.Image(IMAGE), (IMAGE, torch.tensor(1), "name")])
def test_a_sample_without_a_map_is_flipped_as_by_torchvision(sample: Any) -> None:
    given = sample if isinstance(sample, tuple) else (sample,)
    ours, theirs = FLIP(*given), v2.RandomHorizontalFlip(p=1)(*given)
    pairs = zip(ours, theirs, strict=True) if isinstance(sample, tuple) else [(ours, theirs)]
    assert all(torch.equal(a, b) if isinstance(a, Tensor) else a == b for a, b in pairs)


def test_what_cannot_be_a_map_passes_beside_one() -> None:
    faces, maps = IMAGE.expand(8, 3, 2, 26), REGIONS.expand(8, 2, 26)
    rest = {"embedding": torch.ones(8, 512), "attributes": torch.ones(8, 40, dtype=torch.int64), "points": [np.ones(5)]}
    out = FLIP({"image": faces, "regions": maps, **rest})
    assert torch.equal(out["regions"], SWAPPED.expand_as(maps))
    assert all(out[name] is given for name, given in rest.items() if name != "points")


def test_a_grey_picture_is_a_face_where_a_map_is_marked() -> None:
    picture, swapped = FLIP(PICTURE.convert("L"), tv_tensors.Mask(REGIONS))
    assert np.array_equal(np.asarray(picture), np.asarray(PICTURE.convert("L"))[:, ::-1])
    assert torch.equal(swapped, SWAPPED)


def test_the_refusal_says_how_a_map_of_pil_is_marked() -> None:
    with pytest.raises(FaceTypeError, match=r"'Image of mode L'\]\. tv_tensors\.Mask\(numpy\.array\(map\)\) makes one"):
        FLIP(PICTURE, Picture.fromarray(REGIONS.numpy()))


def test_a_lone_mask_is_a_region_map() -> None:
    assert torch.equal(FLIP(tv_tensors.Mask(REGIONS)), SWAPPED)


def test_the_coin_is_torchvisions_one_for_the_whole_call() -> None:
    images = tv_tensors.Image(IMAGE.expand(8, 3, 2, 26))
    flipped = []
    for seed in range(40):
        torch.manual_seed(seed)
        ours, _ = RandomHorizontalFlip()(images, tv_tensors.Mask(REGIONS.expand(8, 2, 26)))
        after = torch.rand(1)
        torch.manual_seed(seed)
        assert torch.equal(ours, v2.RandomHorizontalFlip()(images))
        assert torch.equal(torch.rand(1), after)
        flipped.append(not torch.equal(ours, images))
    assert 5 < sum(flipped) < 35


def test_what_is_not_flipped_is_not_touched() -> None:
    image, mask = tv_tensors.Image(IMAGE), tv_tensors.Mask(REGIONS)
    out = RandomHorizontalFlip(p=0)(image, mask)
    assert out[0] is image
    assert out[1] is mask


def test_it_composes_with_fserasing_which_then_finds_the_region_of_the_name() -> None:
    right = tv_tensors.Mask(torch.tensor([[1] * 13 + [2] * 13] * 2))
    chain = v2.Compose([RandomHorizontalFlip(p=1), FSErasing(p=1, classes=["right_cheek"], fill=0, min_area=1)])
    image, mask = chain(tv_tensors.Image(torch.ones(3, 2, 26)), right)
    assert torch.equal(mask, tv_tensors.Mask(torch.tensor([[1] * 13 + [2] * 13] * 2)))
    assert torch.equal(image[0] == 0, mask == 1)


@pytest.mark.parametrize(
    "sample",
    [
        (IMAGE.float(), REGIONS.float()),
        (IMAGE.float(), REGIONS.bool()),
        (IMAGE, REGIONS[:, :20]),
        (REGIONS, IMAGE),
        (REGIONS,),
        (REGIONS.expand(4, 2, 26),),
        (tv_tensors.Image(IMAGE), REGIONS.float()),
        (tv_tensors.Image(IMAGE), tv_tensors.Mask(REGIONS), tv_tensors.Mask(REGIONS)),
        (tv_tensors.Image(IMAGE), tv_tensors.Mask(REGIONS.float())),
        (tv_tensors.Image(IMAGE), tv_tensors.Mask(REGIONS.bool())),
        (IMAGE.numpy(), REGIONS.numpy()),
        ("face.png",),
        (PICTURE, Picture.fromarray(REGIONS.numpy())),
        (PICTURE, Picture.fromarray(REGIONS.numpy()), REGIONS),
        (Picture.fromarray(REGIONS.numpy()), PICTURE, REGIONS),
        (PICTURE, Picture.fromarray(REGIONS.numpy()).convert("P")),
        (PICTURE, Picture.fromarray(REGIONS.numpy()).convert("I")),
        (Picture.fromarray(REGIONS.numpy()),),
        (tv_tensors.Image(IMAGE), Picture.fromarray(REGIONS.numpy())),
        (PICTURE, REGIONS.numpy()),
        (tv_tensors.Image(IMAGE), REGIONS.numpy()),
        (tv_tensors.Image(IMAGE), tv_tensors.Mask(REGIONS), REGIONS.numpy()),
        ({"image": IMAGE, "regions": REGIONS.numpy()},),
        ({"image": IMAGE, "parsed": REGIONS, "truth": REGIONS.clone()},),
        ({"image": IMAGE, "parsed": REGIONS, "small": REGIONS.expand(9, 2, 26)[:, 0, :9]},),
        ({"image": IMAGE, "regions": REGIONS, "depth": torch.ones(1, 2, 26)},),
        ({"image": IMAGE, "regions": REGIONS, "variant": IMAGE.expand(4, 3, 2, 26)},),
        ({"image": IMAGE, "regions": REGIONS, "variant": IMAGE.movedim(0, -1).expand(4, 2, 26, 3)},),
        ({"image": IMAGE, "regions": REGIONS, "weights": nn.Parameter(torch.ones(2, 26))},),
        (tv_tensors.Image(IMAGE), tv_tensors.Mask(REGIONS), REGIONS.clone()),
        (tv_tensors.Image(IMAGE), tv_tensors.Mask(REGIONS), REGIONS.bool()),
        (tv_tensors.Image(IMAGE), tv_tensors.Mask(torch.zeros(25, 2, 26, dtype=torch.uint8))),
        (tv_tensors.Image(IMAGE), tv_tensors.Mask(torch.zeros(3, 2, 26, dtype=torch.uint8))),
        (tv_tensors.Image(IMAGE), tv_tensors.Mask(REGIONS[:, :20])),
        (tv_tensors.Image(IMAGE.expand(4, 3, 2, 26)), tv_tensors.Mask(REGIONS)),
    ],
)
@pytest.mark.parametrize("p", [0, 1])
def test_a_map_that_would_be_left_unswapped_is_refused(sample: tuple[Any, ...], p: float) -> None:
    with pytest.raises(FaceTypeError, match=r"expected|integer dtype"):
        RandomHorizontalFlip(p=p)(*sample)


@pytest.mark.parametrize("wrong", [25, 254])
@pytest.mark.parametrize("p", [0, 1])
def test_a_map_of_another_scheme_is_refused(wrong: int, p: float) -> None:
    for image, mask in (
        (IMAGE, torch.full_like(REGIONS, wrong)),
        (tv_tensors.Image(IMAGE), tv_tensors.Mask(torch.full_like(REGIONS, wrong))),
    ):
        with pytest.raises(FaceError, match=f"found {wrong}"):
            RandomHorizontalFlip(p=p)(image, mask)


@pytest.mark.parametrize("p", [1.5, -0.1, True, "0.5", float("nan"), None])
def test_p_is_a_probability(p: Any) -> None:
    with pytest.raises(ParamsError, match=r"p (is a probability|must be a finite number)"):
        RandomHorizontalFlip(p)
