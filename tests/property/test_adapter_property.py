import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from faceshards.ops.aligned_landmarks import estimate_landmarks
from faceshards.parsing.schemes import SCHEMES, ClassMap, SchemeName
from faceshards.records import UInt8Array
from faceshards.regions import N_REGIONS

blocks = hnp.arrays(np.uint8, (14, 14), elements=st.integers(0, 17) | st.sampled_from([0, 1]))


def enlarged(blocks: UInt8Array) -> UInt8Array:
    return blocks.repeat(8, axis=0).repeat(8, axis=1)


@given(blocks)
def test_any_classes_whatever_give_landmarks_that_are_numbers(classes: UInt8Array) -> None:
    landmarks = estimate_landmarks(enlarged(classes))
    assert landmarks.shape == (70, 2)
    assert landmarks.dtype == np.float32
    assert np.isfinite(landmarks).all()


@given(blocks, st.sampled_from(sorted(SCHEMES)))
def test_any_classes_whatever_become_regions(classes: UInt8Array, scheme: SchemeName) -> None:
    mapping = ClassMap.of(scheme)
    regions = mapping.regions(enlarged(classes % len(mapping.kept))[None])
    assert regions.shape == (1, 112, 112)
    assert regions.dtype == np.uint8
    assert regions.max() < N_REGIONS


@given(blocks, blocks)
def test_a_faces_regions_depend_on_that_face_alone(one: UInt8Array, other: UInt8Array) -> None:
    classes = ClassMap.of("celebamask_hq")
    both = classes.regions(np.stack([enlarged(one), enlarged(other)]))
    assert np.array_equal(both[1:], classes.regions(enlarged(other)[None]))
