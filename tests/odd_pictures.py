"""A folder of pictures as photographers, phones, scanners and scrapers leave them, and what is to become of each."""

import io
import os
import struct
import unicodedata
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from image_files import encode, noise, png
from PIL import Image

FACE = "ok"


def picture(seed: int = 0, size: tuple[int, int] = (112, 112)) -> Image.Image:
    """Soft noise: a picture whose every pixel tells where it should be."""
    height, width = size
    return Image.fromarray(cv2.resize(noise(6, 6, seed=seed), (width, height), interpolation=cv2.INTER_CUBIC))


def saved(image: Image.Image, format: str, **options: Any) -> bytes:
    """A picture as Pillow writes it."""
    data = io.BytesIO()
    image.save(data, format, **options)
    return data.getvalue()


def orientation(value: int) -> Image.Exif:
    """EXIF that says which side of a picture is up."""
    exif = Image.Exif()
    exif[0x0112] = value
    return exif


def raw_file(magic: bytes = b"") -> bytes:
    """A camera's raw file, as far as its header: a TIFF whose first picture is a thumbnail."""
    tags = [(254, 4, 1, 1), (256, 3, 1, 16), (257, 3, 1, 12), (258, 3, 1, 8), (277, 3, 1, 3)]
    body = struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", *tag) for tag in tags) + bytes(4)
    return b"II*\0" + struct.pack("<I", 16) + magic.ljust(8, b"\0") + body + bytes(600)


def flipped(data: bytes) -> bytes:
    """Data with eight bytes in its middle set to zero."""
    middle = len(data) // 2
    return data[:middle] + bytes(8) + data[middle + 8 :]


