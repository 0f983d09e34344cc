"""How well our 25 regions agree with the FSErasing authors' own labels.

python benchmarks/labels25.py ../shared

Two tables: the regions as the stages cut them, by the face mesh of the image where it agrees with the landmarks; and
those by the landmarks alone. Read are the zips `facesynthetics/dataset_*.zip` and the authors' labels
`labels25/NAME_seg224.png` of their frames. Frames 0 to 4 also helped to fit the map from landmarks to mesh points. How
the map does on faces that it never saw is printed by fit_mesh_map.py.
"""

import argparse
import io
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from faceshards.ops.labels import detailed_regions
from faceshards.regions import IGNORE, REGION_NAMES, CoarseRegion
from faceshards.source.trueregions import cut_regions

SKIN_CLASSES = range(1, 10)
LABEL_SIZE = 224

MIRRORED_LANDMARKS = [
    *range(16, -1, -1),
    *range(26, 16, -1),
    *range(27, 31),
    *range(35, 30, -1),
    *(45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40),
    *range(54, 47, -1),
    *range(59, 54, -1),
    *range(64, 59, -1),
    *(67, 66, 65, 69, 68),
]
"""The landmark that takes each one's place in a mirrored picture."""


class Frame(NamedTuple):
    """A FaceSynthetics frame: picture (H, W, 3) BGR, coarse labels (H, W) uint8, landmarks (70, 2) float32."""

    name: str
    image: NDArray[np.uint8]
    coarse: NDArray[np.uint8]
    landmarks: NDArray[np.float32]


class Agreement(NamedTuple):
    """Our regions against the authors', over one or more frames.

    Attributes:
        counts: (25, 25) int64, the authors' class by ours, of all pixels that both label.
        skin_counts: the same, of those that are skin or beard.
    """

    counts: NDArray[np.int64]
    skin_counts: NDArray[np.int64]

    @property
    def skin(self) -> float:
        """The share of skin and beard pixels that agree."""
        return float(np.trace(self.skin_counts) / self.skin_counts.sum())

    @property
    def iou(self) -> NDArray[np.float64]:
        """(9,) of classes 1-9; NaN for a class that neither side has."""
        both = np.diag(self.counts).astype(np.float64)
        either = self.counts.sum(0) + self.counts.sum(1) - both
        iou = np.divide(both, either, out=np.full(len(both), np.nan), where=either > 0)
        return np.asarray(iou[list(SKIN_CLASSES)])

    @property
    def miou(self) -> float:
        return float(np.nanmean(self.iou))


def read_frames(frames_zip: Path) -> Iterator[Frame]:
    with zipfile.ZipFile(frames_zip) as archive:
        for member in sorted(n for n in archive.namelist() if n.endswith("_ldmks.txt")):
            stem = member.removesuffix("_ldmks.txt")
            image, coarse = (
                np.asarray(cv2.imdecode(np.frombuffer(archive.read(stem + tail), np.uint8), flag), np.uint8)
                for tail, flag in ((".png", cv2.IMREAD_COLOR), ("_seg.png", cv2.IMREAD_UNCHANGED))
            )
            yield Frame(stem, image, coarse, np.loadtxt(io.BytesIO(archive.read(member)), np.float32))


def at_label_size(labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Nearest sample at the centre of each of the authors' 224 x 224 pixels."""
    rows, columns = (((np.arange(LABEL_SIZE) + 0.5) * n / LABEL_SIZE).astype(int) for n in labels.shape)
    return labels[np.ix_(rows, columns)]


def agreement(regions: NDArray[np.uint8], coarse: NDArray[np.uint8], authors: NDArray[np.uint8]) -> Agreement:
    """Compare full-size `regions` with the authors' (224, 224) labels, skipping 255 on either side."""
    ours, parts = at_label_size(regions), at_label_size(coarse)
    known = (authors != IGNORE) & (ours != IGNORE)
    skin = known & np.isin(parts, (CoarseRegion.SKIN, CoarseRegion.BEARD))
    return Agreement(*(_confusion(authors[where], ours[where]) for where in (known, skin)))


def pooled(parts: Sequence[Agreement]) -> Agreement:
    return Agreement(*(np.sum(counts, axis=0) for counts in zip(*parts, strict=True)))


def authors_labels(folder: Path, name: str) -> NDArray[np.uint8] | None:
    path = folder / f"{name}_seg224.png"
    return np.asarray(cv2.imread(str(path), cv2.IMREAD_UNCHANGED)) if path.exists() else None


def labelled_frames(shared: Path) -> list[tuple[Frame, NDArray[np.uint8]]]:
    """The frames that the authors' labels are at hand for, with those labels."""
    zips = sorted((shared / "facesynthetics").glob("dataset_*.zip"))
    frames = {frame.name: frame for frames_zip in zips for frame in read_frames(frames_zip)}
    pairs = ((frame, authors_labels(shared / "labels25", name)) for name, frame in sorted(frames.items()))
    return [(frame, labels) for frame, labels in pairs if labels is not None]


def by_mesh(frame: Frame) -> NDArray[np.uint8]:
    """The 25 regions as the stages cut them."""
    return cut_regions(frame.coarse, frame.landmarks, np.ascontiguousarray(frame.image[..., ::-1]))


def by_map(frame: Frame) -> NDArray[np.uint8]:
    """The 25 regions by the landmarks alone."""
    return detailed_regions(frame.coarse, frame.landmarks)


def table(rows: Sequence[tuple[str, Agreement]]) -> str:
    """One line a frame and one for all of them."""
    rows = [*rows, ("all", pooled([a for _, a in rows]))]
    head = "frame    skin agrees   mIoU 1-9   " + " ".join(f"{REGION_NAMES[k][:11]:>11s}" for k in SKIN_CLASSES)
    lines = [
        f"{name:8s} {a.skin:11.4f} {a.miou:10.4f}   " + " ".join(f"{iou:11.3f}" for iou in a.iou) for name, a in rows
    ]
    return "\n".join([head, *lines])


def _confusion(truth: NDArray[np.uint8], found: NDArray[np.uint8]) -> NDArray[np.int64]:
    n = len(REGION_NAMES)
    return np.bincount(truth.astype(np.int64) * n + found, minlength=n * n).reshape(n, n)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shared", type=Path, nargs="?", default=Path("../shared"))
    pairs = labelled_frames(parser.parse_args().shared)
    for title, cut in (("by the mesh of the image", by_mesh), ("by the 70 landmarks alone", by_map)):
        print(title)
        print(table([(f.name, agreement(cut(f), f.coarse, authors)) for f, authors in pairs]))


if __name__ == "__main__":
    main()
