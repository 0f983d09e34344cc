"""What a trained net is worth: scores of pairs, with one of the faces hidden in part, and what the net looks at."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

import faceshards
from examples.proof.hidden import HIDDEN, hide
from examples.recognition.nets import to_input
from examples.recognition.verification.protocol import BoolArray, FloatArray, IntArray, Pairs, accepted, roc
from faceshards.cam import FSCAM, CosineTarget
from faceshards.records import UInt8Array

BATCH = 128
CAM_PAIRS = 200

Forward = Callable[[Tensor], Tensor]
Hide = Callable[[UInt8Array, UInt8Array, IntArray], UInt8Array]


@dataclass(frozen=True, slots=True, eq=False)
class TestFaces:
    """The faces of a half's pairs, in memory.

    Attributes:
        images: (N, 112, 112, 3) uint8.
        regions: (N, 112, 112) uint8.
        samples: (N,) which of the store they are.
        pairs: by index of these.
    """

    images: UInt8Array
    regions: UInt8Array
    samples: IntArray
    pairs: Pairs

    @classmethod
    def read(cls, dataset: faceshards.Dataset, pairs: Pairs) -> "TestFaces":
        """Of a store and pairs by its samples."""
        samples, index = np.unique(np.concatenate([pairs.first, pairs.second]), return_inverse=True)
        held = dataset.take(samples, fields=["image", "region"], view="original")
        first, second = index[: len(pairs.first)], index[len(pairs.first) :]
        return cls(held["image"], held["region"], samples, Pairs(first, second, pairs.same, pairs.fold))


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """All that a training says about its half.

    Attributes:
        scores: (P,) float32 cosine of each pair.
        hidden: of each of `hidden.HIDDEN`, (P,) bool: whether the pair is taken for one person when its second face is hidden
            in part, at the threshold that is best on the other folds.
        influence: (M, 25) float32 by FS-CAM: how far the cosine of a pair of one person falls without each region of its
            second face; NaN for a region that the face does not show.
    """

    scores: NDArray[np.float32]
    hidden: dict[str, BoolArray]
    influence: NDArray[np.float32]


def answer(forward: Forward, net: nn.Module, faces: TestFaces, device: torch.device | str = "cpu") -> Answers:
    """Verify all pairs, with the second face as it is and hidden in each way, and explain some of them.

    Args:
        forward: (B, 3, 112, 112) float32 to embeddings.
        net: what `forward` runs; it is put into eval mode.
        faces: of the half.
        device: where the net is.
    """
    net.eval()
    everyone = np.arange(len(faces.samples))
    clean = embed(forward, faces, everyone, device)
    pairs = faces.pairs
    probes, probe = np.unique(pairs.second, return_inverse=True)
    hidden = {}
    for what in HIDDEN:
        found = embed(forward, faces, probes, device, lambda *of, what=what: hide(*of, what))
        hidden[what] = accepted(cosines(clean[pairs.first], found[probe]), pairs)
    return Answers(pairs.scores(clean).astype(np.float32), hidden, influence(forward, faces, clean, device))


def embed(
    forward: Forward, faces: TestFaces, which: IntArray, device: torch.device | str, change: Hide | None = None
) -> NDArray[np.float32]:
    """Embeddings of unit length of some faces, each with its mirror image added: (n, D)."""
    parts = []
    with torch.inference_mode():
        for at, images in _batches(faces, which, change):
            batch = to_input(torch.from_numpy(images)).to(device)
            parts.append(F.normalize((forward(batch) + forward(batch.flip(-1))).float()).cpu()[: len(at)])
    found: NDArray[np.float32] = torch.cat(parts).numpy()
    return found


def influence(forward: Forward, faces: TestFaces, clean: FloatArray, device: torch.device | str) -> NDArray[np.float32]:
    """FS-CAM (mode "erase") of the second faces of the first pair of one person of each of `CAM_PAIRS` people, evenly chosen."""
    same = np.flatnonzero(faces.pairs.same)
    same = same[np.linspace(0, len(same) - 1, min(CAM_PAIRS, len(same))).astype(np.int64)]
    cam = FSCAM(_padded(forward), mode="erase", baseline=0.0, batch_size=BATCH, outputs="embeddings")
    out = []
    for start in range(0, len(same), 32):
        at = same[start : start + 32]
        second = faces.pairs.second[at]
        targets = [CosineTarget(torch.from_numpy(np.array(clean[face])).to(device)) for face in faces.pairs.first[at]]
        images = to_input(torch.from_numpy(faces.images[second])).to(device)
        out.append(cam.region_scores(images, targets, regions=torch.from_numpy(faces.regions[second]).to(device)))
    return np.concatenate(out)


def spread(influence: NDArray[np.float32]) -> NDArray[np.float64]:
    """Over how many regions a net's attention is spread, of each face: (M, 25) to (M,).

    The perplexity (2 to the entropy in bits) of the regions' influence, where what does not lower the cosine counts as none: 1
    where all hangs on one region, 25 where all count alike. NaN where no region lowers it.
    """
    falls = np.nan_to_num(np.maximum(influence, 0)).astype(np.float64)
    total = falls.sum(1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = falls / total
        bits = -np.where(share > 0, share * np.log2(share), 0).sum(1)
    return np.where(total[:, 0] > 0, 2**bits, np.nan)


def cosines(first: FloatArray, second: FloatArray) -> FloatArray:
    """Of (P, D) embeddings of unit length, row by row."""
    out: FloatArray = np.einsum("pd,pd->p", first, second)
    return out


def figures(scores: FloatArray, pairs: Pairs) -> dict[str, float]:
    """Accuracy (each fold's threshold is the best of the others), EER, and TAR at a FAR of 1e-2 and 1e-3."""
    curve = roc(scores, pairs.same)
    right = accepted(scores, pairs) == pairs.same
    return {
        "accuracy": float(np.mean([right[pairs.fold == fold].mean() for fold in range(pairs.folds)])),
        "eer": curve.eer,
        "tar_at_0.01": curve.tar_at(1e-2),
        "tar_at_0.001": curve.tar_at(1e-3),
    }


def _batches(faces: TestFaces, which: IntArray, change: Hide | None) -> Iterator[tuple[IntArray, UInt8Array]]:
    """All of `BATCH` faces, the last one filled up with its last face: a compiled net takes one size."""
    for start in range(0, len(which), BATCH):
        at = which[start : start + BATCH]
        full = np.concatenate([at, np.repeat(at[-1:], BATCH - len(at))])
        images = faces.images[full]
        yield at, images if change is None else change(images, faces.regions[full], faces.samples[full])


def _padded(forward: Forward) -> Forward:
    def run(images: Tensor) -> Tensor:
        short = BATCH - len(images)
        full = torch.cat([images, images[-1:].expand(short, -1, -1, -1)]) if short else images
        return forward(full)[: len(images)].float()

    return run
