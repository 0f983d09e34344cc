"""Targets, images, maps and settings of FS-CAM: what is taken, and how what is not is named."""

import numpy as np
import pytest
import torch

import faceshards.cam
from faceshards.cam import (
    FSCAM,
    ClassTarget,
    CosineTarget,
    OutputTarget,
    SoftmaxTarget,
    perturbation_curves,
    pointing_game,
)
from faceshards.errors import FaceError, FaceTypeError, ParamsError, ParserError, TargetError

ONES = {
    "numpy integer": np.int64(3),
    "numpy small integer": np.uint8(3),
    "array of no dimension": np.array(3),
    "tensor of no dimension": torch.tensor(3),
    "class target": ClassTarget(3),
    "class target of numpy's": ClassTarget(np.int32(3)),
    "softmax target": SoftmaxTarget(torch.tensor(3)),
}
EACH = {
    "list": [0, 3, 4],
    "tuple": (0, 3, 4),
    "range": range(0, 6, 2),
    "generator": (c for c in (0, 3, 4)),
    "array": np.array([0, 3, 4]),
    "tensor": torch.tensor([0, 3, 4]),
    "small tensor": torch.tensor([0, 3, 4], dtype=torch.uint8),
    "list of numpy's": list(np.array([0, 3, 4])),
    "list of tensors": [torch.tensor(c) for c in (0, 3, 4)],
    "mixed": [0, ClassTarget(3), lambda row: torch.softmax(row, -1)[4]],
    "array of callables": np.array([ClassTarget(c) for c in (0, 3, 4)], dtype=object),
}


@pytest.mark.parametrize("target", ONES.values(), ids=ONES)
def test_one_class_for_all_faces_comes_as_any_whole_number(network, noise, regions, target) -> None:
    expected = FSCAM(network).region_scores(noise, 3, regions=regions)
    assert np.array_equal(FSCAM(network).region_scores(noise, target, regions=regions), expected, equal_nan=True)


@pytest.mark.parametrize("targets", EACH.values(), ids=EACH)
def test_a_class_for_each_face_comes_in_any_order_keeping_thing(network, noise, regions, targets) -> None:
    classes = [0, 2, 4] if isinstance(targets, range) else [0, 3, 4]
    expected = FSCAM(network).region_scores(noise, classes, regions=regions)
    assert np.array_equal(FSCAM(network).region_scores(noise, targets, regions=regions), expected, equal_nan=True)


NO_TARGETS = [
    (3.0, r"found 3.0 \(float\)"),
    (np.float32(3), "targets: expected a class number"),
    (True, r"found True \(bool\)"),
    (np.bool_(True), "targets: expected"),
    ([True, False, True], "found True"),
    ([0, 1.5, 2], "found 1.5"),
    ([0, None, 2], "found None"),
    ("nose", "found 'nose'"),
    ("012", "found '012'"),
    (b"012", "found b'012'"),
    (["a", "b", "c"], "found 'a'"),
    ({0: 1, 1: 2, 2: 3}, r"\(dict\)"),
    ({0, 1, 2}, r"\(set\)"),
    (torch.tensor([0.0, 1.0, 2.0]), "found torch.float32"),
    (np.array([0.0, 1.0, 2.0]), r"found np.float64\(0.0\)"),
    (torch.tensor([True, False, True]), "found torch.bool"),
    (torch.zeros(3, 5, dtype=torch.long), r"found an array of shape \(3, 5\)"),
    (np.eye(3, dtype=int), r"found an array of shape \(3, 3\)"),
    (torch.tensor(3.0), "found torch.float32"),
    (-1, "found -1"),
    ([0, -1, 2], "found -1"),
    (torch.tensor([0, -1, 2]), "found -1"),
    (5, "class 5: the model has 5 outputs, 0-4"),
    ([0, 1, 5], "class 5: the model has 5 outputs, 0-4"),
    (np.array([0, 1, 99]), "class 99: the model has 5 outputs"),
    (SoftmaxTarget(7), "class 7: the model has 5 outputs"),
    (OutputTarget(7), "output 7: the model has 5 outputs"),
    ([], "3 faces, found 0"),
    ([0, 1], "3 faces, found 2"),
    (np.array([0, 1, 2, 3]), "3 faces, found 4"),
    (CosineTarget, "found the class CosineTarget itself"),
    (CosineTarget(torch.ones(7)), r"expected embeddings of shape \(7,\) as the reference's, found \(5,\)"),
    (CosineTarget(torch.ones(1)), r"expected embeddings of shape \(1,\)"),
]


