"""Explaining a model on many faces, and the aims that say what of it."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch

from faceshards.cam import FSCAM
from faceshards.cam.aims import LikeOwnIdentity, like_reference, one_class, own_identity, predicted_class
from faceshards.cam.explain import InputFormat, each_output, explain, region_means
from faceshards.cam.faces import Faces
from faceshards.errors import ModelError, ParamsError, TargetError, TooManySkippedError
from faceshards.regions import Region

FORMAT = InputFormat()


class TwoBatches:
    """Faces of coloured squares: five in batches of three and two, the last without an identity if asked."""

    def __init__(self, identities: tuple[int, ...] = (0, 1, 0, 1, 2)) -> None:
        rng = np.random.default_rng(0)
        self.images = rng.integers(0, 256, (5, 14, 14, 3), np.uint8).repeat(8, axis=1).repeat(8, axis=2)
        self.regions = rng.choice(np.array([0, 10, 17, 255], np.uint8), (5, 7, 7)).repeat(16, axis=1).repeat(16, axis=2)
        self.regions[4][self.regions[4] == Region.MOUTH] = Region.NOSE
        self.identities = np.array(identities, np.int64)
        self.skipped: dict[str, str] = {}

    def __len__(self) -> int:
        return 5

    def __iter__(self) -> Iterator[Faces]:
        for part in (slice(0, 3), slice(3, 5)):
            ids = self.identities[part]
            names = [f"person {i}" if i >= 0 else "" for i in ids]
            yield Faces([f"face {i}" for i in range(5)][part], ids, names, self.images[part], self.regions[part])


class NoFaces(TwoBatches):
    def __iter__(self) -> Iterator[Faces]:
        self.skipped = {"a": "undecodable_image: it is none"}
        return iter(())


def brightness(x: torch.Tensor) -> torch.Tensor:
    """Three logits, or an embedding: the mean of each channel."""
    return x.mean((2, 3)) * 5


@pytest.mark.parametrize("mode", ["keep", "erase"])
def test_scores_are_those_of_fscam_and_the_average_that_of_its_maps(mode: str) -> None:
    faces = TwoBatches()
    cam = FSCAM(brightness, mode=mode)
    seen = []
    found = explain(cam, faces, one_class(1), FORMAT, lambda batch, maps: seen.append((batch.sample_ids, maps)))
    inputs = FORMAT(faces.images)
    assert np.allclose(
        found.scores, cam.region_scores(inputs, 1, regions=faces.regions), rtol=0, atol=1e-6, equal_nan=True
    )
    maps = cam(inputs, 1, regions=faces.regions)
    assert np.allclose(np.concatenate([m for _, m in seen]), maps, atol=1e-4)
    assert np.allclose(found.average, maps.mean(axis=0), atol=1e-4)
    assert found.average.dtype == np.float32
    assert np.isnan(found.scores[4, Region.MOUTH])
    assert found.sample_ids == [f"face {i}" for i in range(5)] == [i for ids, _ in seen for i in ids]
    assert found.identities == [f"person {i}" for i in (0, 1, 0, 1, 2)]
    assert found.targets == ["1"] * 5


def test_the_model_gets_pixels_shifted_scaled_and_in_its_order() -> None:
    image = np.zeros((1, 2, 2, 3), np.uint8)
    image[..., 0], image[..., 2] = 255, 51
    rgb = InputFormat((0.5, 0.25, 0.0), (0.5, 1.0, 2.0))(image)
    assert rgb.shape == (1, 3, 2, 2)
    assert rgb.dtype == torch.float32
    assert rgb[0, :, 0, 0].tolist() == pytest.approx([1.0, -0.25, 0.1])
    assert InputFormat(bgr=True)(image)[0, :, 0, 0].tolist() == pytest.approx([-0.6, -1.0, 1.0])
    with pytest.raises(ParamsError, match="mean: expected one number, or three"):
        InputFormat(mean=(0.5, 0.5))
    with pytest.raises(ParamsError, match="std: expected numbers above 0"):
        InputFormat(std=(0.0,))
    for wrong in (float("inf"), float("nan"), -float("inf"), 1e300):
        with pytest.raises(ParamsError, match="std: expected finite numbers of float32"):
            InputFormat(std=(1.0, wrong, 1.0))
        with pytest.raises(ParamsError, match="mean: expected finite numbers of float32"):
            InputFormat(mean=(wrong,))
    with pytest.raises(ParamsError, match="std: expected numbers above 0"):
        InputFormat(std=(1e-300,))


def test_the_predicted_class_and_the_own_identity_are_told_by_number() -> None:
    faces = TwoBatches()
    predicted = explain(FSCAM(brightness), faces, predicted_class, FORMAT)
    logits = brightness(FORMAT(faces.images))
    assert predicted.targets == [str(c) for c in logits.argmax(1).tolist()]
    assert explain(FSCAM(brightness), faces, own_identity, FORMAT).targets == ["0", "1", "0", "1", "2"]


def test_an_identity_is_like_the_mean_of_its_unit_embeddings() -> None:
    faces, cam = TwoBatches(), FSCAM(brightness)
    likeness = LikeOwnIdentity()
    each_output(brightness, faces, FORMAT, 64, likeness.add)
    found = explain(cam, faces, likeness, FORMAT)
    assert found.targets == ["identity_mean"] * 5
    embeddings = torch.nn.functional.normalize(brightness(FORMAT(faces.images)))
    for face, alike in enumerate([[0, 2], [1, 3], [0, 2], [1, 3], [4]]):
        aim = like_reference(embeddings[alike].mean(0))
        one = explain(cam, faces, aim, FORMAT)
        assert np.allclose(found.scores[face], one.scores[face], atol=1e-5, equal_nan=True)


@pytest.mark.parametrize(
    ("aim", "taught"),
    [
        (one_class(3), "class 3: the model has 3 outputs, 0-2"),
        (own_identity, "face 'face 4' has no identity"),
        (like_reference(torch.zeros(128)), r"expected embeddings of shape \(128,\), found \(3,\)"),
    ],
)
def test_an_aim_that_fits_neither_model_nor_faces_is_refused(aim, taught: str) -> None:
    with pytest.raises(TargetError, match=taught):
        explain(FSCAM(brightness), TwoBatches((0, 1, 0, 1, -1)), aim, FORMAT)


def test_a_label_that_is_no_output_of_the_model_is_refused() -> None:
    with pytest.raises(TargetError, match="label 7 of face 'face 4': the model has 3 outputs"):
        explain(FSCAM(brightness), TwoBatches((0, 1, 0, 1, 7)), own_identity, FORMAT)


def test_embeddings_predict_no_class() -> None:
    embed = lambda x: torch.nn.functional.normalize(brightness(x))  # noqa: E731 (it reads best here)
    with pytest.raises(TargetError, match="predict no class"):
        explain(FSCAM(embed), TwoBatches(), predicted_class, FORMAT)


@pytest.mark.parametrize(
    ("model", "taught"),
    [
        (lambda x: x, r"gives \(3, 3, 112, 112\); expected logits or embeddings"),
        (lambda x: x.mean((1, 2, 3))[:2], r"gives \(2,\)"),
        (lambda x: x.mean((0, 2, 3))[None], r"gives \(1, 3\)"),
        (lambda x: brightness(x) / 0, "no finite numbers"),
        (lambda x: x.view(1, 7), "refuses faces of float32"),
        (lambda x: "face", "the model gives a str; expected a tensor"),
    ],
    ids=["pictures", "one number", "one row", "infinite", "other shape", "text"],
)
def test_a_model_that_gives_no_row_a_face_is_refused(model, taught: str) -> None:
    with pytest.raises(ModelError, match=taught):
        explain(FSCAM(model), TwoBatches(), one_class(0), FORMAT)


def test_a_score_that_is_no_number_is_not_taken_for_an_absent_region() -> None:
    def fails_on_grey(x: torch.Tensor) -> torch.Tensor:
        grey = (x == 0).flatten(1).float().mean(1, keepdim=True) > 0.3
        return brightness(x).masked_fill(grey, torch.nan)

    with pytest.raises(ModelError, match="face 'face 0': partly hidden"):
        explain(FSCAM(fails_on_grey), TwoBatches(), one_class(0), FORMAT)


def test_no_usable_face_is_an_error_that_says_why() -> None:
    with pytest.raises(TooManySkippedError, match="'a' for undecodable_image"):
        explain(FSCAM(brightness), NoFaces(), one_class(0), FORMAT)


def test_means_and_deviations_are_over_the_faces_that_show_the_region() -> None:
    scores = np.full((3, 25), np.nan, np.float32)
    scores[:, 0] = 1, 2, 6
    scores[1, 1] = 4
    means, spread = region_means(scores)
    assert means[:2].tolist() == [3, 4]
    assert spread[:2] == pytest.approx([np.std([1, 2, 6]), 0])
    assert np.isnan(means[2:]).all()
    assert np.isnan(spread[2:]).all()
