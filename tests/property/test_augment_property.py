"""Whatever is drawn, image and regions stay in step."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from faceshards.ops.align import ALIGNED_SIZE
from faceshards.parsing.augment import augment, cut_off, flip, warp
from faceshards.parsing.crops import CROP_SIZE, Cut
from faceshards.regions import MIRROR

seeds = st.integers(0, 2**32)


def _blocks(seed: int, low: int = 0) -> Cut:
    """Square blocks of regions, and a picture whose red channel is ten times the region."""
    blocks = np.random.default_rng(seed).integers(low, 25, (7, 7), np.uint8)
    regions = blocks.repeat(CROP_SIZE // 7, axis=0).repeat(CROP_SIZE // 7, axis=1)
    return np.stack((regions * 10, regions * 0 + 40, regions * 0 + 90), axis=-1), regions


@given(seeds)
@settings(max_examples=30, deadline=None)
def test_a_sample_is_a_pure_function_of_its_draw(seed: int) -> None:
    one, two = (augment(_blocks(seed), _blocks(seed + 1), np.random.default_rng(seed)) for _ in range(2))
    assert all(np.array_equal(a, b) for a, b in zip(one, two, strict=True))
    image, regions = one
    assert image.shape == (ALIGNED_SIZE, ALIGNED_SIZE, 3)
    assert image.dtype == regions.dtype == np.uint8
    assert set(np.unique(regions)) <= {*range(25), 255}


@given(seeds)
@settings(max_examples=30, deadline=None)
def test_the_warp_moves_image_and_regions_alike(seed: int) -> None:
    image, regions = warp(*_blocks(seed), np.random.default_rng(seed))
    inside = regions != 255
    assert inside.mean() > 0.6
    agree = np.abs(image[..., 0].astype(int) - regions * 10.0)[inside] < 10
    assert agree.mean() > 0.85  # the rest are the blended edges of the blocks


@given(seeds)
@settings(max_examples=20, deadline=None)
def test_a_flip_swaps_right_and_left_and_twice_is_nothing(seed: int) -> None:
    face = _blocks(seed)
    image, regions = flip(face)
    assert np.array_equal(image, face[0][:, ::-1])
    assert np.array_equal(regions, np.array(MIRROR)[face[1][:, ::-1]])
    assert all(np.array_equal(a, b) for a, b in zip(flip((image, regions)), face, strict=True))


@given(seeds)
@settings(max_examples=20, deadline=None)
def test_faces_given_are_left_as_they_are(seed: int) -> None:
    face, donor = _blocks(seed), _blocks(seed + 1)
    copies = [a.copy() for a in (*face, *donor)]
    augment(face, donor, np.random.default_rng(seed))
    assert all(np.array_equal(a, b) for a, b in zip((*face, *donor), copies, strict=True))


@given(seeds)
@settings(max_examples=20, deadline=None)
def test_a_picture_that_is_cut_off_is_black_and_background_beyond_its_edges(seed: int) -> None:
    face = warp(*_blocks(seed, low=1), np.random.default_rng(seed))
    image, regions = cut_off(*face, np.random.default_rng(seed))
    beyond = regions == 0
    assert not image[beyond].any()
    assert np.array_equal(image[~beyond], face[0][~beyond])
    assert np.array_equal(regions[~beyond], face[1][~beyond])
