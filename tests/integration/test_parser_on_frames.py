from pathlib import Path

import numpy as np
import pytest

from faceshards.parsing import Parser, load_parser
from faceshards.parsing.crops import labelled_face
from faceshards.parsing.evaluate import coarse_confusion, confusion, scores
from faceshards.records import UInt8Array
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


def test_the_bundled_weights_parse_real_frames_that_they_never_saw(
    aligned: tuple[UInt8Array, UInt8Array], parser: Parser, frames_zip: Path, root: Path
) -> None:
    source = open_source(frames_zip)
    held_out = set((root / "manifests/parser_validation.txt").read_text().split())
    rows = [i for i in range(len(source)) if source.face(i).sample_id in held_out]
    counts = confusion(parser.parse(aligned[0][rows]), aligned[1][rows])
    fine, coarse = scores(counts), scores(coarse_confusion(counts))
    assert len(rows) == 11
    assert fine.miou > 0.65
    assert coarse.miou > 0.62
    assert coarse.pixel_accuracy > 0.90


def test_real_frames_parse_alike_one_by_one_and_all_at_once(
    aligned: tuple[UInt8Array, UInt8Array], parser: Parser
) -> None:
    images = aligned[0][:9]
    one_by_one = np.concatenate([parser.parse(images[i : i + 1]) for i in range(9)])
    assert np.array_equal(parser.parse(images), one_by_one)
