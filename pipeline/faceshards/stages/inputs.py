"""Stage `inputs`, before the others: the files that params name, where DVC looks."""

from pathlib import Path

from faceshards.build.inputs import link_inputs
from faceshards.build.params import Params
from faceshards.stages.command import stage_command


@stage_command
def main(params: Params) -> None:
    """Link the files that params name, such as labels and weights, so that the stages see when they change.

    A network that `parse.weights` names and that is not here is downloaded, once its licence is accepted.
    """
    link_inputs(params, Path("manifests/inputs"), Path("manifests/parsers.yaml"))
