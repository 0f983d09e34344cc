"""Stage `align`."""

from dataclasses import asdict
from pathlib import Path

import click

from faceshards.build.align import align_faces
from faceshards.build.params import Params
from faceshards.stages.command import stage_command, write_metrics


@stage_command
def main(params: Params) -> None:
    """Align every face onto the ArcFace 112x112 template; those that cannot be used are recorded with a reason."""
    outcome = align_faces(
        Path("data/source"), Path("data/plan"), Path("data/aligned"), params.align, params.store, params.run
    )
    click.echo(f"align: {outcome}")
    write_metrics(Path("reports/metrics/align.json"), asdict(outcome))
