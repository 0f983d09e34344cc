import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as nps

from faceshards import rng
from faceshards.maps import pixels_of, region_areas
from faceshards.ops.arguments import Fill, region_weights
from faceshards.ops.erase import draw_regions, erase
from faceshards.regions import Region

region_maps = nps.arrays(
    np.uint8, st.tuples(st.integers(1, 4), st.just(12), st.just(10)), elements=st.integers(0, 24) | st.just(255)
)
fills = st.sampled_from(["random", "random_1", "random_mix"]) | st.tuples(*[st.integers(0, 255)] * 3)


def _keys(n: int, seed: int) -> rng.UInt64Array:
    return rng.fold(rng.sample_keys(f"face{i}" for i in range(n)), seed)


@given(region_maps, st.integers(0, 2**63 - 1), st.integers(1, 6), st.integers(0, 6), st.integers(1, 9))
def test_draws_are_as_many_as_asked_among_large_enough_present_regions(
    regions: np.ndarray, seed: int, low: int, more: int, min_area: int
) -> None:
    weights = region_weights({r: 1.0 + r for r in range(1, 20)})
    areas = region_areas(regions)
    masks, gone = draw_regions(
        _keys(len(regions), seed), regions, weights=weights, n_regions=(low, low + more), min_area=min_area
    )
    assert np.array_equal(gone, pixels_of(regions, masks))
    for face, mask in enumerate(masks):
        eligible = {r for r in range(1, 20) if areas[face, r] >= min_area}
        drawn = set(Region.of_mask(int(mask)))
        assert drawn <= eligible
        assert min(low, len(eligible)) <= len(drawn) <= low + more


@given(region_maps, st.integers(0, 2**32), fills)
def test_only_erased_regions_change_and_a_face_alone_gives_the_same_bits(
    regions: np.ndarray, seed: int, fill: Fill
) -> None:
    images = np.random.default_rng(0).integers(0, 256, (*regions.shape, 3), np.uint8)
    keys = _keys(len(regions), seed)
    _, gone = draw_regions(keys, regions, weights=np.ones(25), n_regions=(1, 4), min_area=1)
    out = erase(images, regions, gone, keys, fill)
    assert np.array_equal(out[~gone], images[~gone])
    last = slice(len(regions) - 1, None)
    assert np.array_equal(out[last], erase(images[last], regions[last], gone[last], keys[last], fill))


@given(region_maps)
def test_areas_count_every_pixel_that_is_not_ignored(regions: np.ndarray) -> None:
    assert region_areas(regions).sum() == (regions != 255).sum()
