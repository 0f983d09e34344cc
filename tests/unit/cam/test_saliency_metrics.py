import numpy as np
import pytest
import torch

from faceshards.cam import OutputTarget
from faceshards.cam.metrics import perturbation_curves, pointing_game
from faceshards.errors import NotFiniteError, ParamsError
from faceshards.regions import Region


@pytest.fixture
def nose(regions: torch.Tensor) -> np.ndarray:
    """The map that is right about the probe's first logit."""
    return (regions == Region.NOSE).numpy().astype(np.float32)


def test_curves_run_from_the_whole_face_to_none_and_back(probe, images, nose) -> None:
    deletion = perturbation_curves(probe, images, nose, [0] * 3, steps=8)
    insertion = perturbation_curves(probe, images, nose, [0] * 3, mode="insertion", baseline=0.0, steps=8)
    assert deletion.share.tolist() == [k / 8 for k in range(9)]
    assert deletion.scores.shape == (3, 9)
    assert np.allclose(deletion.scores[:, 0], insertion.scores[:, -1])
    assert np.allclose(deletion.scores[:, -1], insertion.scores[:, 0])


def test_the_nose_going_first_is_seen_at_once(probe, images, nose) -> None:
    curve = perturbation_curves(probe, images, nose, [0] * 3, steps=8).scores[0]
    assert curve[2] == pytest.approx(
        1 / (1 + np.e), abs=1e-3
    )  # a quarter of the pixels, the nose: only the mouth is left
    assert curve[0] == pytest.approx(1 / (1 + np.exp(-2)), abs=1e-3)


def test_a_right_map_beats_a_wrong_one_on_both_curves(probe, images, nose) -> None:
    for mode, better in (("deletion", np.less), ("insertion", np.greater)):
        right, wrong = (
            perturbation_curves(probe, images, m, [0] * 3, mode=mode, baseline=0.0).area for m in (nose, 1 - nose)
        )
        assert better(right, wrong).all()


def test_faces_of_a_batch_and_batch_sizes_do_not_mix(network, noise) -> None:
    saliency = noise.mean(1).numpy()
    together = perturbation_curves(network, noise, saliency, steps=5)
    alone = perturbation_curves(network, noise[1:2], saliency[1:2], steps=5, batch_size=2)
    assert np.allclose(together.scores[1], alone.scores[0], atol=1e-6)


def test_ties_are_scattered_and_not_taken_from_the_top(images) -> None:
    def rows_shown(x: torch.Tensor) -> torch.Tensor:
        return torch.stack([x[:, 0, :12].mean((1, 2)), x[:, 0, 12:].mean((1, 2))], 1)

    flat = np.zeros((3, 24, 20))
    half = perturbation_curves(rows_shown, images, flat, [lambda o: o[0] - o[1]] * 3, steps=2).scores[:, 1]
    assert np.abs(half).max() < 0.1


def test_maps_of_another_size_are_refused(probe, images, nose) -> None:
    with pytest.raises(ValueError, match="found"):
        perturbation_curves(probe, images, nose[:, 1:])
    with pytest.raises(ValueError, match="one shape"):
        pointing_game(nose, nose[:1].astype(np.uint8))


def test_a_peak_points_at_its_region(regions, nose) -> None:
    peak = nose.copy()
    peak[0, 13, 3] = 2  # in the mouth
    points = pointing_game(peak, regions.numpy())
    assert points.shape == (3, 25)
    assert points[0, Region.MOUTH] == 1
    assert points[1, Region.NOSE] == 1
    flat = pointing_game(np.zeros_like(nose), regions.numpy())
    assert flat[0, Region.NOSE] == pytest.approx(0.25)
    assert flat[2].sum() == pytest.approx(0.75)  # a quarter of the third face is ignored


@pytest.mark.parametrize("mode", ["deletion", "insertion"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.uint32, np.uint64, np.int8, np.int64, np.float16])
def test_curves_are_those_of_the_numbers_whatever_their_dtype(network, noise, dtype, mode) -> None:
    low = -128 if np.issubdtype(dtype, np.signedinteger) else 0
    levels = np.random.default_rng(1).integers(low, low + 256, (3, 24, 20))
    expected = perturbation_curves(network, noise, levels.astype(float), 1, mode=mode, steps=6)
    found = perturbation_curves(network, noise, levels.astype(dtype), 1, mode=mode, steps=6)
    assert np.array_equal(found.scores, expected.scores)
    flipped = perturbation_curves(network, noise, -levels.astype(float), 1, mode=mode, steps=6)
    assert not np.array_equal(flipped.scores, expected.scores)


@pytest.mark.parametrize("form", [lambda m: m, torch.from_numpy, np.ndarray.tolist], ids=["array", "tensor", "lists"])
def test_a_mask_is_a_map_of_two_levels(probe, images, nose, form) -> None:
    expected = perturbation_curves(probe, images, nose, 0, steps=8)
    assert np.array_equal(perturbation_curves(probe, images, form(nose > 0), 0, steps=8).scores, expected.scores)


def test_saliency_of_half_precision_tensors_is_taken(probe, images, nose) -> None:
    expected = perturbation_curves(probe, images, nose, 0, steps=8)
    for dtype in (torch.bfloat16, torch.float16):
        found = perturbation_curves(probe, images, torch.from_numpy(nose).to(dtype), 0, steps=8)
        assert np.array_equal(found.scores, expected.scores)


@pytest.mark.parametrize("wrong", [None, "map", [[1.0], [1.0, 2.0]], torch.ones(3, 24, 20, dtype=torch.complex64)])
def test_what_is_no_map_of_numbers_is_refused_in_words(probe, images, regions, wrong) -> None:
    for call in (lambda: perturbation_curves(probe, images, wrong, 0), lambda: pointing_game(wrong, regions.numpy())):
        with pytest.raises(ParamsError, match="saliency: expected an array of numbers"):
            call()


def test_a_score_that_float32_cannot_hold_is_an_error_of_the_curve(network, noise) -> None:
    def huge(x: torch.Tensor) -> torch.Tensor:
        return network(x).double().abs() * 1e300

    with pytest.raises(NotFiniteError, match=r"face 0 of the batch: with 0 of 480 pixels .*beyond what float32"):
        perturbation_curves(huge, noise, np.zeros((3, 24, 20)), OutputTarget(0), steps=2)