def odd_pictures() -> dict[str, tuple[bytes, str]]:
    """By path: the file, and ``"ok"``, or the code of the reason for which it is skipped or remarked on."""
    one = picture()
    frames = [picture(seed) for seed in (1, 2, 3)]
    many = {"save_all": True, "append_images": frames[1:]}
    jpeg = saved(one, "JPEG", quality=95)
    deep = np.asarray(one.convert("L")).astype(np.uint16) * 257
    alpha = picture(9).convert("L")
    seen_through = Image.merge("RGBA", (*one.split(), alpha))
    labels = np.kron(noise(4, 4, 1, top=19), np.ones((28, 28), np.uint8))
    palette = one.quantize(200)
    photographer = {
        "IMG_0001.JPG": (jpeg, FACE),
        "IMG_0002.jpeg": (saved(one, "JPEG", progressive=True), FACE),
        "IMG_0003 (print).jpg": (saved(one.convert("CMYK"), "JPEG"), FACE),
        "IMG_0004.tif": (saved(one, "TIFF", compression="tiff_lzw"), FACE),
        "IMG_0005.TIFF": (saved(Image.fromarray(deep), "TIFF"), FACE),
        "IMG_0006.dng": (raw_file(), "unreadable_image"),
        "IMG_0007.CR2": (raw_file(b"CR\2\0"), "unreadable_image"),
        "IMG_0008.NEF": (b"x" * 100, "unknown_image_format"),
        "cover.psd": (b"8BPS\0\1" + bytes(60), "unknown_image_format"),
        "print.tif": (saved(one.convert("CMYK"), "TIFF"), "unreadable_image"),
        "lab.tif": (saved(one.convert("LAB"), "TIFF"), "unreadable_image"),
        "float.tif": (saved(one.convert("F"), "TIFF"), "unreadable_image"),
        "layers.tif": (saved(seen_through, "TIFF"), FACE),
    }
    phone = {
        "IMG_1001.jpg": (saved(one, "JPEG", exif=orientation(6)), FACE),
        "._IMG_1001.jpg": (b"\0\5\x16\7" + bytes(100), "hidden_file"),
        "IMG_1002.mpo": (saved(one, "MPO", save_all=True, append_images=frames[:1]), FACE),
        "IMG_1003.avif": (saved(one, "AVIF", exif=orientation(3)), FACE),
        ".trashed-1700000000-IMG_1004.jpg": (jpeg, "hidden_file"),
        ".thumbnails/1/2.jpg": (jpeg, "hidden_file"),
        "Screenshot 2026-11-27.png": (saved(seen_through, "PNG"), FACE),
        "image.webp": (saved(one, "WEBP"), FACE),
        "burst.gif": (saved(frames[0], "GIF", **many), "first_frame"),
        "sticker.webp": (saved(frames[0], "WEBP", **many), "first_frame"),
        "sticker.png": (saved(frames[0], "PNG", **many), "first_frame"),
        "IMG_1005.jxl": (b"\xff\x0a" + bytes(60), "unknown_image_format"),
    }
    scanner = {
        "scan0001.bmp": (saved(one, "BMP"), FACE),
        "scan0002.pgm": (b"P5\n112 112\n65535\n" + deep.astype(">u2").tobytes(), FACE),
        "scan0003.pbm": (saved(one.convert("1"), "PPM"), FACE),
        "scan0004.jp2": (saved(one, "JPEG2000"), FACE),
        "scan0005.pcx": (saved(one, "PCX"), "unknown_image_format"),
        "scan0006.tif": (saved(frames[0], "TIFF", **many), "first_frame"),
        "scan0007.png": (saved(Image.fromarray(deep), "PNG"), FACE),
        "scan0008.pgm": (b"P5\n2 2\n4095\n" + bytes(8), "unreadable_image"),
        "scan0009.png": (saved(palette, "PNG", transparency=3), FACE),
        "scan0010.png": (saved(Image.merge("LA", (one.convert("L"), alpha)), "PNG"), FACE),
        "scan0011.gif": (saved(palette, "GIF"), FACE),
        "scan0012.jfif": (saved(one.convert("L"), "JPEG"), FACE),
        "scan0013.tif": (saved(one.convert("1"), "TIFF", compression="group4"), FACE),
    }
    scraper = {
        "photo": (jpeg, FACE),
        "photo.jpg_large": (jpeg, FACE),
        "photo.jpg": (saved(one, "PNG"), FACE),
        "photo.txt": (saved(one, "WEBP"), FACE),
        "page.jpg": (b"<!DOCTYPE html><html>404</html>", "unknown_image_format"),
        "empty.jpg": (b"", "unknown_image_format"),
        "cut.jpg": (jpeg[: len(jpeg) // 2], "undecodable_image"),
        "cut.gif": (saved(palette, "GIF")[:-400], "undecodable_image"),
        "damaged.png": (flipped(saved(one, "PNG")), "undecodable_image"),
        "damaged.avif": (flipped(saved(one, "AVIF")), "undecodable_image"),
        "logo.svg": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "unknown_image_format"),
        "favicon.ico": (saved(one, "ICO"), "unknown_image_format"),
        "bomb.png": (png(30_000, 30_000, 8, 0, b""), "image_too_large"),
        "segments.png": (encode(labels), "label_map"),
        "photo_mask.png": (encode(labels), "label_map"),
        "gone.jpg": (b"", "unreadable_file"),
        "\u674e\u3000\u660e.jpg": (jpeg, FACE),
        unicodedata.normalize("NFD", "Zo\u00eb.jpg"): (jpeg, FACE),
        "caf\udce9\n.jpg": (jpeg, FACE),
        "a\u00a0b.JPE": (jpeg, FACE),
    }
    people = {"anna": photographer, "bob": phone, "carl": scanner, "Dora \u3042": scraper}
    return {f"{person}/{name}": of for person, files in people.items() for name, of in files.items()}


NO_PICTURES = (
    "anna/Thumbs.db",
    "bob/.DS_Store",
    "carl/desktop.ini",
    "Dora \u3042/notes.txt",
    "readme.md",
    "anna/x.xmp",
)


def write_odd_folder(root: Path) -> dict[str, str]:
    """Write all of them; returns what is to become of each."""
    pictures = odd_pictures()
    for name, (data, _) in pictures.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    for name in NO_PICTURES:
        (root / name).write_bytes(b"\xd0\xcf\x11\xe0 no picture")
    gone = root / "Dora \u3042/gone.jpg"
    gone.unlink()
    gone.symlink_to(root / "nowhere.jpg")
    os.mkfifo(root / "carl/pipe.png")
    return {**{name: expected for name, (_, expected) in pictures.items()}, "carl/pipe.png": "unreadable_file"}
