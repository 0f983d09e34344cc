"""How well a parser agrees with ground truth, class by class.

python benchmarks/parser_accuracy.py ../shared/facesynthetics/dataset_71.zip --only manifests/parser_validation.txt
python benchmarks/parser_accuracy.py manifests/demo.yaml
"""

import tempfile
from pathlib import Path

import click
import numpy as np

from faceshards.errors import BadSampleError
from faceshards.parsing import load_parser
from faceshards.parsing.crops import labelled_face
from faceshards.parsing.evaluate import coarse_confusion, confusion, scores
from faceshards.regions import REGION_NAMES, CoarseRegion
from faceshards.source.fetch.resolve import resolve
from faceshards.source.open import open_source


@click.command(help=(__doc__ or "").replace("\n\n", "\n\n\b\n"))
@click.argument("source", type=click.Path(exists=True, path_type=Path))
@click.option("--weights", default="bundled", show_default=True)
@click.option("--only", type=click.Path(exists=True, path_type=Path), help="File of sample ids, one a line.")
@click.option("--mirror/--no-mirror", default=True, show_default=True, help="Look at the mirrored face as well.")
def main(source: Path, weights: str, only: Path | None, mirror: bool) -> None:
    with tempfile.TemporaryDirectory() as rendered:  # by a recipe; all else is read where it is
        compare(resolve(source, Path(rendered)), weights, only, mirror)


def compare(source: Path, weights: str, only: Path | None, mirror: bool) -> None:
    faces, parser = open_source(source), load_parser(weights, mirror=mirror)
    wanted = set(only.read_text().split()) if only else None
    rows = [i for i in range(len(faces)) if wanted is None or faces.face(i).sample_id in wanted]
    counts = np.zeros((len(REGION_NAMES),) * 2, np.int64)
    compared = 0
    for i in rows:
        try:
            image, truth = labelled_face(faces, i).aligned()
        except BadSampleError as error:
            click.echo(f"left out: {error}", err=True)
            continue
        counts += confusion(parser.parse(image[None])[0], truth)
        compared += 1
    for title, names, matrix in (
        ("25 regions", REGION_NAMES, counts),
        ("19 classes", [c.name.lower() for c in CoarseRegion], coarse_confusion(counts)),
    ):
        result = scores(matrix)
        click.echo(f"{title}, {compared} faces: mIoU {result.miou:.3f}, pixel accuracy {result.pixel_accuracy:.3f}")
        for name, iou, pixels in zip(names, result.iou, matrix.sum(axis=1), strict=True):
            click.echo(f"  {name:18s} IoU {iou:.3f}  of {pixels:8,} pixels")


if __name__ == "__main__":
    main()
