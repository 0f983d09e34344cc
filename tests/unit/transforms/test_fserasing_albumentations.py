import numpy as np
import pytest

from faceshards.ops.erase import erase
from faceshards.regions import Region

albumentations = pytest.importorskip("albumentations", reason="albumentations is not installed")


@pytest.fixture
def face() -> dict[str, np.ndarray]:
    mask = np.repeat(np.array([0, 10, 17, 21], np.uint8), 8)[:, None].repeat(30, 1)
    return {"image": np.full((32, 30, 3), 7, np.uint8), "mask": mask}


def test_regions_of_the_mask_are_erased_by_the_kernel_of_the_stage(face: dict) -> None:
    from faceshards.transforms.albumentations import FSErasing

    erasing = FSErasing(n_erase=1, p=1)
    params = erasing.get_params_dependent_on_data({"shape": (32, 30, 3)}, face)
    again = erase(face["image"][None], face["mask"][None], params["gone"], params["keys"], "random")[0]
    assert np.array_equal(erasing.apply(face["image"], **params), again)


def test_it_composes_and_follows_the_seed(face: dict) -> None:
    from faceshards.transforms.albumentations import FSErasing

    def draw(seed: int) -> np.ndarray:
        out = albumentations.Compose([FSErasing(n_erase=1, fill=(1, 2, 3), p=1)], seed=seed)(**face)
        assert np.array_equal(out["mask"], face["mask"])
        return out["image"]

    gone = [set(face["mask"][(draw(seed) == [1, 2, 3]).all(2)].tolist()) for seed in range(20)]
    assert {frozenset(g) for g in gone} == {frozenset({Region.NOSE}), frozenset({Region.MOUTH})}
    assert np.array_equal(draw(5), draw(5))


def test_float_images_are_refused_with_the_remedy(face: dict) -> None:
    from faceshards.transforms.albumentations import FSErasing

    with pytest.raises(TypeError, match="before Normalize"):
        FSErasing(p=1)(image=face["image"].astype(np.float32), mask=face["mask"])
