import warnings

import numpy as np
import pytest
import torch
from torch import nn

from faceshards.cam import FSCAM, CosineTarget, OutputTarget, SoftmaxTarget, numpy_model
from faceshards.errors import TargetError
from faceshards.regions import Region

NOSE, MOUTH, HAIR, BACKGROUND = Region.NOSE, Region.MOUTH, Region.HAIR, Region.BACKGROUND


def softmax(first: float, second: float) -> float:
    return float(np.exp(first) / (np.exp(first) + np.exp(second)))


def test_a_kept_region_scores_the_probability_that_it_gives_alone(probe, images, regions) -> None:
    scores = FSCAM(probe).region_scores(images, [0, 0, 1], regions=regions)
    assert scores.dtype == np.float32
    assert scores.shape == (3, 25)
    assert scores[0, NOSE] == pytest.approx(softmax(3, 0))
    assert scores[0, MOUTH] == pytest.approx(softmax(0, 1))
    assert scores[0, HAIR] == pytest.approx(0.5)
    assert scores[2, MOUTH] == pytest.approx(softmax(1, 0))
    shown = {0: {0, NOSE, MOUTH, HAIR}, 1: {0, NOSE, MOUTH}, 2: {0, NOSE, MOUTH}}
    for face, present in shown.items():
        assert set(np.flatnonzero(~np.isnan(scores[face]))) == present


def test_an_erased_region_scores_how_far_the_target_drops(probe, images, regions) -> None:
    scores = FSCAM(probe, mode="erase").region_scores(images, regions=regions)
    assert scores[0, NOSE] == pytest.approx(softmax(3, 1) - softmax(0, 1))
    assert scores[0, MOUTH] == pytest.approx(softmax(3, 1) - softmax(3, 0))
    assert scores[0, HAIR] == pytest.approx(0)


def test_a_map_is_the_scores_stretched_over_zero_to_one(probe, images, regions) -> None:
    saliency = FSCAM(probe)(images, targets=None, regions=regions)
    assert saliency.dtype == np.float32
    assert saliency.shape == (3, 24, 20)
    low, middle, high = softmax(0, 1), 0.5, softmax(3, 0)
    face, there = saliency[0], regions[0].numpy()
    assert (face[there == NOSE] == 1).all()
    assert (face[there == MOUTH] == 0).all()
    assert face[there == HAIR] == pytest.approx((middle - low) / (high - low))
    assert (saliency[2][regions[2] == 255] == 0).all()


def test_a_map_without_differences_is_zero_and_not_nan(images, regions) -> None:
    constant = FSCAM(lambda x: torch.ones(len(x), 2))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert (constant(images, regions=regions) == 0).all()
        assert (constant(images, regions=torch.full_like(regions, 255)) == 0).all()
        assert (constant(images, regions=torch.zeros_like(regions)) == 0).all()


@pytest.mark.parametrize(("mode", "passes"), [("keep", 10), ("erase", 13)])
def test_every_region_that_is_there_is_seen_once_in_batches_of_bounded_size(
    probe, images, regions, mode, passes
) -> None:
    FSCAM(probe, mode=mode, batch_size=4).region_scores(images, [0, 0, 0], regions=regions)
    assert sum(probe.seen) == passes
    assert max(probe.seen) == 4


@pytest.mark.parametrize("mode", ["keep", "erase"])
def test_batch_size_changes_nothing(network, noise, regions, mode) -> None:
    scores = [FSCAM(network, mode=mode, batch_size=n).region_scores(noise, regions=regions) for n in (1, 3, 64)]
    assert np.allclose(scores[0], scores[1], atol=1e-6, equal_nan=True)
    assert np.allclose(scores[0], scores[2], atol=1e-6, equal_nan=True)


def test_every_module_is_left_in_the_mode_it_was_in_also_after_a_failure(probe, images, regions) -> None:
    probe.train()
    probe.dropout.eval()
    FSCAM(probe)(images, regions=regions)
    assert (probe.training, probe.dropout.training) == (True, False)

    def fail(output: torch.Tensor) -> torch.Tensor:
        assert not probe.training
        assert not output.requires_grad
        raise RuntimeError("target")

    with pytest.raises(RuntimeError, match="target"):
        FSCAM(probe)(images, [fail] * 3, regions=regions)
    assert (probe.training, probe.dropout.training) == (True, False)


def test_a_baseline_stands_for_hidden_pixels(probe, regions) -> None:
    images = torch.full((3, 3, 24, 20), 2.0)
    assert FSCAM(probe, baseline=1.0).region_scores(images, 0, regions=regions)[0, NOSE] == pytest.approx(softmax(6, 1))
    for itself in ("mean", "blur"):
        scores = FSCAM(probe, baseline=itself).region_scores(images, 0, regions=regions)
        assert scores[0, HAIR] == pytest.approx(softmax(6, 2))


