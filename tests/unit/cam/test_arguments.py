"""Images, maps and settings of FS-CAM: what is taken, and how what is not is named."""

import numpy as np
import pytest
import torch

import faceshards.cam
from faceshards.cam import (
    FSCAM,
    perturbation_curves,
    pointing_game,
)
from faceshards.errors import FaceError, FaceTypeError, ParamsError, ParserError


@pytest.mark.parametrize(
    ("images", "taught"),
    [
        (torch.zeros(0, 3, 24, 20), r"at least one; found float32 \(0, 3, 24, 20\)"),
        (torch.zeros(3, 24, 20), r"expected faces \(B, C, H, W\), at least one; found float32 \(3, 24, 20\)"),
        (torch.zeros(1, 1, 3, 24, 20), "expected faces"),
        (np.zeros((3, 3, 24, 20), np.float32), r"expected a torch tensor .*found float32 \(3, 3, 24, 20\)"),
        ("face.jpg", "found 'face.jpg'"),
        (None, "found None"),
        (torch.zeros(3, 3, 24, 20, dtype=torch.complex64), "found complex64"),
    ],
    ids=["no faces", "one face", "five dimensions", "array", "path", "None", "complex"],
)
def test_images_that_are_no_batch_of_faces_are_refused_by_name(network, regions, images, taught) -> None:
    cam = FSCAM(network)
    with pytest.raises(ParamsError, match=f"input_tensor: .*{taught}"):
        cam(images, 0, regions=regions)
    with pytest.raises(ParamsError, match=f"inputs: .*{taught}"):
        cam.attribute(images, target=0, feature_mask=regions)


@pytest.mark.parametrize(
    ("maps", "taught"),
    [
        (torch.zeros(2, 24, 20, dtype=torch.uint8), r"\(3, 24, 20\); found \(3, 3, 24, 20\) and \(2, 24, 20\)"),
        (torch.zeros(1, 24, 20, dtype=torch.uint8), r"and \(1, 24, 20\)"),
        (torch.zeros(24, 20, dtype=torch.uint8), r"and \(24, 20\)"),
        (torch.zeros(3, 20, 24, dtype=torch.uint8), r"and \(3, 20, 24\)"),
        (torch.zeros(3, 12, 10, dtype=torch.uint8), r"and \(3, 12, 10\)"),
        (np.full((3, 24, 20), "nose"), "found <U4"),
        ("nose", "found 'nose'"),
    ],
    ids=[
        "faces",
        "one map",
        "two dimensions",
        "turned",
        "half size",
        "words",
        "text",
    ],
)
def test_region_maps_that_do_not_fit_are_refused_by_name(network, noise, maps, taught) -> None:
    with pytest.raises(ParamsError, match=f"regions: expected .*{taught}"):
        FSCAM(network)(noise, 0, regions=maps)
    with pytest.raises(ParserError, match=f"the parser gives no region maps: regions: expected .*{taught}"):
        FSCAM(network, parser=lambda _: maps)(noise, 0)


@pytest.mark.parametrize(
    "maps", [torch.zeros(3, 24, 20), torch.zeros(3, 24, 20, dtype=torch.bool), np.full((3, 24, 20), np.nan)]
)
def test_region_maps_of_no_whole_numbers_are_refused(network, noise, maps) -> None:
    with pytest.raises(FaceTypeError, match=r"a region map must have an integer dtype, found torch\.(float|bool)"):
        FSCAM(network)(noise, 0, regions=maps)
    with pytest.raises(ParserError, match="the parser gives no region maps: a region map must"):
        FSCAM(network, parser=lambda _: maps)(noise, 0)


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.uint16, np.int32, np.uint32, np.int64, np.uint64])
def test_region_maps_of_any_whole_numbers_are_taken(network, noise, regions, dtype) -> None:
    maps = regions.clamp(max=24)
    expected = FSCAM(network)(noise, 0, regions=maps)
    given = maps.numpy().astype(dtype)
    given.flags.writeable = False
    assert np.array_equal(FSCAM(network)(noise, 0, regions=given), expected)
    assert np.array_equal(FSCAM(network)(noise, 0, regions=given[:, None]), expected)


