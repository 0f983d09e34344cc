"""A small net trained in JAX: the next batch travels to the device while the step on this one runs.

python examples/train_jax.py data/shards   # needs jax
"""

import argparse
from collections import deque
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

import faceshards

BATCH = 16
LEARNING_RATE = 0.1
SIDE = 28  # every fourth pixel of an aligned face's 112
HIDDEN = 128

Weights = dict[str, jax.Array]


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("shards", type=Path, help="folder that `dvc repro` left, data/shards")
    parser.add_argument("--epochs", type=int, default=15)
    args = parser.parse_args()
    train(args.shards, args.epochs)


def train(shards: Path, epochs: int) -> Weights:
    """Train on erased faces, and say after each epoch how many are recognised as they are."""
    faces = faceshards.open(shards, fields=["image", "label"])
    if not faces.num_identities:
        raise SystemExit(f"{shards}: its faces have no identities; build shards from a source that has, as the demo's")
    weights = new_weights(jax.random.key(0), faces.num_identities)
    for epoch in range(epochs):
        for batch in on_device(faces.batches(BATCH, shuffle=True, epoch=epoch, view="erase")):
            weights = step(weights, batch["image"], batch["label"])
        print(
            f"epoch {epoch}: {recognised(weights, faces):.0%} of the faces recognised when nothing is erased",
            flush=True,
        )
    return weights


def on_device(batches: Iterable[dict[str, NDArray[np.generic]]], ahead: int = 1) -> Iterator[dict[str, jax.Array]]:
    """Batches as JAX arrays, `ahead` of them on their way while one is in use.

    `device_put` returns before the transfer is done. On a CPU nothing is transferred: the array is the loader's own
    memory, which is not used again as long as the array is there.
    """
    sent: deque[dict[str, jax.Array]] = deque()
    for batch in batches:
        sent.append(jax.device_put(batch))
        if len(sent) > ahead:
            yield sent.popleft()
    yield from sent


def new_weights(key: jax.Array, identities: int) -> Weights:
    """Of a net with one hidden layer."""
    first, second = jax.random.split(key)
    return {
        "hidden": jax.random.normal(first, (SIDE * SIDE, HIDDEN)) / SIDE,
        "logits": jax.random.normal(second, (HIDDEN, identities)) / HIDDEN,
    }


def logits(weights: Weights, images: jax.Array) -> jax.Array:
    """(B, 112, 112, 3) uint8 to (B, identities): small grey faces of mean 0 and variance 1 through the net."""
    grey = images[:, ::4, ::4].astype(jnp.float32).mean(axis=-1).reshape(len(images), -1)
    grey = (grey - grey.mean(axis=1, keepdims=True)) / (grey.std(axis=1, keepdims=True) + 1)
    return jax.nn.relu(grey @ weights["hidden"]) @ weights["logits"]


@partial(jax.jit, donate_argnums=0)
def step(weights: Weights, images: jax.Array, label: jax.Array) -> Weights:
    """One step of gradient descent on the mean cross-entropy."""

    def loss(weights: Weights) -> jax.Array:
        log_shares = jax.nn.log_softmax(logits(weights, images))
        return -jnp.take_along_axis(log_shares, label[:, None], axis=1).mean()

    slopes: Weights = jax.grad(loss)(weights)
    return {name: weight - LEARNING_RATE * slopes[name] for name, weight in weights.items()}


def recognised(weights: Weights, faces: faceshards.Dataset) -> float:
    """Share of the faces, as they are, whose person has the greatest logit."""
    right = [
        logits(weights, batch["image"]).argmax(axis=1) == batch["label"] for batch in on_device(faces.batches(BATCH))
    ]
    return float(jnp.concatenate(right).mean())


if __name__ == "__main__":
    main()
