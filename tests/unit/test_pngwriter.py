"""PNG files that numpy and zlib write are what every decoder reads, to the same pixels."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from faceshards.pngwriter import png


@given(st.integers(1, 9), st.integers(1, 9), st.sampled_from([(), (3,)]), st.integers(0, 2**32 - 1))
def test_any_pixels_come_back(height: int, width: int, colours: tuple[int, ...], seed: int) -> None:
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, *colours), np.uint8)
    if not colours:
        read = cv2.imdecode(np.frombuffer(png(pixels), np.uint8), cv2.IMREAD_UNCHANGED)
    else:
        read = cv2.imdecode(np.frombuffer(png(pixels), np.uint8), cv2.IMREAD_COLOR_RGB)
    np.testing.assert_array_equal(read, pixels)


@pytest.mark.parametrize("shape", [(112, 112), (112, 112, 3)])
def test_what_is_smooth_takes_little_room(shape: tuple[int, ...]) -> None:
    ramp = np.broadcast_to(np.arange(112, dtype=np.uint8)[:, None], (112, 112))
    pixels = ramp if len(shape) == 2 else np.repeat(ramp[..., None], 3, axis=2)
    assert len(png(np.ascontiguousarray(pixels))) < 1000