def test_embeddings_are_explained_by_their_cosine_to_a_reference(images, regions) -> None:
    def embed(x: torch.Tensor) -> tuple[torch.Tensor, str]:
        rows = x.mean((1, 3))
        nose, mouth = rows[:, 6:12].sum(1), -rows[:, 12:18].sum(1)
        return nn.functional.normalize(torch.stack([nose, mouth, torch.full_like(nose, 1e-5)], 1), dim=1), "extra"

    nose, mouth = CosineTarget(torch.tensor([1.0, 0.0, 0.0])), CosineTarget(torch.tensor([0.0, -1.0, 0.0]))
    scores = FSCAM(embed).region_scores(images, [nose, mouth, nose], regions=regions)
    assert scores[0, NOSE] == pytest.approx(1)
    assert scores[0, MOUTH] == pytest.approx(0)
    assert scores[1, MOUTH] == pytest.approx(1)
    with pytest.raises(TargetError, match="CosineTarget"):
        FSCAM(embed)(images, regions=regions)


def test_targets_are_one_for_all_or_one_a_face(probe, images, regions) -> None:
    cam = FSCAM(probe)
    each = cam.region_scores(images, [SoftmaxTarget(1)] * 3, regions=regions)
    for targets in (1, SoftmaxTarget(1), torch.tensor([1, 1, 1]), [1, 1, 1]):
        assert np.array_equal(cam.region_scores(images, targets, regions=regions), each, equal_nan=True)
    with pytest.raises(TargetError, match="3 faces, found 2"):
        cam(images, [0, 1], regions=regions)


def test_functions_on_arrays_are_models_too(probe, images, regions) -> None:
    weight = probe.weight.detach().numpy()

    def onnx(x: np.ndarray) -> np.ndarray:
        assert x.flags.c_contiguous
        return np.einsum("bhwc,khw->bk", x, weight) / x.shape[3]

    scores = FSCAM(numpy_model(onnx, channels_last=True)).region_scores(images, regions=regions)
    assert np.allclose(scores, FSCAM(probe).region_scores(images, regions=regions), atol=1e-6, equal_nan=True)


def test_a_parser_makes_the_maps_where_none_are_given(probe, images, regions) -> None:
    cam = FSCAM(probe, parser=lambda x: regions.numpy()[: len(x)])
    assert np.array_equal(cam(images), cam(images, regions=regions))
    with pytest.raises(ValueError, match="parser="):
        FSCAM(probe)(images)


def test_what_does_not_fit_is_refused(probe, images, regions) -> None:
    with pytest.raises(ValueError, match=r"\(3, 3, 24, 20\) and \(3, 20, 24\)"):
        FSCAM(probe)(images, regions=regions.transpose(1, 2))
    with pytest.raises(ValueError, match="keep"):
        FSCAM(probe, mode="drop")


def test_attributions_have_the_form_of_the_inputs(network, noise, regions) -> None:
    attributions = FSCAM(network).attribute(noise, target=2, feature_mask=regions)
    assert attributions.shape == noise.shape
    assert attributions.dtype == noise.dtype
    scores = FSCAM(network).region_scores(noise, OutputTarget(2), regions=regions)
    assert torch.all(attributions[0, :, regions[0] == NOSE] == torch.tensor(scores[0, NOSE]))
    assert torch.all(attributions[2, :, regions[2] == 255] == 0)


@pytest.mark.filterwarnings("ignore")  # what captum and its matplotlib deprecate
@pytest.mark.parametrize("baseline", [0.0, 0.7])
def test_erased_attributions_are_those_of_captums_feature_ablation(network, noise, regions, baseline) -> None:
    captum = pytest.importorskip("captum.attr", reason="captum is not installed")
    regions = regions.clamp(max=24)
    target = [0, 3, 4]
    oracle = captum.FeatureAblation(network).attribute(
        noise, baselines=baseline, target=target, feature_mask=regions[:, None].long(), perturbations_per_eval=4
    )
    ours = FSCAM(network, mode="erase").attribute(noise, baseline, target, feature_mask=regions)
    assert torch.allclose(ours, oracle, atol=1e-6)
    assert ours.abs().max() > 0.01


@pytest.mark.filterwarnings("ignore")  # what pytorch-grad-cam and its dependencies deprecate
def test_targets_and_call_of_pytorch_grad_cam_fit(network, noise, regions) -> None:
    grad_cam = pytest.importorskip("pytorch_grad_cam", reason="pytorch-grad-cam is not installed")
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputSoftmaxTarget

    targets = [ClassifierOutputSoftmaxTarget(c) for c in (0, 3, 4)]
    theirs = grad_cam.GradCAM(network, [network[2]])(noise, targets)
    ours = FSCAM(network, parser=lambda x: regions)(noise, targets)
    assert ours.shape == theirs.shape
    assert ours.dtype == theirs.dtype
    assert np.array_equal(ours, FSCAM(network)(noise, [0, 3, 4], regions=regions))
