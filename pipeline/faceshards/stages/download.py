"""Stage `download`."""

from pathlib import Path

from faceshards.build.download import make_source
from faceshards.build.params import Params
from faceshards.stages.command import stage_command


@stage_command
def main(params: Params) -> None:
    """Make sure that the faces are there: render the demo, download a published set, or find your own in place."""
    make_source(params.source, params.run, Path("data/source"), Path("manifests/facesynthetics_sha256.parquet"))
