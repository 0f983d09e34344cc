from pathlib import Path

import numpy as np
import pytest
import torch
from parsers import random_images, tiny_weights

from faceshards.errors import WeightsError
from faceshards.parsing import load_parser
from faceshards.parsing.certainty import Parsed, confidence_of, layers_of
from faceshards.parsing.weights import load_weights, save_weights
from faceshards.regions import N_REGIONS

FACES = 2


def logits(seed: int = 0) -> torch.Tensor:
    return torch.randn(FACES, N_REGIONS, 6, 5, generator=torch.Generator().manual_seed(seed)) * 4


def test_a_pixel_has_the_softmax_of_its_region() -> None:
    given = logits()
    regions, probability = layers_of(given, temperature=1.0).unbind(dim=1)
    expected = given.softmax(dim=1).max(dim=1)
    assert torch.equal(regions, expected.indices.to(torch.uint8))
    assert torch.equal(probability, (expected.values * 255).round().to(torch.uint8))


def test_a_temperature_makes_it_less_sure_and_changes_no_region() -> None:
    sharp, soft = (layers_of(logits(), temperature=t) for t in (1.0, 3.0))
    assert torch.equal(sharp[:, 0], soft[:, 0])
    assert soft[:, 1].float().mean() < sharp[:, 1].float().mean()


def test_of_two_votes_the_mean_counts_and_pixels_on_which_they_differ_are_told() -> None:
    one, other = logits(1), logits(2)
    regions, probability, agrees = layers_of(one + other, (one, other), 1.0).unbind(dim=1)
    mean = ((one + other) / 2).softmax(dim=1).max(dim=1)
    assert torch.equal(regions, mean.indices.to(torch.uint8))
    assert (probability.int() - (mean.values * 255).round().int()).abs().max() <= 1
    assert torch.equal(agrees.bool(), one.argmax(1) == other.argmax(1))


def test_a_face_and_a_region_have_the_mean_of_their_pixels() -> None:
    regions = np.array([[[0, 0], [3, 24]]], np.uint8)
    probability = np.array([[[255, 0], [51, 102]]], np.uint8)
    found = confidence_of(Parsed(regions, probability, np.array([[[True, True], [True, False]]])))
    assert found.face.tolist() == [np.float32(0.4)]
    shown = {0: 0.5, 3: 0.2, 24: 0.4}
    assert found.region[0] == pytest.approx([shown.get(r, np.nan) for r in range(N_REGIONS)], nan_ok=True)
    assert found.agreement is not None
    assert found.agreement.tolist() == [0.75]


def test_no_faces_have_no_confidence() -> None:
    empty = np.empty((0, 112, 112), np.uint8)
    found = confidence_of(Parsed(empty, empty, None))
    assert found.face.shape == (0,)
    assert found.region.shape == (0, N_REGIONS)
    assert found.agreement is None


@pytest.mark.parametrize("mirror", [True, False])
def test_a_parser_assesses_the_regions_that_it_parses(tmp_path: Path, mirror: bool) -> None:
    parser = load_parser(tiny_weights(tmp_path), "cpu", mirror=mirror)
    images = random_images(11)
    parsed = parser.assess(images)
    assert np.array_equal(parsed.regions, parser.parse(images))
    assert parsed.probability.min() >= 255 // N_REGIONS
    assert (parsed.agrees is not None) == mirror


def test_how_sure_it_is_of_a_face_depends_on_that_face_alone(tmp_path: Path) -> None:
    parser = load_parser(tiny_weights(tmp_path), "cpu", threads=2)
    images = random_images(11)
    together, alone = parser.assess(images), [parser.assess(images[i : i + 1]) for i in range(11)]
    assert np.array_equal(together.probability, np.concatenate([parsed.probability for parsed in alone]))


def test_weights_bring_the_temperature_that_they_were_calibrated_to(tmp_path: Path) -> None:
    network = load_weights(tiny_weights(tmp_path)).network
    images = random_images(2)
    sure = []
    for temperature in ("0.5", "4"):
        save_weights(network, tmp_path / "w.safetensors", {"temperature": temperature})
        sure.append(load_parser(tmp_path / "w.safetensors", "cpu").assess(images).probability.mean())
    assert sure[0] > sure[1]


@pytest.mark.parametrize("text", ["0", "-1", "nan", "inf", "warm"])
def test_a_temperature_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    save_weights(load_weights(tiny_weights(tmp_path)).network, tmp_path / "w.safetensors", {"temperature": text})
    with pytest.raises(WeightsError, match="temperature above 0"):
        load_weights(tmp_path / "w.safetensors")
