import math

import numpy as np
import pytest

from faceshards.parsing.evaluate import coarse_confusion, confusion, scores
from faceshards.regions import CoarseRegion, Region


def test_confusion_counts_truth_by_prediction_and_skips_ignored_pixels() -> None:
    truth = np.array([[0, 1, 1], [2, 255, 255]], np.uint8)
    predicted = np.array([[0, 1, 2], [2, 0, 1]], np.uint8)
    assert confusion(predicted, truth, 3).tolist() == [[1, 0, 0], [0, 1, 1], [0, 0, 1]]


def test_confusions_of_parts_add_up_to_that_of_the_whole() -> None:
    truth, predicted = np.random.default_rng(0).integers(0, 25, (2, 4, 16, 16), np.uint8)
    assert (sum(map(confusion, predicted, truth)) == confusion(predicted, truth)).all()


def test_confusion_refuses_shapes_that_differ_and_ids_out_of_range() -> None:
    zeros = np.zeros((2, 2), np.uint8)
    with pytest.raises(ValueError, match="must have one shape"):
        confusion(zeros, zeros[:1])
    with pytest.raises(ValueError, match=r"below 25 .*, found 30"):
        confusion(zeros + 30, zeros)


def test_iou_is_intersection_over_union_and_the_mean_is_over_classes_in_the_truth() -> None:
    result = scores(np.array([[3, 1, 0], [0, 4, 0], [0, 0, 0]]))
    assert result.iou[:2] == pytest.approx((0.75, 0.8))
    assert math.isnan(result.iou[2])
    assert result.miou == pytest.approx(0.775)
    assert result.pixel_accuracy == pytest.approx(7 / 8)


def test_a_class_only_in_the_prediction_has_iou_zero_and_is_not_in_the_mean() -> None:
    result = scores(np.array([[3, 1], [0, 0]]))
    assert result.iou == pytest.approx((0.75, 0.0))
    assert result.miou == pytest.approx(0.75)


def test_nothing_counted_gives_nan() -> None:
    result = scores(np.zeros((25, 25), np.int64))
    assert math.isnan(result.miou)
    assert math.isnan(result.pixel_accuracy)


def test_merging_counts_a_cheek_taken_for_a_chin_as_right() -> None:
    truth = np.array([Region.RIGHT_CHEEK, Region.HAIR], np.uint8)
    predicted = np.array([Region.RIGHT_CHIN, Region.NECK], np.uint8)
    merged = coarse_confusion(confusion(predicted, truth))
    assert merged[CoarseRegion.SKIN, CoarseRegion.SKIN] == 1
    assert merged[CoarseRegion.HAIR, CoarseRegion.NECK] == 1
    assert merged.sum() == 2