@pytest.mark.parametrize(("targets", "taught"), NO_TARGETS, ids=[str(i) for i in range(len(NO_TARGETS))])
@pytest.mark.parametrize("mode", ["keep", "erase"])
def test_targets_that_do_not_fit_are_refused_by_name(network, noise, regions, targets, taught, mode) -> None:
    cam = FSCAM(network, mode=mode)
    for call in (cam, cam.region_scores):
        with pytest.raises(TargetError, match=taught):
            call(noise, targets, regions=regions)
    with pytest.raises(TargetError, match=taught):
        perturbation_curves(network, noise, np.zeros((3, 24, 20)), targets, steps=2)


@pytest.mark.parametrize(
    ("target", "taught"),
    [
        (lambda row: row, r"target of face 0 \(<lambda>\): expected one number .*found torch.float32 \(5,\)"),
        (lambda row: row[:2], r"found torch.float32 \(2,\)"),
        (lambda row: row[None, :1, None].expand(2, 1, 1), r"found torch.float32 \(2, 1, 1\)"),
        (lambda row: None, "found a NoneType"),
        (lambda row: "high", "found a str"),
        (lambda row: row[0] + 1j, "found torch.complex64"),
        (lambda row: [row[0], row[1]], r"found .*\(2,\)|found a list"),
    ],
    ids=["row", "two", "a larger form", "None", "text", "complex", "list"],
)
def test_a_target_that_makes_no_one_number_is_named(network, noise, regions, target, taught) -> None:
    with pytest.raises(TargetError, match=taught):
        FSCAM(network)(noise, target, regions=regions)


@pytest.mark.parametrize("make", [float, np.float64, lambda v: v[None], lambda v: v.double(), lambda v: v.item()])
def test_a_target_may_make_a_number_of_any_kind(network, noise, regions, make) -> None:
    expected = FSCAM(network).region_scores(noise, OutputTarget(2), regions=regions)
    found = FSCAM(network).region_scores(
        noise, [2, lambda row: make(row[2]), lambda row: make(row[2])], regions=regions
    )
    assert np.allclose(found[1:], expected[1:], equal_nan=True)


def test_an_error_of_a_target_is_its_own_with_a_note_of_the_face(network, noise, regions) -> None:
    def reads_too_far(row: torch.Tensor) -> torch.Tensor:
        return row[7]

    with pytest.raises(IndexError) as error:
        FSCAM(network)(noise, [0, reads_too_far, 0], regions=regions)
    assert error.value.__notes__ == ["raised by the target of face 1 (reads_too_far), on an output of shape (5,)"]


@pytest.mark.parametrize(
    "reference", [torch.zeros(5), torch.full((5,), torch.nan), torch.ones(2, 5), torch.ones(0), torch.tensor(1.0)]
)
def test_a_reference_without_a_direction_is_refused(reference) -> None:
    with pytest.raises(TargetError, match="reference: expected"):
        CosineTarget(reference)


def test_a_reference_may_be_an_array_or_a_batch_of_one(network, noise, regions) -> None:
    expected = FSCAM(network)(noise, CosineTarget(torch.arange(1.0, 6)), regions=regions)
    for reference in (np.arange(1.0, 6), torch.arange(1.0, 6)[None], torch.arange(1, 6)):
        assert np.allclose(FSCAM(network)(noise, CosineTarget(reference), regions=regions), expected, atol=1e-5)


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
