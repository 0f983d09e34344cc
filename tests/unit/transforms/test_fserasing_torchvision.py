import numpy as np
import pytest
import torch

from faceshards.errors import FaceError, FaceTypeError
from faceshards.transforms import FSErasing

v2 = pytest.importorskip("torchvision.transforms.v2", reason="torchvision is not installed", exc_type=ImportError)
tv_tensors = pytest.importorskip("torchvision.tv_tensors")


def test_it_is_a_torchvision_transform() -> None:
    assert isinstance(FSErasing(), v2.Transform)


@pytest.mark.parametrize("kind", [tv_tensors.Image, tv_tensors.Video])
def test_types_are_kept_and_the_mask_is_left(images: torch.Tensor, regions: torch.Tensor, kind: type) -> None:
    mask = tv_tensors.Mask(regions)
    out, same = FSErasing(p=1)(kind(images), mask)
    assert type(out) is kind
    assert same is mask
    assert not torch.equal(out, images)


def test_all_images_of_a_sample_lose_the_same_pixels(images: torch.Tensor, regions: torch.Tensor) -> None:
    sample = {
        "a": tv_tensors.Image(images[0]),
        "b": [tv_tensors.Image(images[0] * 2)],
        "m": tv_tensors.Mask(regions[0]),
    }
    out = FSErasing(p=1, fill=-1.0)(sample)
    assert torch.equal(out["a"] == -1, out["b"][0] == -1)
    assert (out["a"] == -1).any()


def test_no_image_is_written_to_where_one_is_of_another_size(images: torch.Tensor, regions: torch.Tensor) -> None:
    sample = {
        "face": tv_tensors.Image(images[0]),
        "large": tv_tensors.Image(torch.zeros(3, 80, 60)),
        "map": tv_tensors.Mask(regions[0]),
    }
    with pytest.raises(FaceError, match=r"\(1, 40, 30\), found \(3, 80, 60\); resize all images of a sample alike"):
        FSErasing(p=1, inplace=True)(sample)
    assert (images == 7).all()


def test_it_composes_with_flips_crops_and_normalisation(regions: torch.Tensor) -> None:
    chain = v2.Compose(
        [
            v2.ToImage(),
            v2.RandomResizedCrop(32),
            v2.ToDtype({tv_tensors.Image: torch.float32, "others": None}, scale=True),
            v2.Normalize([0.5] * 3, [0.5] * 3),
            v2.RandomApply([FSErasing(p=1, n_regions=2, min_area=1, classes=range(25))], p=1.0),
        ]
    )
    image, mask, label = chain(np.full((40, 30, 3), 200, np.uint8), tv_tensors.Mask(regions[0]), 5)
    assert type(image) is tv_tensors.Image
    assert image.shape == (3, 32, 32)
    assert mask.shape == (32, 32)
    assert label == 5
    assert not torch.isclose(image, torch.tensor((200 / 255 - 0.5) / 0.5)).all()


def test_a_plain_tensor_beside_an_image_is_only_a_region_map_where_there_is_no_mask(
    images: torch.Tensor, regions: torch.Tensor
) -> None:
    out, same = FSErasing(p=1)(tv_tensors.Image(images), regions)
    assert same is regions
    assert not torch.equal(out, images)


def test_two_masks_are_one_too_many(images: torch.Tensor, regions: torch.Tensor) -> None:
    with pytest.raises(FaceTypeError, match="one region map"):
        FSErasing()(tv_tensors.Image(images), tv_tensors.Mask(regions), tv_tensors.Mask(regions))


@pytest.mark.parametrize("p", [0, 1])
def test_a_mask_of_another_scheme_is_refused(images: torch.Tensor, regions: torch.Tensor, p: int) -> None:
    with pytest.raises(FaceError, match="found 30"):
        FSErasing(p=p)(tv_tensors.Image(images), tv_tensors.Mask(torch.full_like(regions, 30)))
    with pytest.raises(FaceTypeError, match="integer dtype"):
        FSErasing(p=p)(tv_tensors.Image(images), tv_tensors.Mask(regions.float()))
