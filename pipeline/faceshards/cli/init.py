"""`faceshards init` and `faceshards check`: the repository of a data set, and what is wrong before it runs."""

import shlex
import sys
from contextlib import chdir
from pathlib import Path
from typing import TYPE_CHECKING

import click

from faceshards.cells import json_text
from faceshards.cli.explained import explained, refuse_without_posix, say
from faceshards.cli.parameters import JSON, PATH

if TYPE_CHECKING:
    from faceshards.project.upgrade import Upgrade

_EXAMPLE = """
\b
Example:
  $ faceshards init faces --source photos   # photos/person/image.jpg
  $ cd faces
  $ dvc repro
"""


@click.command(epilog=_EXAMPLE)
@click.argument("folder", metavar="[DIR]", type=PATH, default=Path())
@click.option("--source", type=PATH, metavar="PATH", help="Where the faces lie; without it, the rendered demo.")
@click.option("--upgrade", "upgrading", is_flag=True, help="Make DIR one of the installed release.")
@explained
def init(folder: Path, source: Path | None, upgrading: bool) -> None:
    """Make DIR the repository of a data set of your own: git, DVC, params.yaml, dvc.yaml and a README.

    PATH is a folder of people or of images, a zip, an InsightFace .rec, or a recipe that the repository then has, such
    as manifests/facesynthetics-100.yaml. The faces stay where they are. A relative path is written relative to DIR.

    faceshards.lock notes the release and what the code of its stages comes to. Another release is refused by the stages
    until --upgrade takes it over. That replaces the files that you did not edit, keeps those that you did, and says so.
    """
    refuse_without_posix()
    from faceshards.project.create import create
    from faceshards.project.upgrade import upgrade

    if upgrading:
        if source is not None:
            raise click.UsageError("--source is for a new repository; edit source.path in params.yaml")
        _tell(upgrade(folder))
        return
    create(folder, source)
    recognised, usable = _recognised(folder)
    say(f"{folder}: the repository of a data set, {recognised}")
    say("\nNext:")
    if folder.resolve() != Path.cwd():
        say(f"  cd {shlex.quote(str(folder))}")
    if not usable:
        say("  edit params.yaml, until `faceshards check` finds nothing")
    say("  dvc repro")


def _recognised(folder: Path) -> tuple[str, bool]:
    from faceshards.build.params import load_params
    from faceshards.errors import FaceShardsError
    from faceshards.project.recognise import recognised

    params = load_params(folder / "params.yaml").source
    try:
        with chdir(folder):  # to which the paths in params.yaml are relative
            return f"of {recognised(params)} from {params.path}", True
    except (FaceShardsError, OSError) as error:  # the repository is made, and says so
        return f"whose source.path is {params.path}. It cannot be used as it is: {error}", False


def _tell(done: "Upgrade") -> None:
    before, after = done.before.version, done.after.version
    release = "the same release" if before == after else f"faceshards {before} became {after}"
    code = f"other code: {', '.join(done.stages)}" if done.stages else "the same code of all stages"
    say(f"{release}; {code}")
    for verb, names in (("written", done.written), ("replaced", done.replaced)):
        for name in names:
            say(f"  {verb:9} {name}")
    for name in done.removed:
        say(f"  absent    {name}: you removed it, and it stays so")
    for name in done.left:
        say(f"  left      {name}: this release has it no more; it is yours")
    for name, lines in done.kept.items():
        look = ", with this to look at:" if lines else ""
        say(f"  yours     {name}: you edited it, and it stays as it is{look}")
        for line in lines:
            say(f"            {line}")
    if done.stages:
        say("Next: dvc repro")


@click.command(
    epilog="""
\b
Example:
  $ faceshards check && dvc repro
  $ faceshards check --json | jq -r '.problems[]'
"""
)
@click.option(
    "--params", type=PATH, default=Path("params.yaml"), show_default=True, help="All parameters, each explained there."
)
@JSON
@explained
def check(params: Path, as_json: bool) -> None:
    """Read params.yaml, look at every path in it, and say what each stage would do. Nothing is run or written.

    Exit status: 0 where all can run, 1 where something is wrong, with all that is.
    """
    refuse_without_posix()
    from faceshards.errors import ParamsError
    from faceshards.project.check import Check
    from faceshards.project.check import check as look

    try:
        found = look(params)
    except ParamsError as error:
        if not as_json:
            raise
        found = Check({}, (str(error),))  # whoever reads the problems in JSON finds this one there
    if as_json:
        said = {"ok": not found.problems, "stages": found.stages, "problems": found.problems}
        click.echo(json_text(said))
        sys.exit(1 if found.problems else 0)
    width = max(map(len, found.stages))
    for stage, does in found.stages.items():
        say(f"{stage:{width}}  {does}")
    for problem in found.problems:
        say(f"Error: {problem}", err=True)
    sys.exit(1 if found.problems else 0)
