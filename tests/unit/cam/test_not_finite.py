"""A model that gives no finite numbers is an error that names the face and the region, never a map of zeros."""

import pickle

import numpy as np
import pytest
import torch

from faceshards.cam import FSCAM, CosineTarget, OutputTarget, perturbation_curves
from faceshards.errors import ModelError, NotFiniteError
from faceshards.regions import Region

NAN, INF = float("nan"), float("inf")


def logits(x: torch.Tensor) -> torch.Tensor:
    """Five logits that depend on the pixels."""
    return torch.stack([x[:, 0].mean((1, 2)) * k for k in range(5)], 1)


def breaks(where, value: float, entry: slice = slice(None)):
    """The logits, with `value` in the entries of the images that `where` picks."""

    def model(x: torch.Tensor) -> torch.Tensor:
        out = logits(x)
        out[where(x), entry] = value
        return out

    return model


def everywhere(x: torch.Tensor) -> torch.Tensor:
    return torch.ones(len(x), dtype=torch.bool)


def bright(x: torch.Tensor) -> torch.Tensor:
    """Whatever shows something of a face of twos."""
    return (x == 2).flatten(1).any(1)


def only_the_mouth_of_twos(x: torch.Tensor) -> torch.Tensor:
    """The copy of a face of twos that shows rows 12 to 17 alone."""
    rows = (x == 2).all((1, 3))
    return rows[:, 12:18].all(1) & (rows.sum(1) == 6)


@pytest.fixture
def one_of_twos(images: torch.Tensor) -> torch.Tensor:
    """The face in the middle has the value 2."""
    faces = images.clone()
    faces[1] = 2
    return faces


@pytest.mark.parametrize("mode", ["keep", "erase"])
@pytest.mark.parametrize("targets", [None, 0, OutputTarget(0)], ids=["predicted", "class", "output"])
@pytest.mark.parametrize("value", [NAN, INF, -INF])
def test_a_model_that_gives_none_at_all_is_an_error_in_every_call(images, regions, mode, targets, value) -> None:
    cam = FSCAM(breaks(everywhere, value), mode=mode)
    for call in (cam, cam.region_scores):
        with pytest.raises(NotFiniteError, match=r"face 0 of the batch: .*(no finite number|finite numbers)"):
            call(images, targets, regions=regions)


@pytest.mark.parametrize("value", [NAN, INF])
@pytest.mark.parametrize("target", [0, None])
def test_attributions_are_refused_as_maps_are(images, regions, value, target) -> None:
    with pytest.raises(NotFiniteError, match="face 0"):
        FSCAM(breaks(everywhere, value), mode="erase").attribute(images, target=target, feature_mask=regions)


@pytest.mark.parametrize("value", [NAN, INF])
def test_one_face_of_a_batch_is_named(one_of_twos, regions, value) -> None:
    with pytest.raises(NotFiniteError, match=r"face 1 of the batch: .*background") as error:
        FSCAM(breaks(bright, value))(one_of_twos, 3, regions=regions)
    assert error.value.face == 1
    with pytest.raises(NotFiniteError, match="face 1 of the batch: with nothing hidden"):
        FSCAM(breaks(bright, value))(one_of_twos, regions=regions)


@pytest.mark.parametrize("value", [NAN, INF])
def test_one_hidden_copy_is_named_by_its_region(one_of_twos, regions, value) -> None:
    cam = FSCAM(breaks(only_the_mouth_of_twos, value))
    named = rf"face 1 of the batch: partly hidden, with only {Region.MOUTH.name.lower()} \(region {int(Region.MOUTH)}\)"
    for call in (cam, cam.region_scores):
        for targets in (None, 2):
            with pytest.raises(NotFiniteError, match=named):
                call(one_of_twos, targets, regions=regions)
    with pytest.raises(NotFiniteError, match=named):
        cam.attribute(one_of_twos, target=2, feature_mask=regions)


