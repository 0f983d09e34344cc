"""What `erase_regions` puts in the place of regions, and fills that are refused."""

import numpy as np
import pytest
import torch

from faceshards.errors import ParamsError
from faceshards.regions import Region
from faceshards.transforms import erase_regions


def test_noise_is_standard_normal_and_independent_in_channels(images: torch.Tensor, regions: torch.Tensor) -> None:
    out = erase_regions(images, regions, ["nose"], fill="random", generator=torch.Generator().manual_seed(0))
    noise = out.movedim(1, 0)[:, regions == Region.NOSE]
    assert noise.mean().abs() < 0.05
    assert (noise.std(1) - 1).abs().max() < 0.07
    assert torch.corrcoef(noise).triu(1).abs().max() < 0.07


@pytest.mark.parametrize("inplace", [False, True])
@pytest.mark.parametrize("fill", ["random", "random_1", "random_mix"])
def test_random_values_of_uint8_images_are_uniform_over_all_that_they_can_be(
    images: torch.Tensor, regions: torch.Tensor, fill: str, inplace: bool
) -> None:
    images, regions = images.byte().repeat(40, 1, 1, 1), regions.repeat(40, 1, 1)
    before, nose = images.clone(), regions == Region.NOSE
    out = erase_regions(
        images, regions, ["nose"], fill=fill, inplace=inplace, generator=torch.Generator().manual_seed(0)
    )
    assert out.dtype is torch.uint8
    assert (out is images) == inplace
    values = out.movedim(1, 0)[:, nose].float()
    assert values.mean() == pytest.approx(127.5, abs=20 if fill == "random_1" else 6)
    assert values.std() == pytest.approx(256 / 12**0.5, abs=8)
    assert values.min() < 8
    assert values.max() > 247
    assert torch.corrcoef(values).triu(1).abs().max() < 0.2
    assert torch.equal(out.movedim(1, 0)[:, ~nose], before.movedim(1, 0)[:, ~nose])


def test_one_colour_is_one_normal_colour_a_face_and_region(images: torch.Tensor, regions: torch.Tensor) -> None:
    out = erase_regions(images, regions, ["nose", "mouth"], fill="random_1").movedim(1, 0)
    colours = {
        tuple(out[:, f][:, regions[f] == r].unique(dim=1).T.flatten().tolist()) for f in range(8) for r in (10, 17)
    }
    assert {len(c) for c in colours} == {3}
    assert len(colours) == 16


def test_a_mix_is_noise_or_one_colour_by_region(images: torch.Tensor, regions: torch.Tensor) -> None:
    images, regions = images.repeat(20, 1, 1, 1), regions.repeat(20, 1, 1)
    out = erase_regions(images, regions, ["nose"], fill="random_mix", generator=torch.Generator().manual_seed(1))
    flat = sum(len(face[0][r == Region.NOSE].unique()) == 1 for face, r in zip(out, regions, strict=True))
    assert 60 < flat < 100


def test_mean_and_blur_are_of_the_face_itself(regions: torch.Tensor) -> None:
    images = torch.rand(8, 3, 40, 30, generator=torch.Generator().manual_seed(2))
    nose = regions[0] == Region.NOSE
    mean = erase_regions(images, regions, ["nose"], fill="mean")
    assert torch.allclose(mean[3, 2][nose], images[3, 2].mean())
    blurred = erase_regions(images, regions, ["nose"], fill="blur")[3, 2][nose]
    assert 0.3 < blurred.mean() < 0.7
    assert 0 < blurred.std() < images.std() / 3


def test_a_tensor_can_be_what_is_put_in(images: torch.Tensor, regions: torch.Tensor) -> None:
    other = torch.arange(images.numel(), dtype=torch.float32).view_as(images)
    out = erase_regions(images, regions, ["nose"], fill=other)
    nose = (regions == Region.NOSE)[:, None].expand_as(images)
    assert torch.equal(out[nose], other[nose])


