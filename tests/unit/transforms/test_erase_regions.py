"""Which pixels `erase_regions` changes, in whatever form images, maps and regions come."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from stores import build_faces

import faceshards
from faceshards.errors import FaceError, FaceTypeError, ParamsError
from faceshards.regions import Region
from faceshards.transforms import FSErasing, erase_regions


def test_named_regions_get_the_colour_and_nothing_else_changes(images: torch.Tensor, regions: torch.Tensor) -> None:
    out = erase_regions(images, regions, ["nose", Region.MOUTH], fill=(1.0, 2.0, 3.0))
    gone = (regions == Region.NOSE) | (regions == Region.MOUTH)
    for channel in range(3):
        assert (out[:, channel][gone] == channel + 1).all()
        assert (out[:, channel][~gone] == 7).all()
    assert (images == 7).all()


def test_each_face_of_a_batch_loses_its_own_regions(images: torch.Tensor, regions: torch.Tensor) -> None:
    masks = np.array([1 << Region.NOSE, 1 << Region.MOUTH] * 4, np.uint32)
    out = erase_regions(images, regions, masks, fill=0)
    for face in range(8):
        region = Region.MOUTH if face % 2 else Region.NOSE
        assert torch.equal(out[face, 1] == 0, regions[face] == region)


@pytest.mark.parametrize("mask", [torch.tensor, np.array, np.uint32])
def test_one_face_has_one_mask(images: torch.Tensor, regions: torch.Tensor, mask: Callable[..., Any]) -> None:
    kind = {"dtype": torch.uint32 if mask is torch.tensor else np.uint32} if mask is not np.uint32 else {}
    out = erase_regions(images[0], regions[0], mask(1 << Region.NOSE, **kind))
    assert torch.equal(out[0] == 0, regions[0] == Region.NOSE)


@pytest.mark.parametrize("ids", [[10, 17], (10, 17), {10, 17}, range(10, 18, 7), iter([10, "mouth"])])
def test_ids_come_in_any_sequence_or_set(images: torch.Tensor, regions: torch.Tensor, ids: Iterable[int | str]) -> None:
    out = erase_regions(images, regions, ids)
    assert torch.equal(out[:, 0] == 0, (regions == Region.NOSE) | (regions == Region.MOUTH))


@pytest.mark.parametrize("as_tensor", [False, True])
def test_the_masks_of_a_loaders_batch_are_taken_as_they_come(tmp_path: Path, as_tensor: bool) -> None:
    faces = build_faces(tmp_path / "work", tmp_path / "faces")
    view = faceshards.Erase(n_regions=(1, 9), classes=range(25), fill=(1, 2, 3), min_area=1)
    erased = next(iter(faceshards.Loader(faces, 8, view=view)))
    whole = next(iter(faceshards.Loader(faces, 8, view="original")))
    assert erased["image"].shape == whole["image"].shape
    masks = torch.as_tensor(erased["erased"]) if as_tensor else np.asarray(erased["erased"])
    image = torch.as_tensor(whole["image"]).movedim(-1, 1)
    ours = erase_regions(image, torch.as_tensor(erased["region"]), masks, fill=(1, 2, 3))
    assert np.asarray(erased["erased"]).any()
    assert torch.equal(ours.movedim(1, -1), torch.as_tensor(erased["image"]))


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float16, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("fill", [5, "mean", "blur"])
def test_dtype_is_kept(regions: torch.Tensor, dtype: torch.dtype, fill: str) -> None:
    out = erase_regions(torch.full((3, 40, 30), 9).to(dtype), regions[0], ["nose"], fill=fill)
    assert out.dtype == dtype
    assert (out[:, regions[0] == Region.NOSE].float() - (5 if fill == 5 else 9)).abs().max() < 1e-5


def test_inplace_writes_into_the_image_whatever_its_strides(regions: torch.Tensor) -> None:
    for image in (torch.ones(3, 40, 30), torch.ones(40, 30, 3).movedim(-1, 0), torch.ones(3, 40, 60)[..., ::2]):
        out = erase_regions(image, regions[0], ["nose"], fill=0, inplace=True)
        assert out is image
        assert torch.equal(image[2] == 0, regions[0] == Region.NOSE)


@pytest.mark.parametrize("fill", ["random", "random_1", "random_mix", "mean", "blur", (1.0, 2.0, 3.0)])
@pytest.mark.parametrize("shape", [(3, 40, 30), (8, 3, 40, 30), (2, 4, 3, 40, 30)])
@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32, torch.bfloat16])
@pytest.mark.parametrize("inplace", [False, True])
def test_channels_last_images_stay_so_and_lose_the_same(
    regions: torch.Tensor, fill: str, shape: tuple[int, ...], dtype: torch.dtype, inplace: bool
) -> None:
    maps = regions.view(*shape[:-3], 40, 30) if len(shape) > 3 else regions[0]
    image = torch.rand(shape, generator=torch.Generator().manual_seed(0)).mul(255).to(dtype)
    last = image.movedim(-3, -1).contiguous().movedim(-1, -3)
    outs = [
        erase_regions(i.clone(), maps, ["nose"], fill=fill, inplace=inplace, generator=torch.Generator().manual_seed(1))
        for i in (image, last)
    ]
    assert outs[1].stride() == last.stride()
    torch.testing.assert_close(*outs)  # a mean is summed in another order
    assert not torch.equal(outs[0], image)


@pytest.mark.parametrize("fill", [0.0, "random"])
def test_what_cannot_be_written_to_in_place_is_refused(regions: torch.Tensor, fill: Any) -> None:
    for image, message in (
        (torch.ones(3, 40, 30, requires_grad=True), "requires grad and is a leaf; use inplace=False"),
        (torch.ones(1, 40, 30).expand(3, 40, 30), r"was expanded; use inplace=False, or image\.clone\(\)"),
    ):
        with pytest.raises(FaceError, match=message):
            erase_regions(image, regions[0], ["nose"], fill=fill, inplace=True)
        with pytest.raises(FaceError, match=message):
            FSErasing(p=0, fill=fill, inplace=True)(image, regions[0])
        erase_regions(image, regions[0], ["nose"], fill=fill)


def test_gradients_flow_through_the_pixels_that_are_left(regions: torch.Tensor) -> None:
    image = torch.ones(8, 3, 40, 30, requires_grad=True)
    erase_regions(image, regions, ["nose"], fill="random").sum().backward()
    assert image.grad is not None
    assert torch.equal(image.grad[:, 0] == 0, regions == Region.NOSE)


def test_autograd_learns_of_noise_written_in_place(images: torch.Tensor, regions: torch.Tensor) -> None:
    weight = torch.ones((), requires_grad=True)
    product = (images * weight).sum()
    erase_regions(images, regions, ["nose"], fill="random", inplace=True)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        product.backward()


@pytest.mark.parametrize("shape", [(3, 40, 30), (8, 3, 40, 30), (2, 4, 3, 40, 30)])
def test_regions_may_have_a_channel_axis_of_one_and_any_integer_dtype(regions: torch.Tensor, shape: tuple) -> None:
    maps = regions.view(*shape[:-3], 40, 30) if len(shape) > 3 else regions[0]
    out = erase_regions(torch.ones(shape), maps.unsqueeze(-3).long(), ["nose"], fill=0)
    assert torch.equal(out.select(-3, 0) == 0, maps == Region.NOSE)


def test_an_empty_batch_stays_empty() -> None:
    out = erase_regions(torch.ones(0, 3, 4, 4), torch.zeros(0, 4, 4, dtype=torch.uint8), ["nose"], fill="random")
    assert out.shape == (0, 3, 4, 4)


def test_what_does_not_fit_is_refused_with_the_remedy(images: torch.Tensor, regions: torch.Tensor) -> None:
    with pytest.raises(FaceTypeError, match=r"v2\.Normalize before"):
        erase_regions(images.int(), regions, ["nose"], fill="random")
    with pytest.raises(FaceError, match=r"found \(8, 3, 40, 30\) and \(8, 30, 40\)"):
        erase_regions(images, regions.transpose(1, 2), ["nose"])
    with pytest.raises(FaceTypeError, match=r"region map must be a torch\.Tensor, found ndarray"):
        erase_regions(images, regions.numpy(), ["nose"])
    with pytest.raises(FaceTypeError, match=r"floating or integer dtype, found torch\.bool"):
        erase_regions(images.bool(), regions, ["nose"])


@pytest.mark.parametrize(
    ("erased", "message"),
    [
        (["noze"], "erased: 'noze' is no region"),
        ([30], "erased: 30 is no region"),
        ([10.0], "erased: 10.0 is no region"),
        ("nose", "erased must be a list of names or ids"),
        (10, "erased must be a list of names or ids"),
        (np.zeros(3, np.uint32), "erased must be a uint32 mask for each of 8 faces"),
        (np.full(8, 1 << 25, np.uint32), "erased must set no bit of 25"),
        (np.array([10, 12], np.uint32), "erased must be a uint32 mask for each of 8 faces; .*ids come as a list"),
        (np.uint32(1), "erased must be a uint32 mask for each of 8 faces"),
        (torch.zeros(8, 1, dtype=torch.uint32), "erased must be a uint32 mask for each of 8 faces"),
        (np.full(4, 4), r"erased: found int64 \(4,\); masks are uint32, ids come as a list"),
        (torch.full((8,), 4), r"erased: found torch.int64 \(8,\); masks are uint32, ids come as a list"),
        (torch.full((8,), 4, dtype=torch.int32), r"erased: found torch.int32 \(8,\)"),
        (np.array(["nose"]), r"erased: found <U4 \(1,\)"),
        (np.int64(4), r"erased: found int64 \(\)"),
        (
            {"nose": 0},
            r"erased must be a list of names or ids of regions, as \['nose', 'mouth'\], or uint32 masks; found",
        ),
    ],
)
def test_regions_that_are_none_are_refused(
    images: torch.Tensor, regions: torch.Tensor, erased: object, message: str
) -> None:
    with pytest.raises(ParamsError, match=message):
        erase_regions(images, regions, erased)
