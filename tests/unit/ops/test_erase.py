import numpy as np
import pytest

from faceshards import rng
from faceshards.ops.erase import Fill, class_weights, classes_of, draw_classes, erase
from faceshards.ops.runs import Runs
from faceshards.regions import Region


@pytest.fixture
def faces() -> tuple[np.ndarray, np.ndarray, rng.UInt64Array]:
    regions = np.repeat(np.arange(24, dtype=np.uint8), 64).reshape(1, 48, 32).repeat(400, 0)
    images = np.full((400, 48, 32, 3), 77, np.uint8)
    return images, regions, rng.fold(rng.sample_keys(map(str, range(400))), 5)


def test_regions_are_drawn_in_proportion_to_their_weights(faces: tuple) -> None:
    _, regions, keys = faces
    weights = class_weights({Region.NOSE: 3, Region.MOUTH: 1})
    masks = draw_classes(keys, Runs.of(regions).areas(), weights=weights, n_regions=(1, 1), min_area=1)
    noses = np.mean(masks == 1 << Region.NOSE)
    assert noses + np.mean(masks == 1 << Region.MOUTH) == 1
    assert abs(noses - 0.75) < 0.06


def test_the_number_of_regions_is_uniform_over_its_range(faces: tuple) -> None:
    _, regions, keys = faces
    masks = draw_classes(keys, Runs.of(regions).areas(), weights=np.ones(25), n_regions=(2, 4), min_area=1)
    counts = np.bincount([len(classes_of(int(m))) for m in masks], minlength=5)
    assert counts[:2].sum() == 0
    assert (np.abs(counts[2:] / 400 - 1 / 3) < 0.09).all()


def test_noise_covers_all_values_and_one_colour_is_one_colour(faces: tuple) -> None:
    images, regions, keys = faces
    erased = np.full(400, 1 << Region.NOSE, np.uint32)
    nose = regions == Region.NOSE
    noise = erase(images, regions, erased, keys, "random")[nose]
    assert abs(noise.mean() - 127.5) < 1.5
    assert len(np.unique(noise)) == 256
    colours = erase(images, regions, erased, keys, "random_1")[nose].reshape(400, -1, 3)
    assert (colours == colours[:, :1]).all()
    assert len(np.unique(colours[:, 0], axis=0)) > 390
    assert (erase(images, regions, erased, keys, (1, 2, 3))[nose] == [1, 2, 3]).all()


def test_a_mix_is_noise_for_about_half_of_the_regions(faces: tuple) -> None:
    images, regions, keys = faces
    erased = np.full(400, 1 << Region.NOSE, np.uint32)
    mixed = erase(images, regions, erased, keys, "random_mix")[regions == Region.NOSE].reshape(400, -1, 3)
    one_colour = (mixed == mixed[:, :1]).all(axis=(1, 2)).mean()
    assert abs(one_colour - 0.5) < 0.1


@pytest.mark.parametrize("fill", ["random", "random_1", "random_mix", (1, 2, 3)])
def test_in_place_is_the_same_as_in_a_new_array(faces: tuple, fill: Fill) -> None:
    images, regions, keys = (array[:5].copy() for array in faces)
    erased = np.array([1 << Region.NOSE, 0, 1 << Region.MOUTH, 3, 0], np.uint32)
    new = erase(images, regions, erased, keys, fill)
    assert (images == 77).all()
    assert erase(images, regions, erased, keys, fill, out=images) is images
    assert np.array_equal(images, new)
    other = np.zeros_like(images)
    assert np.array_equal(erase(new, regions, erased, keys, fill, out=other), new)


def test_the_noise_of_a_pixel_does_not_depend_on_which_other_regions_go(faces: tuple) -> None:
    images, regions, keys = faces
    nose_only = erase(images, regions, np.full(400, 1 << Region.NOSE, np.uint32), keys, "random")
    more = np.full(400, 1 << Region.NOSE | 1 << Region.MOUTH, np.uint32)
    both = erase(images, regions, more, keys, "random")
    assert np.array_equal(nose_only[regions == Region.NOSE], both[regions == Region.NOSE])
