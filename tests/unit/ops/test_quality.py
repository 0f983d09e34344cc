"""Measures of a picture, each against what it is by definition."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from faceshards.ops.quality import luma, quality, sharpness


def test_a_flat_picture_is_not_sharp_and_has_no_contrast() -> None:
    found = quality(np.full((2, 9, 9, 3), 77, np.uint8))
    assert [values.tolist() for values in found] == [[0, 0], [77, 77], [0, 0], [0, 0]]


def test_brightness_and_contrast_of_half_black_half_white() -> None:
    half = np.zeros((1, 8, 8, 3), np.uint8)
    half[:, :, 4:] = 255
    assert quality(half).brightness[0] == 127.5
    assert quality(half).contrast[0] == 127.5


def test_colour_is_the_spread_of_the_channels() -> None:
    red = np.zeros((1, 4, 4, 3), np.uint8)
    red[..., 0] = 200
    red[:, :2] = 90  # half of it is grey
    assert quality(red).colour[0] == 100


@given(arrays.arrays(np.uint8, st.tuples(st.integers(3, 9), st.integers(3, 9))))
def test_sharpness_is_the_variance_of_the_laplacian(grey: np.ndarray) -> None:
    wide = grey.astype(np.int64)
    inner = wide[:-2, 1:-1] + wide[2:, 1:-1] + wide[1:-1, :-2] + wide[1:-1, 2:] - 4 * wide[1:-1, 1:-1]
    assert sharpness(grey) == pytest.approx(inner.var(), abs=1e-6)


def test_a_blurred_picture_is_less_sharp() -> None:
    board = (np.indices((16, 16)).sum(axis=0) // 2 % 2 * 255).astype(np.uint8)
    blurred = (board.astype(int) + np.roll(board, 1, 0) + np.roll(board, 1, 1) + np.roll(board, (1, 1), (0, 1))) // 4
    assert sharpness(blurred.astype(np.uint8)) < sharpness(board) / 2


def test_luma_keeps_grey_as_it_is() -> None:
    grey = np.arange(256, dtype=np.uint8).reshape(1, 16, 16)
    np.testing.assert_array_equal(luma(np.repeat(grey[..., None], 3, axis=-1)), grey)


def test_no_pictures_have_no_measures() -> None:
    assert [len(values) for values in quality(np.empty((0, 5, 5, 3), np.uint8))] == [0, 0, 0, 0]
