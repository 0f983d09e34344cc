"""`FSCAM.attribute` beside Captum's `FeatureAblation`: the same targets and masks, the same attributions."""

import numpy as np
import pytest
import torch
from torch import nn

from faceshards.cam import FSCAM
from faceshards.errors import ParamsError, TargetError

pytestmark = pytest.mark.filterwarnings("ignore")  # what captum and its matplotlib deprecate


@pytest.fixture
def ablation():
    return pytest.importorskip("captum.attr", reason="captum is not installed").FeatureAblation


@pytest.fixture
def maps(regions: torch.Tensor) -> torch.Tensor:
    """Region maps without ignored pixels, which Captum would take for a feature."""
    return regions.clamp(max=24)


def planes(network: nn.Module):
    """A model of (B, 5, 4): outputs of two dimensions a face."""
    return lambda x: network(x)[:, :, None] * torch.arange(1.0, 5.0)


def single(network: nn.Module):
    return lambda x: network(x)[:, :1]


def vector(network: nn.Module):
    return lambda x: network(x)[:, 0]


def plain(network: nn.Module):
    return network


@pytest.mark.parametrize("faces", [1, 3])
@pytest.mark.parametrize("of", [plain, single, vector, planes])
def test_without_a_target_every_output_is_attributed(ablation, network, noise, maps, faces, of) -> None:
    model, x, shared = of(network), noise[:faces], maps[:1]
    theirs = ablation(model).attribute(x, feature_mask=shared[:, None].long())
    ours = FSCAM(model, mode="erase").attribute(x, feature_mask=shared)
    assert ours.shape == theirs.shape
    assert torch.allclose(ours, theirs, atol=1e-6)
    assert ours.dtype == theirs.dtype


def test_faces_with_maps_of_their_own_are_attributed_one_after_the_other(ablation, network, noise, maps) -> None:
    ours = FSCAM(network, mode="erase").attribute(noise, feature_mask=maps)
    of_each = [ablation(network).attribute(noise[i : i + 1], feature_mask=maps[i][None, None].long()) for i in range(3)]
    assert ours.shape == (15, 3, 24, 20)
    assert torch.allclose(ours, torch.cat(of_each), atol=1e-6)


TARGETS = {
    "number": 2,
    "tuple": (2,),
    "list": [0, 3, 4],
    "list of tuples": [(0,), (3,), (4,)],
    "tensor": torch.tensor([0, 3, 4]),
    "tensor of one": torch.tensor([3]),
    "scalar tensor": torch.tensor(3),
}


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
def test_targets_are_captums(ablation, network, noise, maps, target) -> None:
    theirs = ablation(network).attribute(noise, target=target, feature_mask=maps[:, None].long())
    ours = FSCAM(network, mode="erase").attribute(noise, target=target, feature_mask=maps)
    assert torch.allclose(ours, theirs, atol=1e-6)
    assert ours.abs().max() > 0.01


@pytest.mark.parametrize("target", [1, (1,), (1, 2), [(0, 1), (3, 3), (4, 0)]], ids=str)
def test_targets_of_outputs_with_more_dimensions_are_captums(ablation, network, noise, maps, target) -> None:
    model = planes(network)
    theirs = ablation(model).attribute(noise, target=target, feature_mask=maps[:1, None].long())
    ours = FSCAM(model, mode="erase").attribute(noise, target=target, feature_mask=maps[:1])
    assert ours.shape == theirs.shape
    assert torch.allclose(ours, theirs, atol=1e-6)


@pytest.mark.parametrize("target", [np.int64(3), np.array(3), np.array([3, 3, 3]), [np.int64(3)] * 3], ids=repr)
def test_numpys_targets_are_taken_too(network, noise, maps, target) -> None:
    cam = FSCAM(network, mode="erase")
    expected = cam.attribute(noise, target=3, feature_mask=maps)
    assert torch.equal(cam.attribute(noise, target=target, feature_mask=maps), expected)


MASKS = {
    "(B, 1, H, W)": lambda m: m[:, None],
    "(B, C, H, W)": lambda m: m[:, None].expand(-1, 3, -1, -1),
    "(1, C, H, W)": lambda m: m[:1, None].expand(-1, 3, -1, -1),
    "(1, 1, H, W)": lambda m: m[:1, None],
    "(1, H, W)": lambda m: m[:1],
    "(C, H, W)": lambda m: m[:1].expand(3, -1, -1),
    "(H, W)": lambda m: m[0],
}


