"""Targets of FS-CAM: what is taken, and how what is not is named."""

import numpy as np
import pytest
import torch

from faceshards.cam import (
    FSCAM,
    ClassTarget,
    CosineTarget,
    OutputTarget,
    SoftmaxTarget,
    perturbation_curves,
)
from faceshards.errors import TargetError

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
