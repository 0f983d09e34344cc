"""What a trained net is worth: scores of pairs, with one of the faces hidden in part, and what the net looks at."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

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


@dataclass(frozen=True, eq=False)
class PairFaces:
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
    def read(cls, dataset: faceshards.Dataset, pairs: Pairs) -> "PairFaces":
        """Of a store and pairs by its samples."""
        samples, index = np.unique(np.concatenate([pairs.first, pairs.second]), return_inverse=True)
        held = dataset.take(samples, fields=["image", "region"], view="original")
        first, second = index[: len(pairs.first)], index[len(pairs.first) :]
        images, regions = (held[name].astype(np.uint8, copy=False) for name in ("image", "region"))
        return cls(images, regions, samples, Pairs(first, second, pairs.same, pairs.fold))

    @cached_property
    def probes(self) -> IntArray:
        """(M,) the faces that are the second of a pair."""
        return np.unique(self.pairs.second)

    @cached_property
    def hidden(self) -> dict[str, UInt8Array]:
        """The probes with each of `hidden.HIDDEN` hidden, (M, 112, 112, 3) uint8: made once for all nets."""
        of = self.images[self.probes], self.regions[self.probes], self.samples[self.probes]
        return {what: hide(*of, what) for what in HIDDEN}


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """All that a training says about its half.

    Attributes:
        scores: (P,) float32 cosine of each pair.
        hidden: of each of `hidden.HIDDEN`, (P,) bool: whether the pair is taken for one person when its second face is
            hidden in part, at the threshold that is best on the other folds.
        influence: (M, 25) float32 by FS-CAM: how far the cosine of a pair of one person falls without each region of
            its second face; NaN for a region that the face does not show.
    """

    scores: NDArray[np.float32]
    hidden: dict[str, BoolArray]
    influence: NDArray[np.float32]


def answer(
    forward: Forward, net: nn.Module, faces: PairFaces, device: torch.device | str = "cpu", batch: int = BATCH
) -> Answers:
    """Verify all pairs, with the second face as it is and hidden in each way, and explain some of them.

    Args:
        forward: (B, 3, 112, 112) float32 to embeddings.
        net: what `forward` runs; it is put into eval mode.
        faces: of the half.
        device: where the net is.
        batch: faces at a time.
    """
    net.eval()
    clean = embed(forward, faces.images, device, batch)
    pairs = faces.pairs
    probe = np.searchsorted(faces.probes, pairs.second)
    hidden = {}
    for what, images in faces.hidden.items():
        seconds = embed(forward, images, device, batch)[probe]
        hidden[what] = accepted(np.einsum("pd,pd->p", clean[pairs.first], seconds), pairs)
    return Answers(pairs.scores(clean).astype(np.float32), hidden, influence(forward, faces, clean, device, batch))


def embed(forward: Forward, images: UInt8Array, device: torch.device | str, batch: int = BATCH) -> NDArray[np.float32]:
    """Embeddings of unit length of (N, 112, 112, 3) faces, each with its mirror image added: (N, D).

    The last batch is filled up with its last face, for a compiled net takes one size.
    """
    parts = []
    with torch.inference_mode():
        for start in range(0, len(images), batch):
            some = torch.from_numpy(images[start : start + batch])
            full = torch.cat([some, some[-1:].expand(batch - len(some), -1, -1, -1)])
            given = to_input(full.to(device))
            parts.append(F.normalize((forward(given) + forward(given.flip(-1))).float()).cpu()[: len(some)])
    found: NDArray[np.float32] = torch.cat(parts).numpy()
    return found


def influence(
    forward: Forward, faces: PairFaces, clean: FloatArray, device: torch.device | str, batch: int = BATCH
) -> NDArray[np.float32]:
    """FS-CAM, mode "erase", of the second faces of `CAM_PAIRS` pairs of one person, evenly chosen: (M, 25)."""
    same = np.flatnonzero(faces.pairs.same)
    same = same[np.linspace(0, len(same) - 1, min(CAM_PAIRS, len(same))).astype(np.int64)]
    cam = FSCAM(_padded(forward, batch), mode="erase", baseline=0.0, batch_size=batch, outputs="embeddings")
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

    The perplexity (2 to the entropy in bits) of the regions' influence, where what does not lower the cosine counts as
    none: 1 where all hangs on one region, 25 where all count alike. NaN where no region lowers it.
    """
    falls = np.nan_to_num(np.maximum(influence, 0)).astype(np.float64)
    total = falls.sum(1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = falls / total
        bits = -np.where(share > 0, share * np.log2(share), 0).sum(1)
    return np.where(total[:, 0] > 0, 2**bits, np.nan)


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


def _padded(forward: Forward, batch: int) -> Forward:
    def run(images: Tensor) -> Tensor:
        short = batch - len(images)
        full = torch.cat([images, images[-1:].expand(short, -1, -1, -1)]) if short else images
        return forward(full)[: len(images)].float()

    return run