def test_an_erased_region_is_named_too(one_of_twos, regions) -> None:
    def without_a_nose(x: torch.Tensor) -> torch.Tensor:
        return (x[:, :, 6:12] == 0).flatten(1).all(1) & bright(x)

    with pytest.raises(NotFiniteError, match=r"face 1 of the batch: partly hidden, without nose"):
        FSCAM(breaks(without_a_nose, NAN), mode="erase")(one_of_twos, 1, regions=regions)


def test_what_the_target_does_not_read_does_not_count(images, regions) -> None:
    last = slice(4, 5)
    expected = FSCAM(logits).region_scores(images, OutputTarget(1), regions=regions)
    found = FSCAM(breaks(everywhere, NAN, last)).region_scores(images, OutputTarget(1), regions=regions)
    assert np.array_equal(found, expected, equal_nan=True)
    with pytest.raises(NotFiniteError):  # but a softmax reads all
        FSCAM(breaks(everywhere, NAN, last)).region_scores(images, 1, regions=regions)


def test_minus_infinity_rules_a_class_out_and_is_no_fault(images, regions) -> None:
    masked = breaks(everywhere, -INF, slice(4, 5))
    scores = FSCAM(masked).region_scores(images, regions=regions)
    four = FSCAM(lambda x: logits(x)[:, :4]).region_scores(images, regions=regions)
    assert np.allclose(scores, four, equal_nan=True)
    assert np.nanmax(FSCAM(masked).region_scores(images, 4, regions=regions)) == 0


def test_embeddings_are_held_to_it_as_logits_are(images, regions) -> None:
    reference = CosineTarget(torch.ones(5))
    with pytest.raises(NotFiniteError, match="face 0"):
        FSCAM(breaks(everywhere, INF, slice(0, 1)))(images, reference, regions=regions)


@pytest.mark.parametrize("mode", ["deletion", "insertion"])
def test_curves_name_how_much_of_which_face_was_hidden(one_of_twos, mode) -> None:
    saliency = np.arange(24 * 20, dtype=np.float32).reshape(1, 24, 20).repeat(3, axis=0)
    with pytest.raises(NotFiniteError, match=r"face 1 of the batch: with \d+ of 480 pixels (hidden|shown)"):
        perturbation_curves(breaks(bright, NAN), one_of_twos, saliency, 1, mode=mode, baseline=0.0, steps=4)
    with pytest.raises(NotFiniteError, match="face 0"):
        perturbation_curves(breaks(everywhere, NAN), one_of_twos, saliency, mode=mode, steps=4)


def test_a_score_that_float32_cannot_hold_is_an_error_and_not_infinite(images, regions) -> None:
    huge = lambda x: logits(x).double() * 1e300  # noqa: E731 (it reads best here)
    with pytest.raises(NotFiniteError, match="face 0 of the batch: the score of region 0 is beyond"):
        FSCAM(huge).region_scores(images, OutputTarget(4), regions=regions)


def test_scores_at_the_ends_of_float32_still_make_a_map(images, regions) -> None:
    def far(x: torch.Tensor) -> torch.Tensor:
        nose, mouth = x[:, 0, 6:12].mean((1, 2)), x[:, 0, 12:18].mean((1, 2))
        return ((nose - mouth) * 3e38)[:, None]

    face = FSCAM(far)(images, regions=regions)[0]
    assert {float(v) for v in np.unique(face)} == {0.0, 0.5, 1.0}


def test_the_error_is_one_of_the_model_and_survives_pickling() -> None:
    error = pickle.loads(pickle.dumps(NotFiniteError(2, "without nose, its score is nan")))  # noqa: S301 (our own bytes)
    assert isinstance(error, ModelError)
    assert isinstance(error, ValueError)
    assert str(error) == "face 2 of the batch: without nose, its score is nan"
    assert (error.face, error.detail) == (2, "without nose, its score is nan")
