"""Ids that are no region and not 255 are refused wherever FS-CAM takes region maps."""

import numpy as np
import pytest
import torch

from faceshards.cam import FSCAM, overlay_regions, saliency_of_scores
from faceshards.errors import FaceShardsError

IDS = [25, 30, 128, 254, -1, 256, 266, 1000]


def with_an_id(regions: torch.Tensor, number: int) -> torch.Tensor:
    maps = regions.long()
    maps[1, 3, 4] = number
    return maps


@pytest.mark.parametrize("number", IDS)
@pytest.mark.parametrize("mode", ["keep", "erase"])
def test_maps_with_an_id_of_no_region_are_refused(network, noise, regions, number, mode) -> None:
    maps, cam = with_an_id(regions, number), FSCAM(network, mode=mode)
    for given in (maps, maps.to(torch.int32), maps.numpy(), *([maps.to(torch.uint8)] if 0 <= number <= 255 else [])):
        for call in (
            lambda given=given: cam(noise, 0, regions=given),
            lambda given=given: cam.region_scores(noise, 0, regions=given),
            lambda given=given: cam.attribute(noise, target=0, feature_mask=given),
            lambda given=given: FSCAM(network, mode=mode, parser=lambda _: given)(noise, 0),
        ):
            with pytest.raises(ValueError, match=str(number)) as error:
                call()
            assert isinstance(error.value, FaceShardsError)


@pytest.mark.parametrize("number", [25, 30, 254])
def test_pictures_and_maps_of_such_ids_are_refused(regions, number) -> None:
    maps = with_an_id(regions, number).numpy().astype(np.uint8)
    with pytest.raises(ValueError, match="0 to 24, or 255"):
        overlay_regions(np.zeros((24, 20, 3), np.uint8), maps[1])
    with pytest.raises(ValueError, match="0 to 24, or 255"):
        saliency_of_scores(np.zeros((3, 25), np.float32), maps)


def test_ignored_pixels_are_no_fault(network, noise, regions) -> None:
    assert (FSCAM(network)(noise, 0, regions=torch.full_like(regions, 255)) == 0).all()