def test_a_parser_that_gives_none_is_named(network, noise) -> None:
    with pytest.raises(ParserError, match=r"the parser gives no region maps: .*found None"):
        FSCAM(network, parser=lambda _: None)(noise, 0)
    with pytest.raises(ParamsError, match=r"regions=.*parser="):
        FSCAM(network)(noise, 0)


@pytest.mark.parametrize(
    ("settings", "taught"),
    [
        ({"batch_size": 0}, "batch_size must be 1 or more, found 0"),
        ({"batch_size": -3}, "found -3"),
        ({"batch_size": 2.5}, "found 2.5"),
        ({"batch_size": True}, "found True"),
        ({"batch_size": "64"}, "found '64'"),
        ({"mode": "kep"}, 'mode is "keep" or "erase", not .kep.'),
        ({"mode": None}, "not None"),
        ({"model": None}, "model: expected a torch module or a callable, found NoneType"),
        ({"model": "net.pt"}, "model: .*found str"),
        ({"model": torch.nn.Flatten}, "model: expected a module, found the class Flatten itself"),
        ({"parser": "bisenet"}, "parser: .*found str"),
        ({"baseline": "blurr"}, "baseline must be .*one of mean, blur; found 'blurr'"),
        ({"baseline": float("nan")}, "baseline must be .*; found nan"),
    ],
)
def test_settings_are_checked_where_they_are_given(network, settings, taught) -> None:
    with pytest.raises(ParamsError, match=taught) as error:
        FSCAM(**{"model": network, **settings})
    assert isinstance(error.value, ValueError)


@pytest.mark.parametrize(
    "baseline",
    [[0.1, 0.2], torch.zeros(7), torch.zeros(3, 3, 24, 21), "blurr", np.zeros((2, 3, 24, 20)), None, object()],
)
def test_a_baseline_that_does_not_fit_is_refused(network, noise, regions, baseline) -> None:
    with pytest.raises(ValueError, match=r"baseline|number, "):
        FSCAM(network, baseline=baseline)(noise, 0, regions=regions)


def test_a_baseline_may_be_an_array_of_pixels(network, noise, regions) -> None:
    pixels = np.random.default_rng(0).random((3, 3, 24, 20), np.float32)
    expected = FSCAM(network, baseline=torch.from_numpy(pixels))(noise, 0, regions=regions)
    assert np.array_equal(FSCAM(network, baseline=pixels)(noise, 0, regions=regions), expected)


@pytest.mark.parametrize(
    ("settings", "taught"),
    [
        ({"mode": "delete"}, 'mode is "deletion" or "insertion", not .delete.'),
        ({"steps": 0}, "steps must be 1 or more, found 0"),
        ({"batch_size": 0}, "batch_size "),
        ({"saliency": np.full((3, 24, 20), np.nan)}, "saliency: expected maps of finite numbers"),
        ({"saliency": np.zeros((3, 20, 24))}, "saliency: expected a map for each of the images"),
        ({"images": np.zeros((3, 3, 24, 20))}, "images: expected a torch tensor"),
    ],
)
def test_curves_check_their_arguments(network, noise, settings, taught) -> None:
    given = {"model": network, "images": noise, "saliency": np.zeros((3, 24, 20)), "targets": 0, **settings}
    with pytest.raises(ParamsError, match=taught):
        perturbation_curves(**given)


def test_a_pointing_game_needs_peaks_and_regions(regions) -> None:
    flat = np.zeros((3, 24, 20))
    with pytest.raises(ParamsError, match="saliency: expected maps of finite numbers"):
        pointing_game(np.full((3, 24, 20), np.nan), regions.numpy())
    for ids in (regions.numpy() + np.uint8(30), regions.numpy().astype(np.float32), regions.numpy() - np.int64(1)):
        with pytest.raises(FaceError, match="region map"):
            pointing_game(flat, ids)


def test_what_users_need_is_public() -> None:
    assert sorted(faceshards.cam.__all__) == [
        "BinaryTarget",
        "ClassTarget",
        "CosineTarget",
        "Curves",
        "FSCAM",
        "OutputTarget",
        "SoftmaxTarget",
        "numpy_model",
        "overlay_regions",
        "overlay_saliency",
        "perturbation_curves",
        "pointing_game",
        "region_bars",
        "saliency_of_scores",
    ]
    for name in faceshards.cam.__all__:
        assert getattr(faceshards.cam, name).__doc__, name
