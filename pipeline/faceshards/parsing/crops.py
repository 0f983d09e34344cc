"""Training faces on disk: cut out once, with ground-truth regions, into memory-mapped files.

Training crops keep half as many pixels again as the network sees, and a margin on each side, so that jitter neither
blurs nor runs into a border. 100,000 of them take 20 GB on disk and no memory.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from faceshards import rng
from faceshards.errors import BadSampleError, ParamsError
from faceshards.ops.align import ALIGNED_SIZE, warp_area, warp_image, warp_labels
from faceshards.records import UInt8Array
from faceshards.source.alignment import Aligner
from faceshards.source.base import Source
from faceshards.source.decode import decode_image
from faceshards.source.trueregions import true_regions

CROP_SIZE = 224
CROP_SCALE = 1.5

Cut: TypeAlias = tuple[UInt8Array, UInt8Array]
"""An image (S, S, 3) uint8 and its regions (S, S) uint8."""

Row: TypeAlias = tuple[int, Source, int]
"""A face: the number of its source, the source, and its index there."""

_NAMED = 5

_OFFSET = (CROP_SIZE - 1) / 2 - CROP_SCALE * (ALIGNED_SIZE - 1) / 2

TO_CROP: NDArray[np.float64] = np.array([[CROP_SCALE, 0, _OFFSET], [0, CROP_SCALE, _OFFSET], [0, 0, 1]])
"""(3, 3): aligned pixel -> crop pixel; the two squares share their centre."""


@dataclass(frozen=True)
class TrainingSource:
    """A source, how much of it to train on, and what to keep for validation.

    Attributes:
        label: what metrics call it; unique.
        source: needs ground truth; faces without, and those that are not found, are skipped.
        weight: its share of the training samples, relative to the other sources.
        validation: sample ids never trained on, each of a face of the source; None takes `TrainParams.validation_share`
            of them, by hash.
    """

    label: str
    source: Source
    weight: float = 1.0
    validation: frozenset[str] | None = None


@dataclass(frozen=True)
class LabelledFace:
    """One decoded face with its 25 regions, not yet aligned.

    Attributes:
        image: (H, W, 3) uint8 RGB.
        regions: (H, W) uint8, 0-24, 255 = ignore.
        matrix: (2, 3) float64, image pixel -> aligned 112x112 pixel.
    """

    image: UInt8Array
    regions: UInt8Array
    matrix: NDArray[np.float64]

    def aligned(self) -> Cut:
        """(112, 112, 3) uint8 image and (112, 112) uint8 regions, exactly as the align stage makes them."""
        return warp_image(self.image, self.matrix), warp_labels(self.regions, self.matrix)

    def crop(self) -> Cut:
        """(224, 224, 3) uint8 image and (224, 224) uint8 regions, aligned, with slack; 255 outside the image."""
        matrix = TO_CROP[:2, :2] @ self.matrix
        matrix[:, 2] += TO_CROP[:2, 2]
        return warp_area(self.image, matrix, CROP_SIZE), warp_labels(self.regions, matrix, CROP_SIZE)


def labelled_face(source: Source, index: int) -> LabelledFace:
    """Read one face with its ground truth; the face mesh finds one without landmarks, as the stage align does.

    Raises:
        BadSampleError: it cannot be read, or has no ground truth, or no face is found.
    """
    what = source.face(index).source_id
    truth, landmarks = source.truth(index), source.landmarks(index)
    if truth is None:
        raise BadSampleError("no_truth", f"{what}: training needs ground-truth labels")
    image = decode_image(source.image_bytes(index), what)
    matrix = _aligner()(image, landmarks).matrix
    regions = true_regions(truth, landmarks, image)
    assert regions is not None  # there is truth
    return LabelledFace(image, regions, np.eye(2, 3) if matrix is None else matrix)


@cache
def _aligner() -> Aligner:
    return Aligner()


def held_out(source: TrainingSource, share: float) -> frozenset[str]:
    """The sample ids that are for validation: as listed, or the first `share` of all hashes, whatever else is there.

    Raises:
        ParamsError: an id of the list is that of no face, and the face that it means would be trained on.
    """
    ids = [source.source.face(i).sample_id for i in range(len(source.source))]
    if source.validation is not None:
        if unknown := sorted(source.validation.difference(ids)):
            raise ParamsError(
                f"sources: {source.label}: validation: expected sample ids of its faces, as {ids[:1]}; found "
                f"{len(unknown)} that are none: {', '.join(map(repr, unknown[:_NAMED]))}; mend or remove them"
            )
        return source.validation
    draws = rng.uniforms(rng.sample_keys(ids), 1)[:, 0]
    return frozenset(i for i, u in zip(ids, draws, strict=True) if u < share)


class LeftOut(NamedTuple):
    """A face that cannot be used.

    Attributes:
        group: the number of its source.
        reason: a short code, as `BadSampleError` has it.
        said: its name, and the reason in words.
    """

    group: int
    reason: str
    said: str


class FaceFiles:
    """A folder of cut faces: `images` (N, S, S, 3) and `regions` (N, S, S), both uint8 and mapped when first used.

    Attributes:
        ids: (N,) sample ids.
        groups: (N,) int64, the number of the source each came from.
        left_out: what could not be used.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        index = json.loads((folder / "index.json").read_text())
        self.ids: list[str] = index["ids"]
        self.groups = np.array(index["groups"], np.int64)
        self.left_out = [LeftOut(*face) for face in index["left_out"]]
        self._maps: Cut | None = None

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "_maps": None}  # another process maps the files itself

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, row: int | slice) -> Cut:
        if self._maps is None:
            images, regions = (np.load(self._folder / name, mmap_mode="r") for name in ("images.npy", "regions.npy"))
            self._maps = images, regions
        return self._maps[0][: len(self)][row], self._maps[1][: len(self)][row]


def write_faces(
    folder: Path,
    rows: Sequence[Row],
    cut: Callable[[LabelledFace], Cut],
    size: int,
    progress: bool,
) -> FaceFiles:
    """Cut faces out of their frames into `folder`.

    Args:
        folder: made if it is not there; what it held is overwritten.
        rows: the faces.
        cut: `LabelledFace.crop` or `LabelledFace.aligned`.
        size: edge of what `cut` returns.
        progress: show a bar.
    """
    from tqdm import tqdm

    folder.mkdir(parents=True, exist_ok=True)
    shape = (len(rows), size, size)
    images = np.lib.format.open_memmap(folder / "images.npy", "w+", np.uint8, (*shape, 3))
    regions = np.lib.format.open_memmap(folder / "regions.npy", "w+", np.uint8, shape)
    ids: list[str] = []
    groups: list[int] = []
    left_out: list[LeftOut] = []
    for group, source, i in tqdm(rows, desc=folder.name, unit="face", disable=not progress):
        try:
            images[len(ids)], regions[len(ids)] = cut(labelled_face(source, i))
        except BadSampleError as error:
            left_out.append(LeftOut(group, error.reason, f"{source.face(i).source_id}: {error}"))
            continue
        ids.append(source.face(i).sample_id)
        groups.append(group)
    images.flush()
    regions.flush()
    (folder / "index.json").write_text(json.dumps({"ids": ids, "groups": groups, "left_out": left_out}, indent=0))
    return FaceFiles(folder)
