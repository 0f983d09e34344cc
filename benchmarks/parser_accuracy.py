"""How well a parser agrees with ground truth, class by class.

python benchmarks/parser_accuracy.py ../shared/facesynthetics/dataset_71.zip --only manifests/parser_validation.txt
python benchmarks/parser_accuracy.py manifests/demo.yaml --picture docs/parser.jpg
"""

import tempfile
from pathlib import Path
from typing import NamedTuple

import click
import cv2
import numpy as np
from numpy.typing import NDArray

from faceshards.errors import BadSampleError
from faceshards.parsing import load_parser
from faceshards.parsing.crops import labelled_face
from faceshards.parsing.evaluate import coarse_confusion, confusion, scores
from faceshards.records import UInt8Array
from faceshards.regions import REGION_NAMES, CoarseRegion
from faceshards.report.pictures import difference, region_overlay
from faceshards.source.fetch.resolve import resolve
from faceshards.source.open import open_source

_DRAWN = 8  # faces


@click.command(help=(__doc__ or "").replace("\n\n", "\n\n\b\n"))
@click.argument("source", type=click.Path(exists=True, path_type=Path))
@click.option("--weights", default="bundled", show_default=True)
@click.option("--only", type=click.Path(exists=True, path_type=Path), help="File of sample ids, one a line.")
@click.option("--picture", type=click.Path(path_type=Path), help="Draw the faces that it parses worst into this JPEG.")
@click.option("--mirror/--no-mirror", default=True, show_default=True, help="Look at the mirrored face as well.")
def main(source: Path, weights: str, only: Path | None, picture: Path | None, mirror: bool) -> None:
    with tempfile.TemporaryDirectory() as rendered:  # by a recipe; all else is read where it is
        compare(resolve(source, Path(rendered)), weights, only, picture, mirror)


def compare(source: Path, weights: str, only: Path | None, picture: Path | None, mirror: bool) -> None:
    faces, parser = open_source(source), load_parser(weights, mirror=mirror)
    wanted = set(only.read_text().splitlines()) if only else None
    rows = [i for i in range(len(faces)) if wanted is None or faces.face(i).sample_id in wanted]
    compared = []
    for i in rows:
        try:
            image, truth = labelled_face(faces, i).aligned()
        except BadSampleError as error:
            click.echo(f"left out: {error}", err=True)
            continue
        compared.append(Compared(image, truth, parser.parse(image[None])[0]))
    counts = np.sum([face.counts for face in compared], axis=0)
    coarse = coarse_confusion(counts)
    for title, names, matrix in (
        ("25 regions", REGION_NAMES, counts),
        ("19 classes", [c.name.lower() for c in CoarseRegion], coarse),
        ("right and left as one", *sides_merged([c.name.lower() for c in CoarseRegion], coarse)),
    ):
        result = scores(matrix)
        click.echo(
            f"{title}, {len(compared)} faces: mIoU {result.miou:.3f}, pixel accuracy {result.pixel_accuracy:.3f}"
        )
        for name, iou, pixels in zip(names, result.iou, matrix.sum(axis=1), strict=True):
            click.echo(f"  {name:18s} IoU {iou:.3f}  of {pixels:8,} pixels")
    if picture is not None:
        worst = sorted(compared, key=lambda face: scores(face.counts).pixel_accuracy)[:_DRAWN]
        cv2.imwrite(
            str(picture), np.hstack([face.drawn() for face in worst])[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 90]
        )


class Compared(NamedTuple):
    """An aligned face, its true regions and the parser's."""

    image: UInt8Array
    truth: UInt8Array
    parsed: UInt8Array

    @property
    def counts(self) -> NDArray[np.int64]:
        return confusion(self.parsed, self.truth)

    def drawn(self) -> UInt8Array:
        """The face, the truth, the answer, and in red where they differ, one below the other."""
        overlays = (region_overlay(self.image, regions) for regions in (self.truth, self.parsed))
        return np.vstack([self.image, *overlays, difference(self.image, self.parsed, self.truth)])


def sides_merged(names: list[str], counts: NDArray[np.int64]) -> tuple[list[str], NDArray[np.int64]]:
    """Names without right and left, and the confusion matrix over them."""
    plain = [name.removeprefix("right_").removeprefix("left_") for name in names]
    merged = list(dict.fromkeys(plain))
    onto = np.array([[name == of for of in plain] for name in merged], np.int64)
    return merged, onto @ counts @ onto.T


if __name__ == "__main__":
    main()
