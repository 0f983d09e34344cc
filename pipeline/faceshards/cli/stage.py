"""`faceshards stage`: the stages of the pipeline, one by one."""

from importlib import import_module

import click

from faceshards.cli.explained import refuse_without_posix
from faceshards.commandline import errors_told, extra_named

_STAGES = {
    "code": "In faceshards' own repository: what the code of each stage comes to.",
    "inputs": "Link the files that params.yaml names, so that DVC sees them change.",
    "download": "Render the demo, download a published set, or find your own faces in place.",
    "plan": "Give every face its split, row and class id.",
    "align": "Align every face onto the ArcFace 112x112 template.",
    "parse": "Cut every aligned face into 25 regions.",
    "erase": "Make erased variants, and pack all into the shards.",
    "verify": "Hash and read every shard again, and list the hashes.",
    "report": "Make the page to look at, and the tables for `dvc plots`.",
}
_EXAMPLE = """
\b
Example:
  $ dvc repro                      # runs the stages that are not up to date
  $ faceshards stage align --help  # what a stage does
  $ faceshards stage align         # runs it, whether or not it is up to date
"""


class _Stages(click.Group):
    """Imports the module of a stage when it is asked for: they bring libraries that a reader of shards may not have."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(_STAGES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _STAGES:
            return None
        refuse_without_posix(f"{ctx.command_path} {cmd_name}")
        what = f"the stage {cmd_name}"
        with errors_told(what), extra_named(what):
            command: click.Command = import_module(f"faceshards.stages.{cmd_name}").main
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Stages, in their order"):
            formatter.write_dl(list(_STAGES.items()))


@click.group(cls=_Stages, epilog=_EXAMPLE)
def stage() -> None:
    """Run one stage of the pipeline in the repository of a data set, which `faceshards init` makes.

    `dvc repro` runs all of them, as dvc.yaml says; each is one command here. They read params.yaml, where every
    parameter is explained, and what the stages before wrote to data/.
    """
