"""Pictures of the formats that people bring: the right pixels, the right way up, or a reason. Pillow is the oracle."""

import io
import struct
import sys

import numpy as np
import pytest
from image_files import encode, noise
from odd_pictures import orientation, picture, saved
from PIL import Image, ImageOps

from faceshards.errors import BadSampleError
from faceshards.source.decode import decode_image, decode_picture, is_turned
from faceshards.source.imageheader import read_header

ONE = picture(size=(48, 64))
ALPHA = picture(7, (48, 64)).convert("L")


def as_pillow_has_it(data: bytes) -> np.ndarray:
    return np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB"))


def difference(data: bytes, expected: np.ndarray) -> int:
    decoded = decode_image(data, "x")
    assert decoded.shape == expected.shape
    assert decoded.dtype == np.uint8
    return int(np.abs(decoded.astype(int) - expected).max())


def reason(data: bytes) -> str:
    with pytest.raises(BadSampleError, match="face 7") as caught:
        decode_image(data, "face 7")
    return caught.value.reason


FORMATS = ["JPEG", "MPO", "PNG", "WEBP", "TIFF", "AVIF"]


@pytest.mark.parametrize("turn", range(1, 9))
@pytest.mark.parametrize("format", FORMATS)
def test_a_picture_lies_as_every_viewer_shows_it(format: str, turn: int) -> None:
    data = saved(ONE, format, exif=orientation(turn))
    assert difference(data, as_pillow_has_it(data)) <= 2
    assert is_turned(data, "x") is (turn > 1)


COLOURS = {
    "CMYK JPEG": saved(ONE.convert("CMYK"), "JPEG", quality=95),
    "grey JPEG": saved(ONE.convert("L"), "JPEG"),
    "palette PNG": saved(ONE.quantize(64), "PNG"),
    "palette PNG with transparency": saved(ONE.quantize(64), "PNG", transparency=3),
    "two-bit PNG": saved(ONE.quantize(4), "PNG", bits=2),
    "one-bit PNG": saved(ONE.convert("1"), "PNG"),
    "LZW TIFF": saved(ONE, "TIFF", compression="tiff_lzw"),
    "JPEG in TIFF": saved(ONE, "TIFF", compression="jpeg"),
    "fax TIFF": saved(ONE.convert("1"), "TIFF", compression="group4"),
    "palette TIFF": saved(ONE.quantize(64), "TIFF"),
    "YCbCr TIFF": saved(ONE.convert("YCbCr"), "TIFF"),
    "grey GIF": saved(ONE.convert("L"), "GIF"),
    "interlaced GIF": saved(ONE.quantize(64), "GIF", interlace=1),
    "palette BMP": saved(ONE.quantize(64), "BMP"),
    "JPEG 2000": saved(ONE, "JPEG2000"),
    "JPEG 2000 without a box": saved(ONE, "JPEG2000", no_jp2=True),
    "AVIF": saved(ONE, "AVIF", quality=95),
    "PBM": saved(ONE.convert("1"), "PPM"),
}


@pytest.mark.parametrize("data", COLOURS.values(), ids=COLOURS)
def test_colours_are_as_pillow_has_them(data: bytes) -> None:
    assert difference(data, as_pillow_has_it(data)) <= 4


@pytest.mark.parametrize(
    ("format", "options"),
    [
        ("PNG", {}),
        ("TIFF", {}),
        ("TIFF", {"compression": "tiff_lzw"}),
        ("WEBP", {"lossless": True, "exact": True}),
        ("AVIF", {"quality": 100, "subsampling": "4:4:4"}),
        ("JPEG2000", {}),
        ("BMP", {}),
    ],
)
def test_what_alpha_hides_keeps_its_colour(format: str, options: dict[str, object]) -> None:
    data = saved(Image.merge("RGBA", (*ONE.split(), ALPHA)), format, **options)
    assert difference(data, np.asarray(ONE)) <= 2


def test_grey_with_alpha_keeps_its_grey() -> None:
    grey = ONE.convert("L")
    for format in ("PNG", "TIFF"):
        assert difference(saved(Image.merge("LA", (grey, ALPHA)), format), np.asarray(grey.convert("RGB"))) == 0


@pytest.mark.parametrize("format", ["PNG", "TIFF"])
def test_sixteen_bits_of_grey_keep_their_upper_eight(format: str) -> None:
    grey = np.asarray(ONE.convert("L"))
    deep = Image.fromarray(grey.astype(np.uint16) << 8 | 77)
    assert difference(saved(deep, format), np.repeat(grey[..., None], 3, axis=2)) == 0


@pytest.mark.parametrize("format", ["GIF", "WEBP", "PNG", "TIFF"])
def test_of_several_pictures_the_first_is_taken_and_told(format: str) -> None:
    others = [picture(seed, (48, 64)) for seed in (1, 2)]
    options = {"lossless": True} if format == "WEBP" else {}
    data = saved(ONE, format, save_all=True, append_images=others, **options)
    first = saved(ONE, format, **options)
    assert difference(data, as_pillow_has_it(data)) == 0
    assert decode_picture(data, "x").remark == "first_frame: its first picture was taken, of 3 or more"
    assert decode_picture(first, "x").remark is None


KINDS_NOT_READ = {
    "TIFF for print": saved(ONE.convert("CMYK"), "TIFF"),
    "CIELAB TIFF": saved(ONE.convert("LAB"), "TIFF"),
    "TIFF of floats": saved(ONE.convert("F"), "TIFF"),
    "TIFF of 32-bit integers": saved(ONE.convert("I"), "TIFF"),
    "PGM of 12 bits": b"P5\n2 2\n4095\n" + b"\x0f\xff" * 4,
    "PGM of 4 bits": b"P5\n2 2\n15\n" + b"\x0f" * 4,
}


