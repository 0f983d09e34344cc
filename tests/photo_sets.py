"""Rendered faces laid out as data sets of photographs with masks."""

import io
import zipfile
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from image_files import encode
from PIL import Image

from faceshards.regions import CoarseRegion
from faceshards.source import Source
from faceshards.source.demo import DemoFace, render_face

SIZE = 256
CELEBAMASK = [0, 1, 2, 16, 3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 17, 99, 99, 12, 15]
"""The coarse class of each of CelebAMask-HQ's; 99 for earring and necklace, which the renderer does not draw."""
LAPA = [0, 1, 6, 5, 4, 3, 2, 10, 9, 11, 13]
PARTS = (
    *("skin", "nose", "eye_g", "l_eye", "r_eye", "l_brow", "r_brow", "l_ear", "r_ear", "mouth"),
    *("u_lip", "l_lip", "hair", "hat", "ear_r", "neck_l", "neck", "cloth"),
)


@lru_cache
def face(number: int) -> DemoFace:
    """A rendered face of 256x256 pixels."""
    return render_face(0, number, 0, SIZE)


def jpeg(number: int) -> bytes:
    return encode(face(number).image, ".jpg", cv2.IMWRITE_JPEG_QUALITY, 95)


def expected(number: int) -> np.ndarray:
    """The renderer's own labels; beard is skin in these data sets."""
    labels = face(number).labels.copy()
    labels[labels == CoarseRegion.BEARD] = CoarseRegion.SKIN
    return labels


def labels_of(source: Source, index: int) -> np.ndarray:
    """What a data set says of a face, in the renderer's classes."""
    truth = source.truth(index)
    assert truth is not None
    assert truth.scheme == "facesynthetics"
    return truth.labels


def ids(number: int, table: list[int]) -> np.ndarray:
    """The labels of a face in a data set's own ids; a class that it has not is background."""
    labels = expected(number)
    found = np.zeros(labels.shape, np.uint8)
    for number_of, coarse in enumerate(table):
        found[labels == coarse] = number_of
    return found


def indexed(values: np.ndarray, bits: int = 8) -> bytes:
    """A PNG whose palette indices are the values, and whose colours tell nothing."""
    image = Image.fromarray(values).convert("P")
    image.putpalette(np.random.default_rng(0).integers(0, 256, 768, np.uint8).tobytes())
    data = io.BytesIO()
    image.save(data, "PNG", bits=bits)
    return data.getvalue()


def pairs(count: int = 3, table: list[int] = CELEBAMASK) -> dict[str, bytes]:
    """``images`` and ``masks``; every other mask is grey, the others have a palette."""
    files = {f"images/a{i}.jpg": jpeg(i) for i in range(count)}
    for i in range(count):
        values = ids(i, table)
        files[f"masks/a{i}.png"] = encode(values) if i % 2 else indexed(values)
    return files


def published(count: int = 2) -> dict[str, bytes]:
    """CelebAMask-HQ's own layout: a mask a class, of half the size."""
    files = {f"CelebA-HQ-img/{i}.jpg": jpeg(i) for i in range(count)}
    for i in range(count):
        half = cv2.resize(ids(i, CELEBAMASK), None, fx=0.5, fy=0.5, interpolation=cv2.INTER_NEAREST)
        for number, part in enumerate(PARTS, 1):
            if (half == number).any():
                mask = np.repeat(((half == number) * np.uint8(255))[..., None], 3, axis=2)
                files[f"CelebAMask-HQ-mask-anno/{i}/{i:05d}_{part}.png"] = encode(mask)
    return files


def points(number: int) -> np.ndarray:
    """106 points, of which the five that count are the face's."""
    found = np.random.default_rng(number).uniform(0, SIZE, (106, 2))
    found[[104, 105, 54, 84, 90]] = face(number).landmarks[[68, 69, 30, 48, 54]]
    return found.round(3)


def lapa(count: int = 3) -> dict[str, bytes]:
    """LaPa's layout; the last face is in ``val``."""
    files = {}
    for i in range(count):
        split = "val" if i == count - 1 else "train"
        files[f"{split}/images/{i}_0.jpg"] = jpeg(i)
        files[f"{split}/labels/{i}_0.png"] = encode(ids(i, LAPA))
        files[f"{split}/landmarks/{i}_0.txt"] = ("106\n" + "".join(f"{x:.3f} {y:.3f}\n" for x, y in points(i))).encode()
    return files


def zipped(path: Path, files: dict[str, bytes], within: str = "") -> Path:
    """A zip of files, each in a folder where one is named."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(within + name, data)
    return path
