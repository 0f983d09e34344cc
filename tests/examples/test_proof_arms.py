"""Arms of the proof differ in what is erased, and in nothing else."""

from typing import get_args

import numpy as np
import pytest
import torch
from proof_faces import faces

from examples.proof.arms import RECTANGLE_AREA, RECTANGLE_RATIO, Arm, erase_rectangles

ARMS = get_args(Arm)


def epoch(dataset, labels, arm, number=0, **changes):
    batches = list(faces(dataset, labels, arm, **changes).epoch(number))
    return torch.cat([images for images, _ in batches]), torch.cat([of for _, of in batches])


def test_all_arms_have_the_same_people_in_the_same_order_mirrored_alike(dataset, labels):
    plain, order = epoch(dataset, labels, "none")
    for arm in ARMS[1:]:
        images, same_order = epoch(dataset, labels, arm)
        assert same_order.tolist() == order.tolist()
        changed = (images != plain).any(1).float().mean((1, 2))
        assert (changed < 0.9).all()
        assert changed.mean() > 0.005


def test_with_probability_zero_every_arm_is_that_without_erasing(dataset, labels):
    plain, _ = epoch(dataset, labels, "none")
    for arm in ARMS:
        assert torch.equal(epoch(dataset, labels, arm, p=0.0)[0], plain)


def test_epochs_and_seeds_draw_anew_and_the_same_ones_the_same(dataset, labels):
    first, _ = epoch(dataset, labels, "both")
    assert torch.equal(first, epoch(dataset, labels, "both")[0])
    assert not torch.equal(first, epoch(dataset, labels, "both", number=1)[0])
    assert not torch.equal(first, epoch(dataset, labels, "both", seed=1)[0])


def test_a_part_is_one_region_in_one_flat_colour(dataset, labels):
    images, _ = epoch(dataset, labels, "part")
    plain, _ = epoch(dataset, labels, "none")
    changed = (images != plain).any(1, keepdim=True).expand_as(images)
    assert images[changed].unique().numel() == 1


def test_the_stored_variants_are_those_of_the_store(dataset, labels):
    images, _ = epoch(dataset, labels, "precomputed", batch_size=1)
    variants = torch.from_numpy(dataset.take(range(len(dataset)), fields=["variant"], view="all_variants")["variant"])
    known = variants.flatten(0, 1).movedim(-1, 1).float().div(127.5).sub(1)
    known = torch.cat([known, known.flip(-1)])
    assert all(((known - image).abs().amax((1, 2, 3)) < 1e-6).any() for image in images)


def test_rectangles_have_the_sizes_of_torchvisions():
    images = torch.zeros(600, 1, 112, 112, dtype=torch.uint8)
    erase_rectangles(images, 1.0, torch.Generator().manual_seed(0))
    found = images[:, 0] > 0
    height = found.any(2).sum(1)
    width = found.any(1).sum(1)
    area = (height * width) / 112**2
    assert area.min() > RECTANGLE_AREA[0] - 0.005
    assert area.max() < RECTANGLE_AREA[1] + 0.01
    assert area.mean() == pytest.approx(np.mean(RECTANGLE_AREA), abs=0.012)
    ratio = height / width
    assert ratio.min() > RECTANGLE_RATIO[0] - 0.03
    assert ratio.max() < RECTANGLE_RATIO[1] + 0.3
    assert ratio.log().mean() == pytest.approx(0, abs=0.09)
    assert (images[:, 0].flatten(1).any(1)).all()
    half = torch.zeros(600, 1, 112, 112, dtype=torch.uint8)
    erase_rectangles(half, 0.5, torch.Generator().manual_seed(0))
    assert half.flatten(1).any(1).float().mean() == pytest.approx(0.5, abs=0.06)
