"""Stage `parse`."""

from pathlib import Path

import click

from faceshards.build.inputs import check_weights
from faceshards.build.params import Params
from faceshards.build.parse import as_metrics, parse_faces
from faceshards.build.places import misplaced
from faceshards.stages.command import stage_command, write_metrics


@stage_command
def main(params: Params) -> None:
    """Cut every aligned face into 25 regions with the segmentation network, and compare with the truth where known."""
    check_weights(params.parse.weights, Path("manifests/inputs"))
    result = parse_faces(Path("data/aligned"), Path("data/parsed"), params.parse, params.store, params.run)
    if (said := misplaced(result.places)) is not None:
        click.echo(f"parse.weights: {params.parse.weights}: {said}", err=True)
    write_metrics(Path("reports/metrics/parse.json"), as_metrics(result))