@pytest.mark.parametrize("form", MASKS.values(), ids=MASKS)
@pytest.mark.parametrize("faces", [1, 2, 3])
def test_feature_masks_have_captums_forms(ablation, network, noise, maps, form, faces) -> None:
    x, mask = noise[:faces], form(maps[:faces])
    theirs = ablation(network).attribute(x, target=1, feature_mask=mask.long())
    for given in (mask, mask.long(), mask.numpy()):
        ours = FSCAM(network, mode="erase").attribute(x, target=1, feature_mask=given)
        assert torch.allclose(ours, theirs, atol=1e-6)


def test_a_mask_whose_channels_differ_is_refused(network, noise, maps) -> None:
    mask = maps[:, None].repeat(1, 3, 1, 1)
    mask[0, 2, 0, 0] = 10
    with pytest.raises(ParamsError, match="feature_mask: expected the same region ids in all channels"):
        FSCAM(network).attribute(noise, target=1, feature_mask=mask)


@pytest.mark.parametrize("shape", [(2, 24, 20), (3, 20, 24), (3, 2, 24, 20), (2, 3, 24, 20), (24,), (1, 3, 1, 24, 20)])
def test_a_mask_of_another_form_is_refused(network, noise, shape) -> None:
    with pytest.raises(ParamsError, match="feature_mask: expected"):
        FSCAM(network).attribute(noise, target=1, feature_mask=torch.zeros(shape, dtype=torch.long))


@pytest.mark.parametrize(
    ("target", "taught"),
    [
        (5, "target 5: the model has 5 outputs, 0-4"),
        ([0, 1, 5], "target 5: the model has 5 outputs, 0-4"),
        ((1, 2), "target .1, 2.: the model has 5 outputs, 0-4 .for one a face give a list"),
        (-1, "target: expected a class number from 0, found -1"),
        ([0, 1, -1], "found -1"),
        ([0, 1], "found 2 for 3 faces"),
        (torch.tensor([0, 1]), "found 2 for 3 faces"),
        (torch.zeros(3, 5).long(), r"found an array of shape \(3, 5\)"),
        (torch.tensor([0.0, 1.0, 2.0]), "found float32|found torch.float32"),
        (1.0, "target: expected .*found 1.0"),
        (True, "found True"),
        ("nose", "found 'nose'"),
        (lambda row: row[0], "target: expected"),
        ((), r"found \(\)"),
    ],
)
def test_targets_that_do_not_fit_are_refused_by_name(network, noise, maps, target, taught) -> None:
    with pytest.raises(TargetError, match=taught):
        FSCAM(network).attribute(noise, target=target, feature_mask=maps)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16])
def test_attributions_have_the_dtype_of_the_outputs(ablation, network, noise, maps, dtype) -> None:
    model = lambda x: network(x).to(dtype)  # noqa: E731 (it reads best here)
    theirs = ablation(model).attribute(noise, target=1, feature_mask=maps[:, None].long())
    ours = FSCAM(model, mode="erase").attribute(noise, target=1, feature_mask=maps)
    assert ours.dtype == theirs.dtype == dtype
    # They run other batches, of which some processors add up the last bits otherwise.
    assert torch.allclose(ours, theirs, rtol=0, atol=1e-6 if dtype == torch.float64 else 2**-7)


def test_whole_numbers_in_and_out_lose_nothing(maps) -> None:
    pixels = torch.randint(0, 255, (3, 3, 24, 20), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    counts = lambda x: (x > 99).flatten(1).sum(1, keepdim=True)  # noqa: E731 (it reads best here)
    found = FSCAM(counts, mode="erase").attribute(pixels, feature_mask=maps)
    nose = maps[0] == 10
    assert found.dtype == torch.float32
    assert (found[0][:, nose] == (pixels[0][:, nose] > 99).sum()).all()


def test_baselines_are_captums(ablation, network, noise, maps) -> None:
    for baseline in (0.3, torch.rand(1, 3, 24, 20), torch.rand(3, 3, 24, 20)):
        theirs = ablation(network).attribute(noise, baseline, target=1, feature_mask=maps[:, None].long())
        ours = FSCAM(network, mode="erase").attribute(noise, baseline, target=1, feature_mask=maps)
        assert torch.allclose(ours, theirs, atol=1e-6)
