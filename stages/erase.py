"""Stage `erase`."""

from dataclasses import asdict
from pathlib import Path

from faceshards.build.erase import erase_faces
from faceshards.build.params import Params
from stages.command import stage_command, write_metrics


@stage_command
def main(params: Params) -> None:
    """Make erased variants of every face and pack them with regions and identity into the shards."""
    result = erase_faces(
        Path("data/aligned"),
        Path("data/parsed"),
        Path("data/shards"),
        params.erase,
        params.store,
        params.run,
        params.parse.min_confidence,
    )
    write_metrics(Path("reports/metrics/erase.json"), {**asdict(result.outcome), "doubtful": result.doubtful})


if __name__ == "__main__":
    main()
