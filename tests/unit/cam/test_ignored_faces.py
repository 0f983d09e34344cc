"""Faces of ignored pixels alone have no score, and hide neither a wrong target nor a broken model."""

import numpy as np
import pytest
import torch

from faceshards.cam import FSCAM, OutputTarget
from faceshards.errors import NotFiniteError, TargetError


@pytest.fixture(params=[[0, 1, 2], [2]], ids=["all", "last"])
def maps(request, regions: torch.Tensor) -> torch.Tensor:
    """The maps, with all pixels of some faces ignored."""
    regions = regions.clone()
    regions[request.param] = 255
    return regions


@pytest.mark.parametrize("mode", ["keep", "erase"])
def test_their_scores_are_absent_their_maps_zero_and_those_of_others_as_ever(
    network, noise, regions, maps, mode
) -> None:
    cam = FSCAM(network, mode=mode)
    expected, found = (cam.region_scores(noise, 1, regions=m) for m in (regions, maps))
    ignored = (maps == 255).flatten(1).all(1).numpy()
    assert np.isnan(found[ignored]).all()
    assert np.allclose(found[~ignored], expected[~ignored], atol=1e-6, equal_nan=True)
    assert (cam(noise, 1, regions=maps)[ignored] == 0).all()


@pytest.mark.parametrize("mode", ["keep", "erase"])
def test_a_class_that_the_model_has_not_is_refused_for_them_too(network, noise, maps, mode) -> None:
    cam = FSCAM(network, mode=mode)
    for targets in ([0, 0, 99], [OutputTarget(0), OutputTarget(0), OutputTarget(99)]):
        with pytest.raises(TargetError, match="99: the model has 5 outputs"):
            cam(noise, targets, regions=maps)
    with pytest.raises(TargetError, match="99: the model has 5 outputs"):
        cam.attribute(noise, target=[0, 0, 99], feature_mask=maps)


@pytest.mark.parametrize("mode", ["keep", "erase"])
def test_a_model_that_gives_no_numbers_for_them_is_an_error(network, noise, maps, mode) -> None:
    def breaks(x: torch.Tensor) -> torch.Tensor:
        whole = (x == noise[2]).flatten(1).all(1)
        return network(x).masked_fill(whole[:, None], torch.nan)

    cam = FSCAM(breaks, mode=mode)
    for call in (
        lambda: cam(noise, 0, regions=maps),
        lambda: cam.region_scores(noise, OutputTarget(1), regions=maps),
        lambda: cam.attribute(noise, feature_mask=maps),
    ):
        with pytest.raises(NotFiniteError, match="face 2 of the batch: with nothing hidden"):
            call()


@pytest.mark.parametrize("mode", ["keep", "erase"])
def test_their_attributions_have_the_form_of_others_and_are_zero(network, noise, maps, mode) -> None:
    found = FSCAM(network, mode=mode).attribute(noise, feature_mask=maps)
    assert found.shape == (15, 3, 24, 20)
    assert (found[10:] == 0).all()


def test_an_attribution_beyond_the_precision_of_the_outputs_is_an_error(noise, regions) -> None:
    def far(x: torch.Tensor) -> torch.Tensor:
        shown = (x[:, :, :6] != 0).flatten(1).any(1)
        return torch.where(shown, 6e4, -6e4)[:, None].half()

    with pytest.raises(NotFiniteError, match="face 0 of the batch: the score of region 0 is beyond what float16 holds"):
        FSCAM(far, mode="erase").attribute(noise, feature_mask=regions)
    assert FSCAM(far).attribute(noise, feature_mask=regions).isfinite().all()
