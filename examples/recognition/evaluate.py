"""How well a trained net verifies people it has never seen.

python -m examples.recognition.evaluate RUN --shards data/shards --split val         every pair of a split
python -m examples.recognition.evaluate RUN --shards data/lfw/shards --split fold0 --lfw-pairs pairs.txt
python -m examples.recognition.evaluate RUN --bin lfw.bin                            an InsightFace set
"""

import argparse
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

import faceshards
from examples.recognition.command import run
from examples.recognition.nets import to_input
from examples.recognition.train import load_net
from examples.recognition.verification.insightface_bin import InsightFaceBin
from examples.recognition.verification.lfw_pairs import read_lfw_pairs
from examples.recognition.verification.protocol import FloatArray, Pairs, accepted, accuracy, all_pairs, roc

FARS = (1e-1, 1e-2, 1e-3)
_BATCH = 128


@dataclass(frozen=True, slots=True)
class Verification:
    """The figures of one net on one list of pairs.

    Attributes:
        genuine: pairs of one person.
        impostor: pairs of two.
        accuracy: mean over the folds, each at the threshold that is best on the others.
        accuracy_std: standard deviation over the folds.
        eer: equal error rate.
        tar: true accept rate at each of `FARS`.
    """

    genuine: int
    impostor: int
    accuracy: float
    accuracy_std: float
    eer: float
    tar: dict[str, float]


def verify(scores: FloatArray, pairs: Pairs) -> Verification:
    """All figures of (P,) scores."""
    curve = roc(scores, pairs.same)
    answers = accepted(scores, pairs)
    folds = [accuracy(answers[held], pairs.same[held]) for held in (pairs.fold == i for i in range(pairs.folds))]
    return Verification(
        genuine=int(pairs.same.sum()),
        impostor=int((~pairs.same).sum()),
        accuracy=float(np.mean(folds)),
        accuracy_std=float(np.std(folds, ddof=1)),
        eer=curve.eer,
        tar={f"{far:g}": curve.tar_at(far) for far in FARS},
    )


def embed(net: nn.Module, batches: Iterable[NDArray[Any]], device: torch.device) -> FloatArray:
    """Embeddings of unit length: of each face and its mirror image together, as is usual.

    Args:
        net: (B, 3, 112, 112) float32 in [-1, 1] to (B, D).
        batches: (B, 112, 112, 3) uint8 RGB.
        device: where the net is.

    Returns:
        (N, D) float32.
    """
    net.eval()
    with torch.inference_mode():
        parts: list[Tensor] = []
        for images in batches:
            faces = to_input(torch.from_numpy(images)).to(device)
            parts.append(F.normalize(net(faces) + net(faces.flip(-1))).cpu())
    found: FloatArray = torch.cat(parts).numpy()
    return found


def embed_faces(net: nn.Module, faces: faceshards.Dataset, device: torch.device) -> FloatArray:
    """Embeddings of a whole split, in its order: (N, D) float32."""
    return embed(net, (batch["image"] for batch in faces.batches(_BATCH, fields=["image"])), device)


def main() -> None:
    """Read the command line and print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="folder of a finished training")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--shards", help="store with the faces")
    source.add_argument("--bin", type=Path, help="InsightFace verification set")
    parser.add_argument("--split", default="val", help="of the store (default: val)")
    parser.add_argument("--lfw-pairs", type=Path, help="LFW's list of pairs; without it, every pair of the split")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    given = parser.parse_args()
    device = torch.device(given.device)
    net = load_net(given.run).to(device)
    if given.bin is not None:
        images = InsightFaceBin(given.bin)
        starts = range(0, len(images), _BATCH)
        batches = (np.stack([images.image(i) for i in range(len(images))[start : start + _BATCH]]) for start in starts)
        pairs, missing, embeddings = images.pairs, 0, embed(net, batches, device)
    else:
        faces = faceshards.open(given.shards, given.split)
        if given.lfw_pairs is None:
            pairs, missing = all_pairs(faces.identities), 0
        else:
            ids = faces.take(range(len(faces)), fields=["sample_id"])["sample_id"].tolist()
            pairs, missing = read_lfw_pairs(given.lfw_pairs, ids)
        embeddings = embed_faces(net, faces, device)
    print(json.dumps(asdict(verify(pairs.scores(embeddings), pairs)) | {"pairs_without_a_face": missing}, indent=2))


if __name__ == "__main__":
    run(main)
