"""A perfect network of 19 classes on real frames: what the cut of its skin without landmarks is worth.

The point model was fitted on these frames; its figures on frames that it did not see are in docs/parsers.md.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from adapters import ColourNetwork, describe, painted, write_torchscript

from faceshards.ops.align import five_points, similarity, warp_labels
from faceshards.ops.labels import detailed_regions
from faceshards.parsing import load_parser
from faceshards.parsing.evaluate import confusion, scores
from faceshards.parsing.schemes import SCHEMES, SchemeName
from faceshards.records import UInt8Array
from faceshards.regions import IGNORE
from faceshards.source.facesynthetics import FaceSynthetics


class Faces(NamedTuple):
    """Aligned faces: FaceSynthetics classes and regions, both (B, 112, 112) uint8."""

    coarse: UInt8Array
    regions: UInt8Array


@pytest.fixture(scope="module")
def faces(frames_zip: Path) -> Faces:
    source = FaceSynthetics(frames_zip)
    coarse, regions = [], []
    for i in range(0, len(source), 6):
        truth, landmarks = source.truth(i), source.landmarks(i)
        assert truth is not None
        assert landmarks is not None
        matrix = similarity(five_points(landmarks))
        coarse.append(warp_labels(truth.labels, matrix))
        regions.append(warp_labels(detailed_regions(truth.labels, landmarks), matrix))
    return Faces(np.where(np.stack(coarse) == IGNORE, 0, coarse).astype(np.uint8), np.stack(regions))


def parsed(folder: Path, faces: Faces, scheme: SchemeName) -> UInt8Array:
    """The regions by a network of this scheme that sees the true classes, and has earrings and necklaces to see."""
    write_torchscript(folder / "net.ts", ColourNetwork(19))
    names = [name.replace("right_", "").replace("left_", "") for name in SCHEMES[scheme]]
    theirs = np.zeros(256, np.uint8)
    for coarse, name in enumerate(SCHEMES["facesynthetics19"]):
        if scheme == "facesynthetics19":
            theirs[coarse] = coarse
        elif name not in ("beard", "none"):
            theirs[coarse] = names.index(name.replace("right_", "").replace("left_", ""))
        else:
            theirs[coarse] = names.index("skin")
    parser = load_parser(describe(folder, model="net.ts", classes=scheme), "cpu")
    return parser.parse(painted(theirs[faces.coarse], 19))


@pytest.mark.parametrize("scheme", ["facesynthetics19", "celebamask_hq", "celebamask_bisenet"])
def test_the_skin_is_cut_nearly_as_by_the_true_landmarks(tmp_path: Path, faces: Faces, scheme: SchemeName) -> None:
    known = faces.regions != IGNORE
    result = scores(confusion(parsed(tmp_path, faces, scheme)[known], faces.regions[known]))
    assert np.nanmean(result.iou[1:10]) > 0.85
    assert result.pixel_accuracy > 0.97


def test_both_orders_of_celebamask_give_the_same_regions(tmp_path: Path, faces: Faces) -> None:
    one, other = (parsed(tmp_path, faces, scheme) for scheme in ("celebamask_hq", "celebamask_bisenet"))
    assert np.array_equal(one, other)


def test_the_sides_by_place_are_those_of_the_truth(tmp_path: Path, faces: Faces) -> None:
    by_name, by_place = (parsed(tmp_path, faces, scheme) for scheme in ("facesynthetics19", "celebamask_hq"))
    for right, left, share in ((11, 12, 1.0), (13, 14, 0.95), (15, 16, 1.0)):
        pair = np.isin(by_name, (right, left))
        assert pair.any()
        assert (by_name[pair] == by_place[pair]).mean() >= share
