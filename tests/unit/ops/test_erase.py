import numpy as np
import pytest

from faceshards import rng
from faceshards.maps import pixels_of
from faceshards.ops.arguments import Fill, region_weights
from faceshards.ops.erase import draw_regions, erase
from faceshards.regions import Region


@pytest.fixture
def faces() -> tuple[np.ndarray, np.ndarray, rng.UInt64Array]:
    regions = np.repeat(np.arange(24, dtype=np.uint8), 64).reshape(1, 48, 32).repeat(400, 0)
    images = np.full((400, 48, 32, 3), 77, np.uint8)
    return images, regions, rng.fold(rng.sample_keys(map(str, range(400))), 5)


def test_regions_are_drawn_in_proportion_to_their_weights(faces: tuple) -> None:
    _, regions, keys = faces
    weights = region_weights({Region.NOSE: 3, Region.MOUTH: 1})
    masks, _ = draw_regions(keys, regions, weights=weights, n_regions=(1, 1), min_area=1)
    noses = np.mean(masks == 1 << Region.NOSE)
    assert noses + np.mean(masks == 1 << Region.MOUTH) == 1
    assert abs(noses - 0.75) < 0.06


def test_the_number_of_regions_is_uniform_over_its_range(faces: tuple) -> None:
    _, regions, keys = faces
    masks, _ = draw_regions(keys, regions, weights=np.ones(25), n_regions=(2, 4), min_area=1)
    counts = np.bincount([len(Region.of_mask(int(m))) for m in masks], minlength=5)
    assert counts[:2].sum() == 0
    assert (np.abs(counts[2:] / 400 - 1 / 3) < 0.09).all()


def test_noise_covers_all_values_and_one_colour_is_one_colour(faces: tuple) -> None:
    images, regions, keys = faces
    nose = regions == Region.NOSE
    noise = erase(images, regions, nose, keys, "random")[nose]
    assert abs(noise.mean() - 127.5) < 1.5
    assert len(np.unique(noise)) == 256
    colours = erase(images, regions, nose, keys, "random_1")[nose].reshape(400, -1, 3)
    assert (colours == colours[:, :1]).all()
    assert len(np.unique(colours[:, 0], axis=0)) > 390
    assert (erase(images, regions, nose, keys, (1, 2, 3))[nose] == [1, 2, 3]).all()


def test_a_mix_is_noise_for_about_half_of_the_regions(faces: tuple) -> None:
    images, regions, keys = faces
    nose = regions == Region.NOSE
    mixed = erase(images, regions, nose, keys, "random_mix")[nose].reshape(400, -1, 3)
    one_colour = (mixed == mixed[:, :1]).all(axis=(1, 2)).mean()
    assert abs(one_colour - 0.5) < 0.1


@pytest.mark.parametrize("fill", ["random", "random_1", "random_mix", (1, 2, 3)])
def test_in_place_is_the_same_as_in_a_new_array(faces: tuple, fill: Fill) -> None:
    images, regions, keys = (array[:5].copy() for array in faces)
    gone = pixels_of(regions, np.array([1 << Region.NOSE, 0, 1 << Region.MOUTH, 3, 0], np.uint32))
    new = erase(images, regions, gone, keys, fill)
    assert (images == 77).all()
    assert erase(images, regions, gone, keys, fill, out=images) is images
    assert np.array_equal(images, new)
    other = np.zeros_like(images)
    assert np.array_equal(erase(new, regions, gone, keys, fill, out=other), new)


def test_noise_is_never_the_same_twice_in_a_face_nor_in_two_faces(faces: tuple) -> None:
    images, regions, keys = (array[:50] for array in faces)
    pixels = erase(images, regions, regions <= Region.MOUTH, keys, "random")[regions <= Region.MOUTH]
    assert len(np.unique(pixels, axis=0)) > 0.99 * len(pixels)  # of 2**24 colours


def test_noise_goes_to_the_pixels_in_reading_order_whichever_they_are(faces: tuple) -> None:
    images, regions, keys = (array[:2] for array in faces)
    few, other = np.zeros((2, *regions.shape), np.bool_)
    few[0, 5, :7] = few[1, 40, 3:6] = few[1, 7, 30] = True
    other[0, 30:37, 9] = other[1, 0, :4] = True
    assert np.array_equal(
        erase(images, regions, few, keys, "random")[few], erase(images, regions, other, keys, "random")[other]
    )
