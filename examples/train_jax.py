"""The same in JAX: batches go to the device as they are, and sharded over processes where there are many.

python examples/train_jax.py data/shards
"""

import sys

import jax
import jax.numpy as jnp

import faceshards


def main(shards: str, epochs: int = 3) -> None:
    """Train softmax regression on small grey faces."""
    faces = faceshards.open(shards, fields=["image", "identity"])
    weights = jnp.zeros((28 * 28, faces.num_identities))
    for epoch in range(epochs):
        batches = faces.batches(
            32, shuffle=True, epoch=epoch, view="erase", rank=jax.process_index(), world_size=jax.process_count()
        )
        for batch in batches:
            weights, loss = step(weights, jnp.asarray(batch["image"]), jnp.asarray(batch["identity"]))
        print(f"epoch {epoch}: loss {loss:.3f}")


@jax.jit
def step(weights: jax.Array, images: jax.Array, identity: jax.Array) -> tuple[jax.Array, jax.Array]:
    """One step of gradient descent: new weights, and the mean cross-entropy before it."""

    def loss(weights: jax.Array) -> jax.Array:
        small = images[:, ::4, ::4].astype(jnp.float32).mean(axis=-1).reshape(len(images), -1) / 255 - 0.5
        return -jnp.take_along_axis(jax.nn.log_softmax(small @ weights), identity[:, None], axis=1).mean()

    value, gradient = jax.value_and_grad(loss)(weights)
    return weights - 0.1 * gradient, value


if __name__ == "__main__":
    main(sys.argv[1])
