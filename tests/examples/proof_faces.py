"""Trainings of a moment on the demo faces, for the tests of the proof."""

from dataclasses import replace

import numpy as np

from examples.proof.arms import HeldFaces, TrainingFaces
from examples.proof.settings import Settings

SETTINGS = replace(Settings(), epochs=2, batch_size=4, warmup=1, scale=8.0, p=1.0, compiled=False)


def faces(dataset, labels, arm, seed=0, **changes):
    held = HeldFaces(dataset, np.arange(len(dataset)), labels)
    return TrainingFaces(held, arm, replace(SETTINGS, **changes), seed)
