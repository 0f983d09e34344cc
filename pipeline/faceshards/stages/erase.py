"""Stage `erase`."""

from dataclasses import asdict
from pathlib import Path

import click

from faceshards.build.erase import erase_faces
from faceshards.build.params import Params
from faceshards.stages.command import stage_command, write_metrics


@stage_command
def main(params: Params) -> None:
    """Make erased variants of every face and pack them with regions and identity into the shards."""
    outcome = erase_faces(
        Path("data/aligned"),
        Path("data/parsed"),
        Path("data/shards"),
        params.erase,
        params.store,
        params.run,
        params.parse.min_confidence,
        params.dataset,
    )
    click.echo(f"erase: {outcome}")
    write_metrics(Path("reports/metrics/erase.json"), asdict(outcome))
