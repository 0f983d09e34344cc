"""The files that `faceshards fscam` leaves."""

import csv
import io
import itertools
from pathlib import Path

import cv2
import numpy as np

from faceshards.cam.explain import Explanation, region_means
from faceshards.cam.faces import Faces
from faceshards.cam.heatmap import identity_heatmap
from faceshards.cam.render import overlay_regions, overlay_saliency, region_bars
from faceshards.cells import cell
from faceshards.counted import counted
from faceshards.records import Float32Array, UInt8Array
from faceshards.regions import REGION_NAMES
from faceshards.store.durable import write_file

SCORES_CSV = "scores.csv"
REGIONS_SVG = "regions.svg"
IDENTITIES_SVG = "identities.svg"
AVERAGE_NPY = "average.npy"
AVERAGE_PNG = "average.png"
OVERLAYS = "overlays"
SKIPPED_CSV = "skipped.csv"

_ENLARGED = 2


class OverlayWriter:
    """Writes face, regions and saliency side by side as ``overlays/000000.png``: the row of the face in `SCORES_CSV`.

    Args:
        out: a folder.
        most: how many of the first faces.
    """

    def __init__(self, out: Path, most: int) -> None:
        self._out = out / OVERLAYS
        self._out.mkdir(parents=True, exist_ok=True)
        self._places = iter(range(most))

    def __call__(self, faces: Faces, saliency: Float32Array) -> None:
        """See `faceshards.cam.explain.OnFaces`."""
        for place, face in zip(itertools.islice(self._places, len(saliency)), range(len(saliency)), strict=False):
            image, regions = faces.images[face], faces.regions[face]
            parts = [image, overlay_regions(image, regions), overlay_saliency(image, saliency[face])]
            _write_png(self._out / f"{place:06d}.png", np.concatenate(parts, axis=1))


def write_results(found: Explanation, out: Path) -> None:
    """Write all but the overlays into the folder `out`.

    Tables, ``.npy`` and pictures have the same bytes for the same explanation. A score has the nine digits that give
    its float32 back; it is empty where the face does not show the region. `SKIPPED_CSV` is there only if a face was.
    """
    rows = zip(found.sample_ids, found.identities, found.targets, found.scores.tolist(), strict=True)
    header = ("sample_id", "identity", "target", *REGION_NAMES)
    _write_csv(out / SCORES_CSV, header, [[*about, *map(_digits, scores)] for *about, scores in rows], 3)
    means, spread = region_means(found.scores)
    title = f"mean score and standard deviation, {counted(len(found.sample_ids), 'face')}"
    write_file(out / REGIONS_SVG, region_bars(means, title, spread).encode())
    heatmap = identity_heatmap(found.identities, found.scores, "mean score by identity and region")
    write_file(out / IDENTITIES_SVG, heatmap.encode())
    data = io.BytesIO()
    np.save(data, found.average, allow_pickle=False)
    write_file(out / AVERAGE_NPY, data.getvalue())
    _write_png(out / AVERAGE_PNG, overlay_saliency(found.mean_face, found.average))
    if found.skipped:
        _write_csv(out / SKIPPED_CSV, ("sample_id", "reason"), [list(row) for row in found.skipped.items()], 2)


def _digits(score: float) -> str:
    return "" if np.isnan(score) else f"{score:.9g}"


def _write_csv(path: Path, header: tuple[str, ...], rows: list[list[str]], about: int) -> None:
    """Write a table; the first `about` cells of a row are names, the others numbers."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows([[*map(cell, row[:about]), *row[about:]] for row in rows])
    write_file(path, text.getvalue().encode())


def _write_png(path: Path, image: UInt8Array) -> None:
    size = (image.shape[1] * _ENLARGED, image.shape[0] * _ENLARGED)
    enlarged = cv2.resize(image, size, interpolation=cv2.INTER_CUBIC)
    _, data = cv2.imencode(".png", cv2.cvtColor(enlarged, cv2.COLOR_RGB2BGR))
    write_file(path, data.tobytes(), sweeping=False)
