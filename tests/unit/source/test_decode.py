"""Encoded images become RGB, label images keep their ids, and nothing is decoded that lies about itself."""

import struct

import cv2
import numpy as np
import pytest
from image_files import encode, noise, png

from faceshards.errors import BadSampleError
from faceshards.source.decode import MAX_PIXELS, check_class_ids, decode_image, decode_labels


def reason(decode, data: bytes) -> str:
    with pytest.raises(BadSampleError, match="face 7") as caught:
        decode(data, "face 7")
    return caught.value.reason


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".ppm"])
def test_lossless_formats_give_the_pixels_back_as_rgb(suffix):
    pixels = noise()
    decoded = decode_image(encode(pixels, suffix), "x")
    assert decoded.dtype == np.uint8
    np.testing.assert_array_equal(decoded, pixels)


def test_lossless_webp_gives_the_pixels_back():
    pixels = noise()
    np.testing.assert_array_equal(decode_image(encode(pixels, ".webp", cv2.IMWRITE_WEBP_QUALITY, 101), "x"), pixels)


@pytest.mark.parametrize("suffix", [".jpg", ".webp"])
def test_lossy_formats_come_close(suffix):
    pixels = np.full((16, 24, 3), (200, 120, 40), np.uint8)
    decoded = decode_image(encode(pixels, suffix, cv2.IMWRITE_JPEG_QUALITY, 95), "x").astype(int)
    assert np.abs(decoded - pixels).max() <= 6


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".pgm"])
def test_grey_repeats_in_three_channels(suffix):
    decoded = decode_image(encode(noise(channels=1), suffix), "x")
    assert decoded.shape == (16, 24, 3)
    np.testing.assert_array_equal(decoded, decoded[..., :1].repeat(3, axis=2))


def test_alpha_is_dropped_and_the_stored_colour_kept():
    rgba = noise(channels=4)
    data = cv2.imencode(".png", cv2.cvtColor(rgba, cv2.COLOR_RGBA2BGRA))[1].tobytes()
    np.testing.assert_array_equal(decode_image(data, "x"), rgba[..., :3])


def test_sixteen_bits_keep_their_upper_eight():
    deep = np.random.default_rng(0).integers(0, 2**16, (8, 8, 3), np.uint16)
    data = cv2.imencode(".png", deep[..., ::-1])[1].tobytes()
    np.testing.assert_array_equal(decode_image(data, "x"), deep >> 8)


def test_exif_orientation_is_applied():
    upright = noise(16, 24)
    jpeg = encode(upright, ".jpg")
    tiff = b"II*\0\x08\0\0\0\x01\0" + struct.pack("<HHIHH", 0x0112, 3, 1, 6, 0) + bytes(4)  # 6: turn clockwise to view
    exif = b"Exif\0\0" + tiff
    turned = jpeg[:2] + b"\xff\xe1" + struct.pack(">H", 2 + len(exif)) + exif + jpeg[2:]
    np.testing.assert_array_equal(decode_image(turned, "x"), np.rot90(decode_image(jpeg, "x"), -1))


@pytest.mark.parametrize("suffix", [".png", ".pgm"])
def test_labels_keep_every_value(suffix):
    ids = np.arange(256, dtype=np.uint8).reshape(16, 16)
    np.testing.assert_array_equal(decode_labels(encode(ids, suffix), "x"), ids)


def test_labels_ignore_gamma_and_transparency_chunks():
    ids = np.arange(256, dtype=np.uint8).reshape(16, 16)
    raster = b"".join(b"\0" + row.tobytes() for row in ids)
    data = png(16, 16, 8, 0, raster, extra=((b"gAMA", struct.pack(">I", 45455)), (b"tRNS", b"\0\x07")))
    np.testing.assert_array_equal(decode_labels(data, "x"), ids)


def test_label_images_that_would_need_a_conversion_are_refused():
    ids = noise(channels=1, top=19)
    palette = bytes(3 * 256)
    indexed = png(2, 1, 8, 3, b"\0\1\2", extra=((b"PLTE", palette),))
    four_bits = png(2, 1, 4, 0, b"\0\x12")
    sixteen_bits = cv2.imencode(".png", ids.astype(np.uint16))[1].tobytes()
    for data in (
        indexed,
        four_bits,
        sixteen_bits,
        encode(np.dstack([ids] * 3)),
        encode(ids, ".jpg"),
        encode(ids, ".bmp"),
    ):
        assert reason(decode_labels, data) == "not_a_label_image"


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".bmp", ".ppm"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.98])
def test_a_truncated_file_is_undecodable_not_half_grey(suffix, share):
    data = encode(noise(64, 64), suffix)
    cut = data[: int(share * len(data))]
    assert reason(decode_image, cut) in ("undecodable_image", "unknown_image_format")


def test_a_header_that_claims_too_many_pixels_is_refused_before_decoding():
    side = 30_000
    bomb = png(side, side, 8, 0, b"")
    assert side * side > MAX_PIXELS
    assert reason(decode_image, bomb) == reason(decode_labels, bomb) == "image_too_large"
    assert reason(decode_image, b"P6\n70000 70000\n255\n") == "image_too_large"
    assert reason(decode_image, b"BM" + bytes(12) + struct.pack("<Iii", 40, 70_000, -70_000)) == "image_too_large"


def test_an_image_without_pixels_is_undecodable():
    assert reason(decode_image, png(0, 5, 8, 0, b"")) == "undecodable_image"


@pytest.mark.parametrize(
    "data", [b"", b"\x89PNG", b"<html>not found</html>", b"GIF89a\1\0\1\0", b"\xff\xd8\xff\xd9", b"P6 x"]
)
def test_what_is_no_image_of_ours_is_named_so(data):
    assert reason(decode_image, data) == "unknown_image_format"


def test_class_ids_are_checked_against_their_scheme():
    labels = np.array([[0, 18, 255]], np.uint8)
    assert check_class_ids(labels, 19, "x") is labels
    with pytest.raises(BadSampleError, match="found 18") as caught:
        check_class_ids(labels, 18, "x")
    assert caught.value.reason == "unknown_class_id"
