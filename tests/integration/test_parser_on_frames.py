from pathlib import Path

import numpy as np
import pytest

from faceshards.ops.align import similarity, warp_image, warp_labels
from faceshards.ops.labels import detailed_regions
from faceshards.parsing import Parser, load_parser
from faceshards.parsing.crops import labelled_face
from faceshards.parsing.evaluate import coarse_confusion, confusion, scores
from faceshards.records import UInt8Array
from faceshards.source.demo import render_face
from faceshards.source.open import open_source


@pytest.fixture(scope="module")
def aligned(frames_zip: Path) -> tuple[UInt8Array, UInt8Array]:
    """All real frames: images and regions."""
    source = open_source(frames_zip)
    images, truths = zip(*(labelled_face(source, i).aligned() for i in range(len(source))), strict=True)
    return np.stack(images), np.stack(truths)


@pytest.fixture(scope="module")
def parser() -> Parser:
    return load_parser(device="cpu", threads=2)


def test_the_bundled_weights_parse_the_real_frames_that_they_learnt_from(
    aligned: tuple[UInt8Array, UInt8Array], parser: Parser
) -> None:
    counts = confusion(parser.parse(aligned[0]), aligned[1])
    fine, coarse = scores(counts), scores(coarse_confusion(counts))
    assert fine.miou > 0.83
    assert coarse.miou > 0.82
    assert coarse.pixel_accuracy > 0.96


def test_the_bundled_weights_parse_rendered_faces_that_they_never_saw(parser: Parser) -> None:
    images, truths = [], []
    for person in range(12):
        face = render_face(5, person, 0, 256)
        onto = similarity(face.landmarks)
        images.append(warp_image(face.image, onto))
        truths.append(warp_labels(detailed_regions(face.labels, face.landmarks), onto))
    counts = confusion(parser.parse(np.stack(images)), np.stack(truths))
    assert scores(counts).miou > 0.80


def test_real_frames_parse_alike_one_by_one_and_all_at_once(
    aligned: tuple[UInt8Array, UInt8Array], parser: Parser
) -> None:
    images, some = aligned[0][:9], (0, 4, 8)  # more than one batch
    one_by_one = np.concatenate([parser.parse(images[i : i + 1]) for i in some])
    assert np.array_equal(parser.parse(images)[[*some]], one_by_one)
