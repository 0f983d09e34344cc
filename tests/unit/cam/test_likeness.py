"""The likeness of embeddings is one of directions: no magnitude changes it, and zero has none."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from faceshards.cam import FSCAM, CosineTarget
from faceshards.cam.aims import LikeOwnIdentity
from faceshards.cam.faces import Faces
from faceshards.errors import NotFiniteError, TargetError
from faceshards.regions import Region

SMALL = st.floats(-1, 1, width=32).filter(lambda v: abs(v) > 1e-3)
ROWS = st.lists(SMALL, min_size=3, max_size=3)


@given(ROWS, ROWS, st.integers(-35, 35), st.integers(-35, 35))
def test_no_magnitude_of_either_changes_a_likeness(one, other, mine, yours) -> None:
    a, b = np.array(one), np.array(other)
    expected = a @ b / np.linalg.norm(a) / np.linalg.norm(b)
    ours, theirs = (torch.tensor(v * 10.0**k, dtype=torch.float32) for v, k in ((a, mine), (b, yours)))
    assert float(CosineTarget(theirs)(ours)) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("factor", [1e-300, 1e-9, 1e20, 1e300])
def test_embeddings_and_references_of_any_scale_give_the_same_scores(network, noise, regions, factor) -> None:
    reference = torch.arange(1.0, 6)
    expected = FSCAM(network).region_scores(noise, CosineTarget(reference), regions=regions)
    scaled = FSCAM(lambda x: network(x).double() * factor)
    for target in (CosineTarget(reference), CosineTarget(reference.double() * factor)):
        assert np.allclose(scaled.region_scores(noise, target, regions=regions), expected, atol=1e-6, equal_nan=True)
    found = FSCAM(network).region_scores(noise, CosineTarget(reference.double() * factor), regions=regions)
    assert np.allclose(found, expected, atol=1e-6, equal_nan=True)


@pytest.mark.parametrize("mode", ["keep", "erase"])
def test_a_model_of_zeros_is_an_error_and_no_map_of_zeros(network, noise, regions, mode) -> None:
    cam = FSCAM(lambda x: network(x) * 0, mode=mode)
    for call in (cam, cam.region_scores):
        with pytest.raises(NotFiniteError, match=r"face 0 of the batch: .*embedding is all zeros.*no direction"):
            call(noise, CosineTarget(torch.ones(5)), regions=regions)


def test_one_dead_copy_is_named_by_its_face_and_region(images, regions) -> None:
    faces = images.clone()
    faces[1, :, 6:12] = 0

    def embed(x: torch.Tensor) -> torch.Tensor:
        return torch.stack([x[:, 0].sum((1, 2)), x[:, 1].sum((1, 2))], 1)

    named = rf"face 1 of the batch: partly hidden, with only nose \(region {int(Region.NOSE)}\), .* is all zeros"
    with pytest.raises(NotFiniteError, match=named):
        FSCAM(embed)(faces, CosineTarget(torch.ones(2)), regions=regions)


def test_a_likeness_to_zero_has_no_number() -> None:
    with pytest.raises(TargetError, match="all zeros, which has no direction"):
        CosineTarget(torch.ones(2), "anna")(torch.zeros(2))


def test_a_likeness_keeps_its_gradient_as_pytorch_grad_cam_needs_it() -> None:
    row = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
    CosineTarget(torch.tensor([3.0, 2.0, 1.0]))(row).backward()
    other = row.detach().clone().requires_grad_()
    torch.nn.functional.cosine_similarity(other, torch.tensor([3.0, 2.0, 1.0]), dim=0).backward()
    assert torch.allclose(row.grad, other.grad)


def faces_of(*identities: int) -> Faces:
    images = np.zeros((len(identities), 112, 112, 3), np.uint8)
    names = [str(i) for i in identities]
    return Faces(names, np.array(identities, np.int64), names, images, images[..., 0])


def test_the_mean_of_an_identity_is_of_directions_and_of_none_for_zero() -> None:
    rows = torch.tensor([[3e-20, 0.0], [0.0, 5e20]], dtype=torch.float64)
    like = LikeOwnIdentity()
    like.add(faces_of(7, 7), rows)
    target = like(faces_of(7), rows[:1])[0]
    assert float(target(torch.tensor([2.0, 2.0]))) == pytest.approx(1)
    with pytest.raises(NotFiniteError, match="face 1 of the batch: with nothing hidden, its embedding is all zeros"):
        like.add(faces_of(1, 2), torch.tensor([[1.0, 0.0], [0.0, 0.0]]))
