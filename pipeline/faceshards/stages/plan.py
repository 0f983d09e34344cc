"""Stage `plan`."""

from pathlib import Path

import click

from faceshards.build.params import Params
from faceshards.build.plan import plan_faces
from faceshards.stages.command import stage_command, write_metrics


@stage_command
def main(params: Params) -> None:
    """Give every face its split, row and class id, and note down what it is made from."""
    outcome = plan_faces(Path("data/source"), Path("data/plan"), params.plan)
    write_metrics(Path("reports/metrics/plan.json"), outcome.told)
    for warning in outcome.warnings:
        click.echo(f"plan: {warning}", err=True)
