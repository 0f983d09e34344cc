import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as nps

from faceshards.ops.erase import classes_of
from faceshards.ops.erase_torch import Found, _DeviceIndex, as_pixels, find, region_areas
from faceshards.ops.preference import Preference
from faceshards.ops.runs import Runs
from faceshards.regions import N_REGIONS

ids = st.integers(0, 24) | st.just(255)
maps = nps.arrays(np.uint8, st.tuples(st.integers(1, 4), st.integers(1, 9), st.integers(1, 9)), elements=ids)
masks = st.lists(st.integers(0, 2**25 - 1), min_size=4, max_size=4)


@given(maps, masks)
def test_runs_count_and_find_what_a_look_at_every_pixel_does(regions: np.ndarray, bits: list[int]) -> None:
    erased = np.array(bits[: len(regions)], np.uint32)
    runs = Runs.of(regions)
    assert np.array_equal(runs.areas(), [[(face == r).sum() for r in range(N_REGIONS)] for face in regions])
    gone = [np.isin(face, classes_of(int(mask))) for face, mask in zip(regions, erased, strict=True)]
    assert np.array_equal(runs.positions(erased), np.flatnonzero(np.stack(gone)))


def _pixels(found: Found, faces: int, size: int) -> np.ndarray:
    """Found pixels as (B, H * W) flags."""
    pixels = as_pixels(found)
    flags = np.zeros((faces, size), np.bool_)
    flags.reshape(-1)[pixels.places_in(size).numpy()] = True
    assert flags.sum() == len(pixels.places)
    assert np.array_equal(flags.sum(axis=1), pixels.number)
    return flags


@given(maps, masks)
def test_lookups_on_a_device_give_what_the_host_gives(regions: np.ndarray, bits: list[int]) -> None:
    erased = np.array(bits[: len(regions)], np.uint32)
    there, size = torch.from_numpy(regions), regions[0].size
    device = _DeviceIndex(there)
    assert np.array_equal(region_areas(there), device.areas())
    on_host, on_device = (_pixels(found, len(regions), size) for found in (find(there, erased), device.find(erased)))
    assert np.array_equal(on_host, on_device)


@given(maps, st.integers(0, 2**32), st.integers(0, 25), st.integers(0, 9), st.none() | st.integers(9, 20))
def test_looks_at_the_pixels_find_what_areas_say(
    regions: np.ndarray, seed: int, number: int, least: int, greatest: int | None
) -> None:
    draws = np.random.default_rng(seed).random((len(regions), N_REGIONS))
    preference = Preference(np.full(len(regions), number), draws.argsort(axis=1))
    erased, places = preference.seek(regions, least, greatest)
    assert np.array_equal(erased, preference.among(Runs.of(regions).areas(), least, greatest))
    gone = [np.isin(face, classes_of(int(mask))).ravel() for face, mask in zip(regions, erased, strict=True)]
    assert np.array_equal(_pixels(places, len(regions), regions[0].size), gone)


@given(
    maps, st.integers(0, 2**62), st.integers(1, 6), st.sampled_from(["random", "random_1", "random_mix", "mean", 0.5])
)
def test_what_changes_is_exactly_the_drawn_regions(regions: np.ndarray, seed: int, n: int, value: str | float) -> None:
    from faceshards.transforms import FSErasing  # here, after tests/unit/transforms/conftest.py has seen to torchvision

    erase = FSErasing(p=0.7, n_erase=n, value=value, min_area=1, generator=torch.Generator().manual_seed(seed))
    images = torch.full((len(regions), 2, *regions.shape[1:]), torch.pi)
    images[..., 0, 0] = 3  # so that the mean is no value of the image
    params = erase.make_params([images, torch.from_numpy(regions)])
    changed = (erase.transform(images, params) != images).any(1).numpy()
    for face, mask, there in zip(changed, params["erased"], regions, strict=True):
        drawn = classes_of(int(mask))
        assert set(drawn) <= set(there.flatten().tolist()) & set(range(1, 20))
        assert len(drawn) <= n
        if images.shape[-1] * images.shape[-2] > 1:
            assert np.array_equal(face, np.isin(there, drawn))
