"""A trainer without a framework: softmax regression on small grey faces, that may be stopped and run again.

python examples/train_numpy.py data/shards
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import faceshards

BATCH = 16
LEARNING_RATE = 0.3
SIDE = 28  # every fourth pixel of an aligned face's 112

Float32Array = NDArray[np.float32]


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("shards", type=Path, help="folder that `dvc repro` left, data/shards")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--checkpoint", type=Path, default=Path("train_numpy.npz"), help="where to go on from")
    args = parser.parse_args()
    train(args.shards, args.epochs, args.checkpoint)


def train(shards: Path, epochs: int, checkpoint: Path) -> Float32Array:
    """Train on erased faces, from the checkpoint on where there is one: in the middle of an epoch, if it says so.

    Returns:
        The weights, (pixels, identities).
    """
    faces = faceshards.open(shards, fields=["image", "label"])
    if not faces.num_identities:
        raise SystemExit(f"{shards}: its faces have no identities; build shards from a source that has, as the demo's")
    weights, position = np.zeros((SIDE * SIDE, faces.num_identities), np.float32), None
    if checkpoint.exists():
        with np.load(checkpoint) as saved:
            weights, position = saved["weights"], json.loads(str(saved["position"]))
    for epoch in range(position["epoch"] if position else 0, epochs):
        batches = faces.batches(BATCH, shuffle=True, epoch=epoch, view="erase")
        if position:
            batches.load_state_dict(position)
            position = None
        for batch in batches:
            step(weights, batch["image"], batch["label"])
            save(checkpoint, weights, batches.state_dict())
        print(
            f"epoch {epoch}: {recognised(weights, faces):.0%} of the faces recognised when nothing is erased",
            flush=True,
        )
    return weights


def step(weights: Float32Array, images: NDArray[Any], label: NDArray[Any]) -> None:
    """One step of gradient descent on the mean cross-entropy, in place."""
    pixels = features(images)
    logits = pixels @ weights
    share = np.exp(logits - logits.max(axis=1, keepdims=True))
    share /= share.sum(axis=1, keepdims=True)
    share[np.arange(len(images)), label] -= 1
    weights -= LEARNING_RATE * pixels.T @ share / len(images)


def features(images: NDArray[Any]) -> Float32Array:
    """Small grey faces, each of mean 0 and variance 1: (B, 112, 112, 3) uint8 to (B, pixels)."""
    grey = images[:, ::4, ::4].mean(axis=-1, dtype=np.float32).reshape(len(images), -1)
    grey -= grey.mean(axis=1, keepdims=True)
    return np.asarray(grey / (grey.std(axis=1, keepdims=True) + 1), np.float32)


def recognised(weights: Float32Array, faces: faceshards.Dataset) -> float:
    """Share of the faces, as they are, whose person has the greatest logit."""
    right = [(features(batch["image"]) @ weights).argmax(axis=1) == batch["label"] for batch in faces.batches(BATCH)]
    return float(np.concatenate(right).mean())


def save(checkpoint: Path, weights: Float32Array, position: dict[str, Any]) -> None:
    """Put the new checkpoint in the old one's place at once, so that a kill leaves one of the two."""
    partial = checkpoint.with_name(f"{checkpoint.name}.partial.npz")
    np.savez(partial, weights=weights, position=json.dumps(position))
    partial.replace(checkpoint)


if __name__ == "__main__":
    main()
