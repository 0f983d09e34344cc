"""Stage `report`."""

from pathlib import Path

from faceshards.build.params import Params
from faceshards.report.page import write_report
from faceshards.report.plots import write_plots
from faceshards.stages.command import stage_command

METRICS = {stage: Path(f"reports/metrics/{stage}.json") for stage in ("align", "parse", "erase", "verify")}


@stage_command
def main(params: Params) -> None:
    """Make the QA page and the tables for `dvc plots`."""
    shards = Path("data/shards")
    write_report(
        shards,
        Path("data/aligned"),
        METRICS,
        Path("reports/report.html"),
        params.report,
        source=Path("data/source"),
        plan=Path("data/plan"),
        earlier=None if params.plan.earlier is None else Path(params.plan.earlier),
    )
    write_plots(shards, METRICS, Path("reports/plots"))
