"""Whatever the pixels: the header tells the size that decoding gives, and labels survive exactly."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from image_files import encode, noise

from faceshards.errors import BadSampleError
from faceshards.source.decode import decode_image, decode_labels
from faceshards.source.imageheader import read_header

SIDES = st.integers(1, 70)
SUFFIXES = st.sampled_from([".png", ".jpg", ".webp", ".bmp", ".ppm", ".pgm"])


@given(SIDES, SIDES, SUFFIXES, st.booleans())
def test_the_header_tells_the_decoded_size(height, width, suffix, grey):
    grey = (grey and suffix != ".ppm") or suffix == ".pgm"
    data = encode(noise(height, width, 1 if grey else 3), suffix)
    header = read_header(data)
    assert header is not None
    assert (header.height, header.width) == decode_image(data, "x").shape[:2] == (height, width)


@given(hnp.arrays(np.uint8, st.tuples(SIDES, SIDES)))
def test_labels_survive_exactly(labels):
    np.testing.assert_array_equal(decode_labels(encode(labels), "x"), labels)


@settings(max_examples=100, deadline=None)  # a header may claim up to 64 Mpx before the decoder gives up
@given(st.data(), SUFFIXES)
def test_damage_is_a_bad_sample_or_pixels_and_never_another_error(data, suffix):
    whole = bytearray(encode(noise(20, 20, 1 if suffix == ".pgm" else 3), suffix))
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, min(64, len(whole) - 1)))] = data.draw(st.integers(0, 255))
    try:
        pixels = decode_image(bytes(whole), "x")
    except BadSampleError:
        return
    assert pixels.ndim == 3
    assert pixels.dtype == np.uint8
