"""What `loader.py` asks of a way of keeping faces, and what several of them share.

A sample is an image (112, 112, 3), its region map (112, 112) and an identity.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch.utils.data
from torch.utils.data import DataLoader

BATCH = 128
FILE_ROWS = 2048
SHUFFLE_BUFFER = 2048

cv2.setNumThreads(1)


class Faces(NamedTuple):
    """What is written: (N, 112, 112, 3) and (N, 112, 112) uint8, (N,) int64; memory maps."""

    image: Any
    region: Any
    identity: Any


Batches = Iterable[Mapping[str, Any]]


class Format:
    """One way of keeping faces.

    Attributes:
        name: in the table.
        lossless: the image comes back as it was.
        compressed: and takes less room than its pixels.
        regions: it carries region maps too; where not, it has less to read.
    """

    name: str
    lossless = True
    compressed = True
    regions = True

    def available(self) -> bool:
        return True

    def write(self, folder: Path, faces: Faces) -> None:
        raise NotImplementedError

    def read(self, folder: Path, shuffle: bool, workers: int) -> Batches:
        raise NotImplementedError


class _Mapped(torch.utils.data.Dataset[Any]):
    def __init__(self, items: Sequence[Any], get: Any) -> None:
        self._items, self._get = items, get

    def __len__(self) -> int:
        return len(self._items)

    def __getitem__(self, at: int) -> Any:
        return self._get(self._items[at])


def over_rows(n: int, take: Any, shuffle: bool, workers: int) -> Batches:
    order = np.random.default_rng().permutation(n) if shuffle else np.arange(n)
    batches = [order[start : start + BATCH] for start in range(0, n, BATCH)]
    if not workers:
        return map(take, batches)
    return DataLoader(_Mapped(batches, take), batch_size=None, num_workers=workers)


def map_style(items: Sequence[Any], sample: Any, shuffle: bool, workers: int) -> Batches:
    return DataLoader(_Mapped(items, sample), batch_size=BATCH, shuffle=shuffle, num_workers=workers)


def encoded(faces: Faces, suffix: str | None) -> Iterator[dict[str, Any]]:
    for image, region, identity in zip(*faces, strict=True):
        pixels, regions = np.asarray(image), np.asarray(region)
        if suffix is None:
            files = {"image": pixels.tobytes(), "region": regions.tobytes()}
        else:
            bgr = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)
            files = {
                "image": cv2.imencode(suffix, bgr)[1].tobytes(),
                "region": cv2.imencode(".png", regions)[1].tobytes(),
            }
        yield {**files, "identity": int(identity)}


def decoded(sample: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "image": cv2.imdecode(np.frombuffer(sample["image"], np.uint8), cv2.IMREAD_COLOR_RGB),
        "region": cv2.imdecode(np.frombuffer(sample["region"], np.uint8), cv2.IMREAD_UNCHANGED),
        "identity": sample["identity"],
    }


def parts(samples: Iterator[dict[str, Any]]) -> Iterator[Iterator[dict[str, Any]]]:
    for first in samples:
        rest = (sample for _, sample in zip(range(FILE_ROWS - 1), samples, strict=False))
        yield (sample for part in ([first], rest) for sample in part)
