"""What all stage commands share: the params file, the record of the run, errors and Ctrl-C without a traceback."""

import functools
import inspect
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click

from faceshards.build.lockfile import check_code
from faceshards.build.params import Params, load_params
from faceshards.build.runrecord import run_record
from faceshards.commandline import errors_told
from faceshards.store.durable import sweep, write_file

SWEPT = (Path("manifests"), Path("reports"))
"""Where stages write files beside others; all else is made in a folder of work."""

_EXAMPLE = """
\b
Example:
  $ faceshards stage {stage}
"""


def stage_command(function: Callable[[Params], None]) -> click.Command:
    """Make a stage's click command, with its docstring as help."""
    stage = Path(inspect.getfile(function)).stem

    @click.command(
        name=function.__name__,
        help=function.__doc__,
        epilog=_EXAMPLE.format(stage=stage),
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    @click.option(
        "--params",
        "params_file",
        type=click.Path(path_type=Path, dir_okay=False),
        default=Path("params.yaml"),
        show_default=True,
        help="All parameters, each explained in the file.",
    )
    @functools.wraps(function)
    def command(params_file: Path) -> None:
        try:
            with errors_told(f"the stage {stage}"):
                check_code(stage)
                for folder in SWEPT:
                    sweep(folder)
                params = load_params(params_file)
                with run_record(Path("reports/run") / f"{stage}.json", params.run):
                    function(params)
        except KeyboardInterrupt as stop:
            click.echo(str(stop) or f"{stage}: stopped by hand", err=True)
            raise SystemExit(130) from None

    return command


def write_metrics(path: Path, metrics: Mapping[str, Any]) -> None:
    """Write a metrics file for `dvc metrics show`."""
    write_file(path, (json.dumps(metrics, indent=2) + "\n").encode())
