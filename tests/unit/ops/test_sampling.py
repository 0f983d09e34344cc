"""Sampling by an affine map is arithmetic of whole numbers, of which every processor makes the same."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from faceshards.ops.sampling import places, sampled

SIZE = 6
PARTS = 32


def turned(angle: float, scale: float, x: float, y: float) -> NDArray[np.float64]:
    cosine, sine = scale * np.cos(angle), scale * np.sin(angle)
    return np.array([[cosine, -sine, x], [sine, cosine, y]])


def value_at(image: NDArray[np.uint8], row: int, column: int, outside: int) -> int:
    height, width = image.shape
    return int(image[row, column]) if 0 <= row < height and 0 <= column < width else outside


maps = st.builds(
    turned, st.floats(-4, 4), st.floats(0.05, 40), st.floats(-60, 60, width=32), st.floats(-60, 60, width=32)
)


@given(maps, st.integers(0, 2**32), st.integers(1, 9), st.integers(1, 9), st.integers(0, 255))
def test_every_pixel_is_the_mean_of_four_by_their_shares_in_32nds(
    to_image: NDArray[np.float64], seed: int, height: int, width: int, outside: int
) -> None:
    image = np.random.default_rng(seed).integers(0, 256, (height, width), np.uint8)
    x, y = (np.rint(place * PARTS).astype(int) for place in places(to_image, SIZE))
    expected = np.empty((SIZE, SIZE), int)
    for at in np.ndindex(SIZE, SIZE):
        (column, right), (row, below) = (divmod(int(steps[at]), PARTS) for steps in (x, y))
        total = sum(
            value_at(image, row + down, column + across, outside)
            * (below if down else PARTS - below)
            * (right if across else PARTS - right)
            for down in (0, 1)
            for across in (0, 1)
        )
        expected[at] = (total + PARTS * PARTS // 2) // (PARTS * PARTS)
    assert (sampled(image, to_image, SIZE, outside=outside) == expected).all()


@given(maps, st.integers(0, 2**32), st.integers(1, 9), st.integers(1, 9))
def test_nearest_takes_the_pixel_that_the_place_rounds_to(
    to_image: NDArray[np.float64], seed: int, height: int, width: int
) -> None:
    image = np.random.default_rng(seed).integers(0, 25, (height, width), np.uint8)
    x, y = (np.rint(place).astype(int) for place in places(to_image, SIZE))
    expected = [[value_at(image, y[i, j], x[i, j], 255) for j in range(SIZE)] for i in range(SIZE)]
    assert sampled(image, to_image, SIZE, by="nearest", outside=255).tolist() == expected


@pytest.mark.parametrize("by", ["bilinear", "nearest"])
def test_a_square_of_an_image_wider_than_opencv_warps_is_its_pixels(by: str) -> None:
    image = np.random.default_rng(0).integers(0, 256, (8, 40_000, 3), np.uint8)
    to_image = np.array([[1.0, 0, 39_990], [0, 1, 1]])
    assert (sampled(image, to_image, SIZE, by=by) == image[1:7, 39_990:39_996]).all()  # type: ignore[arg-type]


def test_the_border_may_go_on_as_the_image_ends() -> None:
    image = np.arange(9, dtype=np.uint8).reshape(3, 3)
    shown = sampled(image, np.array([[1.0, 0, -500], [0, 1, 900]]), 2, border=cv2.BORDER_REPLICATE)
    assert shown.tolist() == [[6, 6], [6, 6]]
