"""JAX takes the numpy batches."""

from pathlib import Path

import pytest
from visits import BATCH, SEED, assert_whole_and_drawn_anew, by_the_numpy_door, epochs_of, train_faces, visits_of

jax = pytest.importorskip("jax", reason="jax is not installed")


def test_every_epoch_on_a_device_holds_every_face_once_with_other_pixels(shards: Path) -> None:
    faces = train_faces(shards)
    held = []
    with jax.default_device(jax.devices("cpu")[0]):
        for epoch in range(3):
            for batch in faces.batches(BATCH, shuffle=True, seed=SEED, epoch=epoch):
                names = batch.pop("sample_id")
                held.append((epoch, {"sample_id": names, **jax.device_put(batch)}))
    # Only now are the arrays looked at: the loader has not used their memory for the batches after them.
    visits = [v for epoch, batch in held for v in visits_of(batch, "train", epoch)]
    epochs = epochs_of(visits)
    assert epochs == {number: by_the_numpy_door(shards, number) for number in range(3)}
    assert_whole_and_drawn_anew(epochs)
