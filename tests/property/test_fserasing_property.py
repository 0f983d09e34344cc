import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as nps

from faceshards.ops.erase import classes_of
from faceshards.ops.erase_torch import index_maps
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


@given(maps, masks)
def test_lookups_on_a_device_give_what_the_host_gives(regions: np.ndarray, bits: list[int]) -> None:
    from faceshards.ops.erase_torch import _DeviceIndex

    erased = np.array(bits[: len(regions)], np.uint32)
    host, device = index_maps(torch.from_numpy(regions)), _DeviceIndex(torch.from_numpy(regions))
    assert np.array_equal(host.areas(), device.areas())
    assert torch.equal(host.positions(erased), device.positions(erased))


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
