"""Fuzz targets: pictures, zips, records and what else lies in a source of faces. See `run.py`."""

import atexit
import io
import shutil
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path

import numpy as np
from image_files import noise
from odd_pictures import orientation, picture, saved
from PIL import Image
from recordio_files import insightface, write_pair

from faceshards.errors import FaceShardsError
from faceshards.source.decode import decode_image, decode_labels, decode_mask, decode_picture, is_label_map, is_turned
from faceshards.source.facesynthetics import FaceSynthetics, parse_landmarks
from faceshards.source.files import ZipFiles
from faceshards.source.lapa import parse_points
from faceshards.source.recordio import RecordIO

_MB = 2**20
MEMORY = dict.fromkeys(("png", "jpeg", "webp", "bmp", "pnm", "gif", "tiff", "jp2", "avif", "heic"), 1024 * _MB)
"""Bytes that an input may take. A picture of 64 megapixels and 16 bits a channel takes 600 MB, and 8 kB can be one."""


@cache
def folder() -> Path:
    """A folder for the files of a target."""
    made = Path(tempfile.mkdtemp(prefix="faceshards-fuzz-"))
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    return made


def seeds() -> dict[str, list[bytes]]:
    """Good inputs by target."""
    one, grey = picture(1, (24, 32)), picture(2, (24, 32)).convert("L")
    many = {"save_all": True, "append_images": [picture(3, (24, 32))]}
    turned = {"exif": orientation(6)}
    labels = Image.fromarray(np.kron(noise(3, 4, 1, top=19), np.ones((8, 8), np.uint8)))
    deep = np.asarray(grey).astype(np.uint16) * 257
    return {
        "png": [
            saved(one, "PNG", **turned),
            saved(labels, "PNG"),
            saved(one.quantize(30), "PNG"),
            saved(one, "PNG", **many),
            saved(Image.fromarray(deep), "PNG"),
        ],
        "jpeg": [
            saved(one, "JPEG", **turned),
            saved(one, "JPEG", progressive=True),
            saved(one.convert("CMYK"), "JPEG"),
        ],
        "webp": [saved(one, "WEBP"), saved(one, "WEBP", lossless=True), saved(one, "WEBP", **many)],
        "bmp": [saved(one, "BMP"), saved(one.quantize(16), "BMP"), saved(grey, "BMP")],
        "pnm": [saved(one, "PPM"), b"P2\n# x\n3 2\n255\n1 2 3 4 5 6\n", saved(one.convert("1"), "PPM")],
        "gif": [saved(one, "GIF"), saved(one, "GIF", **many)],
        "tiff": [
            saved(one, "TIFF"),
            saved(one, "TIFF", compression="tiff_lzw"),
            saved(one.convert("1"), "TIFF", compression="group4"),
            saved(one, "TIFF", compression="jpeg"),
            saved(one, "TIFF", **many),
        ],
        "jp2": [saved(one, "JPEG2000"), saved(one, "JPEG2000", no_jp2=True)],
        "avif": [saved(one, "AVIF"), saved(one, "AVIF", **many)],
        "heic": [_heic(one)],
        "zip": [_zip(), _zip(zipfile.ZIP_DEFLATED)],
        "rec": [_records()[0]],
        "idx": [_records()[1]],
        "frame_landmarks": [b"".join(b"%d.5 %d.25\n" % (i, 2 * i) for i in range(70))],
        "lapa_landmarks": [b"106\n" + b"".join(b"%d.5 %d.25\n" % (i, 2 * i) for i in range(106))],
    }


def _read_picture(data: bytes) -> None:
    """Everything that reads pictures."""
    for read in (decode_picture, decode_image, decode_labels, decode_mask, is_turned):
        with suppress(FaceShardsError):
            read(data, "x")
    with suppress(FaceShardsError):
        decode_labels(data, "x", palette=True)
    is_label_map(data)


def png_target(data: bytes) -> None:
    """A PNG, whose chunks have the checksums that fit."""
    _read_picture(_with_checks(data))


def zip_target(data: bytes) -> None:
    """A zip, as such and as one of FaceSynthetics."""
    path = folder() / "x.zip"
    path.write_bytes(data)
    with suppress(FaceShardsError):
        files = ZipFiles(path)
        for name in files.names:
            files.fingerprint(name)
            with suppress(FaceShardsError):
                files.read(name)
    source = FaceSynthetics(path)
    for index in range(len(source)):
        source.face(index), source.digest(index)
        for read in (source.image_bytes, source.landmarks, source.truth):
            with suppress(FaceShardsError):
                read(index)


def rec_target(data: bytes) -> None:
    """A ``.rec`` whose index is good."""
    _read_records(data, _records()[1])


def idx_target(data: bytes) -> None:
    """An ``.idx`` whose records are good."""
    _read_records(_records()[0], data)


def frame_landmarks_target(data: bytes) -> None:
    """The landmarks of a frame."""
    parse_landmarks(data, "x")


def lapa_landmarks_target(data: bytes) -> None:
    """The landmarks of a photograph of LaPa."""
    parse_points(data, "x")


def _read_records(records: bytes, index: bytes) -> None:
    path = folder() / "train.rec"
    path.unlink(missing_ok=True)  # the one before is mapped
    path.write_bytes(records)
    path.with_suffix(".idx").write_bytes(index)
    source = RecordIO(path)
    for number in range(min(len(source), 50)):
        source.face(number), source.digest(number)
        with suppress(FaceShardsError):
            source.image_bytes(number)


def _with_checks(data: bytes) -> bytes:
    """A PNG with each chunk's checksum as it should be, as far as there are chunks."""
    whole, at = bytearray(data), 8
    while at + 12 <= len(whole):
        (length,) = struct.unpack_from(">I", whole, at)
        if at + 12 + length > len(whole):
            break
        struct.pack_into(">I", whole, at + 8 + length, zlib.crc32(whole[at + 4 : at + 8 + length]))
        at += 12 + length
    return bytes(whole)


@cache
def _records() -> tuple[bytes, bytes]:
    good = folder() / "good"
    good.mkdir()
    images = [saved(picture(seed, (8, 8)), "PNG") for seed in (1, 2, 3)]
    path = write_pair(good, insightface(images, [0.0, [1.0, 2.0], 1.0]))
    return path.read_bytes(), path.with_suffix(".idx").read_bytes()


def _zip(compression: int = zipfile.ZIP_STORED) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", compression) as archive:
        for frame in ("000000", "000001"):
            archive.writestr(f"{frame}.png", saved(picture(1, (8, 8)), "PNG"))
            archive.writestr(f"{frame}_ldmks.txt", "1 2\n" * 70)
        archive.writestr("identities.csv", "sample_id,identity\n000000,anna\n000001,=1+1\n")
    return data.getvalue()


def _heic(image: Image.Image) -> bytes:
    import pillow_heif

    data = io.BytesIO()
    pillow_heif.from_pillow(image).save(data, format="HEIF")
    return data.getvalue()


_PICTURES = {name: _read_picture for name in MEMORY if name != "png"}
TARGETS: dict[str, Callable[[bytes], None]] = {
    **_PICTURES,
    **{name.removesuffix("_target"): of for name, of in list(globals().items()) if name.endswith("_target")},
}
"""By name, as in `seeds`."""
