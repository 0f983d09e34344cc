"""A trainer without a framework: softmax regression on small grey faces, that may be stopped and run again.

python examples/train_numpy.py data/shards
"""

import json
import sys
from pathlib import Path

import numpy as np

import faceshards

CHECKPOINT = Path("train_numpy.npz")


def main(shards: str, epochs: int = 3) -> None:
    """Train, or go on with a training that was stopped in the middle of an epoch."""
    faces = faceshards.open(shards, fields=["image", "identity"])
    weights = np.zeros((28 * 28, faces.num_identities), np.float32)
    position = None
    if CHECKPOINT.exists():
        with np.load(CHECKPOINT) as saved:
            weights, position = saved["weights"], json.loads(str(saved["position"]))
    for epoch in range(position["epoch"] if position else 0, epochs):
        batches = faces.batches(32, shuffle=True, epoch=epoch, view="erase")
        if position:
            batches.load_state_dict(position)
            position = None
        for number, batch in enumerate(batches):
            loss = step(weights, batch["image"], batch["identity"])
            if number % 100 == 0:
                print(f"epoch {epoch}: loss {loss:.3f}")
                np.savez(CHECKPOINT, weights=weights, position=json.dumps(batches.state_dict()))


def step(weights: np.ndarray, images: np.ndarray, identity: np.ndarray) -> float:
    """One step of gradient descent, in place; the mean cross-entropy before it."""
    small = images[:, ::4, ::4].mean(axis=-1, dtype=np.float32).reshape(len(images), -1) / 255 - 0.5
    logits = small @ weights
    share = np.exp(logits - logits.max(axis=1, keepdims=True))
    share /= share.sum(axis=1, keepdims=True)
    each = np.arange(len(images))
    loss = -np.log(share[each, identity] + 1e-9).mean()
    share[each, identity] -= 1
    weights -= 0.1 * small.T @ share / len(images)
    return float(loss)


if __name__ == "__main__":
    main(sys.argv[1])
