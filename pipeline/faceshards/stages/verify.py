"""Stage `verify`."""

from pathlib import Path

import click

from faceshards.build.params import Params
from faceshards.build.verify import certify
from faceshards.stages.command import stage_command, write_metrics


@stage_command
def main(_: Params) -> None:
    """Re-hash and re-read every shard, and list the hash of every file in manifests/shards.sha256."""
    report = certify(Path("data/shards"), Path("manifests/shards.sha256"))
    write_metrics(
        Path("reports/metrics/verify.json"),
        {"files": report.files, "bytes": report.bytes, "rows": report.rows, "problems": len(report.problems)},
    )
    if not report.ok:
        raise click.ClickException("\n".join(map(str, report.problems)))
