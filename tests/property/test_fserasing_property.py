import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as nps

from faceshards.maps import region_areas
from faceshards.ops.erase_torch import Pixels, _areas_on_device, _find_on_device, areas_of, find
from faceshards.ops.preference import Preference
from faceshards.regions import N_REGIONS, Region

ids = st.integers(0, 24) | st.just(255)
maps = nps.arrays(np.uint8, st.tuples(st.integers(1, 4), st.integers(1, 9), st.integers(1, 9)), elements=ids)
masks = st.lists(st.integers(0, 2**25 - 1), min_size=4, max_size=4)


def _gone(regions: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """What `pixels_of` gives, by a look at every pixel."""
    return np.stack([np.isin(face, Region.of_mask(int(mask))) for face, mask in zip(regions, masks, strict=True)])


@given(maps, masks)
def test_maps_are_counted_and_looked_up_alike_on_the_host_and_on_a_device(regions: np.ndarray, bits: list[int]) -> None:
    erased = np.array(bits[: len(regions)], np.uint32)
    there, gone = torch.from_numpy(regions), _gone(regions, erased & (1 << N_REGIONS) - 1)
    areas = [[(face == r).sum() for r in range(N_REGIONS)] for face in regions]
    for counts in areas_of(there), _areas_on_device(there):
        assert np.array_equal(counts, areas)
    for found in find(there, erased), _find_on_device(there, erased):
        assert np.array_equal(found.numpy(), gone)


@given(maps, masks)
def test_pixels_are_those_that_are_set(regions: np.ndarray, bits: list[int]) -> None:
    gone = _gone(regions, np.array(bits[: len(regions)], np.uint32))
    pixels = Pixels.of(torch.from_numpy(gone))
    assert np.array_equal(pixels.places_in(gone[0].size).numpy(), np.flatnonzero(gone))
    assert np.array_equal(pixels.number, gone.sum((1, 2)))


@given(maps, st.integers(0, 2**32), st.integers(0, 25), st.integers(0, 9))
def test_looks_at_the_pixels_find_what_areas_say(regions: np.ndarray, seed: int, number: int, least: int) -> None:
    draws = np.random.default_rng(seed).random((len(regions), N_REGIONS))
    preference = Preference(np.full(len(regions), number), draws.argsort(axis=1))
    erased, gone = preference.seek(regions, least)
    assert np.array_equal(erased, preference.among(region_areas(regions), least))
    assert np.array_equal(gone, _gone(regions, erased))


@given(
    maps, st.integers(0, 2**62), st.integers(1, 6), st.sampled_from(["random", "random_1", "random_mix", "mean", 0.5])
)
def test_what_changes_is_exactly_the_drawn_regions(regions: np.ndarray, seed: int, n: int, fill: str | float) -> None:
    from faceshards.transforms import FSErasing  # here, after tests/unit/transforms/conftest.py has seen to torchvision

    erase = FSErasing(p=0.7, n_regions=n, fill=fill, min_area=1, generator=torch.Generator().manual_seed(seed))
    images = torch.full((len(regions), 2, *regions.shape[1:]), torch.pi)
    images[..., 0, 0] = 3  # so that the mean is no value of the image
    params = erase.make_params([images, torch.from_numpy(regions)])
    changed = (erase.transform(images, params) != images).any(1).numpy()
    for face, mask, there in zip(changed, params["erased"], regions, strict=True):
        drawn = Region.of_mask(int(mask))
        assert set(drawn) <= set(there.flatten().tolist()) & set(range(1, 20))
        assert len(drawn) <= n
        if images.shape[-1] * images.shape[-2] > 1:
            assert np.array_equal(face, np.isin(there, drawn))