@pytest.mark.parametrize("data", KINDS_NOT_READ.values(), ids=KINDS_NOT_READ)
def test_a_kind_that_would_get_other_colours_is_refused_by_name(data: bytes) -> None:
    assert reason(data) == "unreadable_image"


@pytest.mark.parametrize(
    ("data", "named"),
    [
        (b"\xff\x0a" + bytes(60), "JPEG XL"),
        (b"8BPS\0\1" + bytes(60), "Photoshop"),
        (b"<?xml version='1.0'?>\n<svg xmlns='x'/>", "SVG"),
        (b"", "an empty file"),
        (saved(ONE, "DDS"), "DDS"),
        (saved(ONE, "SGI"), "SGI"),
    ],
)
def test_a_format_that_is_not_read_is_named(data: bytes, named: str) -> None:
    with pytest.raises(BadSampleError, match=f"unknown_image_format: .*{named}"):
        decode_image(data, "x")


@pytest.mark.parametrize("format", ["TIFF", "GIF", "JPEG2000", "AVIF", "MPO"])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
def test_a_truncated_picture_is_a_reason_and_not_half_a_face(format: str, share: float) -> None:
    data = saved(ONE, format)
    assert reason(data[: int(share * len(data))]) in ("undecodable_image", "unknown_image_format")


@pytest.mark.parametrize(
    "data",
    [
        b"GIF89a" + struct.pack("<HH", 60_000, 60_000) + bytes(20),
        b"II*\0\x08\0\0\0\2\0" + struct.pack("<HHIIHHII", 256, 4, 1, 60_000, 257, 4, 1, 60_000) + bytes(4),
        b"\xff\x4f\xff\x51" + struct.pack(">HH4I", 41, 0, 60_000, 60_000, 0, 0) + bytes(30),
        b"\0\0\0\x14ftypavif\0\0\0\0avif" + b"\0\0\0\x18meta" + b"ispe" + struct.pack(">III", 0, 60_000, 60_000),
    ],
    ids=["GIF", "TIFF", "JPEG 2000", "AVIF"],
)
def test_a_header_that_claims_too_many_pixels_is_refused_before_decoding(data: bytes) -> None:
    assert reason(data) == "image_too_large"


def test_headers_say_what_pillow_says() -> None:
    for format in ("PNG", "JPEG", "WEBP", "BMP", "PPM", "GIF", "TIFF", "JPEG2000", "AVIF"):
        header = read_header(saved(ONE, format))
        assert header is not None
        assert (header.width, header.height, header.frames, header.fault) == (64, 48, 1, None)


def flat(colours: int) -> np.ndarray:
    return np.kron(noise(5, 5, 1, top=colours), np.ones((20, 20), np.uint8))


def test_flat_areas_of_a_few_colours_are_a_label_map() -> None:
    indexed = Image.fromarray(flat(19)).convert("P")
    indexed.putpalette(noise(256, 1).tobytes())
    mask = (flat(2) * 255).astype(np.uint8)
    for data in (
        encode(flat(19)),
        encode(mask),
        saved(indexed, "PNG"),
        saved(indexed, "GIF"),
        encode(flat(11), ".pgm"),
    ):
        assert reason(data) == "label_map"


def test_a_photograph_of_few_colours_or_of_one_is_no_label_map() -> None:
    grey, black = ONE.convert("L"), Image.new("L", (64, 48))
    for image in (grey, black, grey.point(lambda value: value // 16), ONE.quantize(16), ONE.convert("1")):
        assert difference(saved(image, "PNG"), as_pillow_has_it(saved(image, "PNG"))) == 0


def test_a_heic_photograph_names_its_extra_where_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    data = b"\0\0\0\x14ftypheic\0\0\0\0mif1" + b"\0\0\0\x18meta" + b"ispe" + struct.pack(">III", 0, 64, 48)
    with pytest.raises(BadSampleError, match=r"missing_extra: x: .*pip install 'faceshards\[heic\]'"):
        decode_image(data, "x")


@pytest.fixture
def heif() -> None:
    pytest.importorskip("pillow_heif", reason="the extra heic is not installed").register_heif_opener()


@pytest.mark.usefixtures("heif")
@pytest.mark.parametrize("turn", range(1, 9))
def test_a_heic_photograph_lies_as_the_phone_was_held(turn: int) -> None:
    data = saved(ONE, "HEIF", quality=95, exif=orientation(turn).tobytes())
    assert difference(data, as_pillow_has_it(data)) <= 2
    upright = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(saved(ONE, "PNG", exif=orientation(turn))))))
    assert np.abs(decode_image(data, "x").astype(int) - upright).mean() < 12


@pytest.mark.usefixtures("heif")
def test_a_heic_photograph_in_grey_with_alpha_or_cut_short_is_a_face_or_a_reason() -> None:
    grey = saved(ONE.convert("L"), "HEIF", quality=95)
    assert difference(grey, as_pillow_has_it(grey)) <= 2
    seen_through = saved(Image.merge("RGBA", (*ONE.split(), ALPHA)), "HEIF", quality=100, chroma=444)
    assert difference(seen_through, np.asarray(ONE)) <= 6
    assert reason(grey[: len(grey) * 2 // 3]) == "undecodable_image"
