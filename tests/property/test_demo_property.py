"""What holds for every demo face, whoever is drawn."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from faceshards.regions import CoarseRegion
from faceshards.source.demo import render_face


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 2**63 - 1),
    identity=st.integers(0, 10_000),
    view=st.integers(0, 100),
    size=st.integers(64, 160),
)
def test_any_face_can_be_rendered_and_is_in_the_picture(seed: int, identity: int, view: int, size: int) -> None:
    image, labels, landmarks = render_face(seed, identity, view, size)
    assert image.shape == (size, size, 3)
    present = set(np.unique(labels).tolist())
    assert present <= set(CoarseRegion)
    assert {CoarseRegion.SKIN, CoarseRegion.NOSE, CoarseRegion.CLOTHING} <= present
    assert (landmarks >= 0).all()
    assert (landmarks < size).all()
    right, left = landmarks[68:]
    assert 0.04 * size < np.hypot(*(left - right)) < 0.2 * size