@pytest.mark.parametrize("dtype", ["<f4", ">f4", "<u2", "<i8"])
def test_an_array_can_be_put_in_however_it_lies_in_memory(
    images: torch.Tensor, regions: torch.Tensor, dtype: str
) -> None:
    picture = np.arange(3 * 40 * 30).reshape(3, 40, 30).astype(dtype)
    expected = erase_regions(images, regions, ["nose"], fill=torch.arange(3 * 40 * 30.0).view(3, 40, 30).flip(-1))
    assert torch.equal(erase_regions(images, regions, ["nose"], fill=picture[..., ::-1]), expected)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("inplace", [False, True])
def test_noise_is_the_same_for_every_dtype_strides_and_place(
    regions: torch.Tensor, dtype: torch.dtype, inplace: bool
) -> None:
    def noisy(image: torch.Tensor, **options: bool) -> torch.Tensor:
        return erase_regions(
            image, regions, ["nose"], fill="random", generator=torch.Generator().manual_seed(0), **options
        )

    plain = noisy(torch.full((8, 3, 40, 30), 7.0))
    for strided in (torch.full((8, 3, 40, 30), 7.0), torch.full((8, 40, 30, 3), 7.0).movedim(-1, 1)):
        image = strided.to(dtype)
        out = noisy(image, inplace=inplace)
        assert (out is image) == inplace
        assert out.stride() == strided.stride()
        assert torch.equal(out, plain.to(dtype))


@pytest.mark.parametrize(
    "fill", [300, -1, 0.5, float("nan"), (1, 2, 256), torch.tensor(-1), torch.full((3, 1, 1), 0.5)]
)
def test_what_uint8_cannot_hold_is_refused(images: torch.Tensor, regions: torch.Tensor, fill: object) -> None:
    with pytest.raises(ParamsError, match=r"fill must be a (whole|finite) number"):
        erase_regions(images.byte(), regions, ["nose"], fill=fill)


@pytest.mark.parametrize(
    ("dtype", "fill"),
    [(torch.int8, 128), (torch.int16, 2**15), (torch.uint16, -1), (torch.float16, 1e5), (torch.float32, 1e39)],
)
def test_what_a_dtype_cannot_hold_is_refused(regions: torch.Tensor, dtype: torch.dtype, fill: float) -> None:
    with pytest.raises(ParamsError, match=f"for an image of {dtype}"):
        erase_regions(torch.zeros(3, 40, 30, dtype=dtype), regions[0], ["nose"], fill=fill)


@pytest.mark.parametrize(
    "fill",
    [(1.0, 2.0), torch.ones(2), np.ones(4), torch.ones(2, 1, 1), torch.ones(3, 40, 31), torch.ones(1, 8, 3, 1, 1)],
)
def test_a_fill_for_other_channels_or_sizes_is_refused(
    images: torch.Tensor, regions: torch.Tensor, fill: object
) -> None:
    with pytest.raises(ParamsError, match=r"fill must be one number, or one for each of 3|fill of shape .* broadcast"):
        erase_regions(images, regions, ["nose"], fill=fill)


@pytest.mark.parametrize(
    "fill", ["noise", None, True, [], [True], torch.ones(3, dtype=torch.bool), torch.tensor(torch.inf)]
)
def test_a_fill_that_is_none_is_refused(images: torch.Tensor, regions: torch.Tensor, fill: object) -> None:
    with pytest.raises(ParamsError, match="fill must be a finite number, one for each channel"):
        erase_regions(images, regions, ["nose"], fill=fill)


@pytest.mark.parametrize("fill", [(1, 2, 3), [1.0, 2.0, 3.0], np.array([1, 2, 3]), torch.tensor([1, 2, 3])])
@pytest.mark.parametrize("dtype", [torch.uint8, torch.float64])
def test_one_number_a_channel_may_be_in_any_array(regions: torch.Tensor, fill: object, dtype: torch.dtype) -> None:
    out = erase_regions(torch.full((3, 40, 30), 9).to(dtype), regions[0], ["nose"], fill=fill)
    assert out[:, regions[0] == Region.NOSE].T.unique(dim=0).tolist() == [[1, 2, 3]]
