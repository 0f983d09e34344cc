"""The command `faceshards`: look at a store, verify, export it, explain a model, train a parser, render demo faces."""

from pathlib import Path

import click

import faceshards
from faceshards.cli.explained import explained, refuse_without_posix, say
from faceshards.cli.export import export
from faceshards.cli.forget import forget
from faceshards.cli.fscam import fscam
from faceshards.cli.init import check, init
from faceshards.cli.parameters import PATH
from faceshards.cli.parsers import parsers
from faceshards.cli.stage import stage
from faceshards.cli.stores import info, show, stats, verify
from faceshards.cli.versions import diff, repair
from faceshards.counted import counted
from faceshards.errors import OutputExistsError

_TRAINING = Path("stages/train")


_EXAMPLE = """
\b
Example:
  $ faceshards init faces --source photos && cd faces && dvc repro
  $ faceshards info data/shards
"""


@click.group(context_settings={"help_option_names": ["-h", "--help"]}, epilog=_EXAMPLE)
@click.version_option(faceshards.__version__)
def main() -> None:
    """Face images to training shards with Face Semantic Erasing.

    `faceshards init` makes the repository of a data set, in which `dvc repro` runs the pipeline. The other commands
    serve its results. A store is a folder of shards, or a URL of one.
    """


@main.command(
    epilog="""
\b
Example:
  $ faceshards demo people.zip --identities 100 --views 8
"""
)
@click.argument("out", type=PATH)
@click.option("--identities", type=click.IntRange(1, 10_000), default=24, show_default=True, help="How many people.")
@click.option("--views", type=click.IntRange(1, 100), default=4, show_default=True, help="Pictures of each.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Other seeds are other people.")
@explained
def demo(out: Path, identities: int, views: int, seed: int) -> None:
    """Render faces with exact labels and landmarks into the zip OUT, laid out as FaceSynthetics is."""
    from faceshards.source.demo import DemoRecipe, write_demo_zip

    if out.suffix != ".zip":
        raise click.BadParameter(f"expected a name that ends in .zip, by which the file is known; found {out}")
    if out.exists():
        raise OutputExistsError(f"{out}: expected nothing there; delete it, or name another file")
    out.parent.mkdir(parents=True, exist_ok=True)
    write_demo_zip(out, DemoRecipe(seed=seed, identities=identities, views=views))
    say(f"{out}: {counted(identities * views, 'face')}; use it with `source.path: {out}` in params.yaml")


@main.command(
    epilog="""
\b
Example:
  $ faceshards train --params train.yaml --out parser
"""
)
@click.option("--params", type=PATH, default=_TRAINING / "params.yaml", show_default=True, help="What and how.")
@click.option("--out", type=PATH, default=_TRAINING / "parser", show_default=True, help="Weights, metrics, checkpoint.")
@explained
def train(params: Path, out: Path) -> None:
    """Train the parser as a params file says; killed, the same command goes on where it stood."""
    refuse_without_posix()
    from faceshards.build.train import train_parser

    weights = train_parser(params, out, say)
    say(f"{weights}: use it with `parse.weights: {weights}` in params.yaml")


for _command in (
    *(init, check, stage),
    *(info, stats, show, verify, export),
    *(diff, repair, forget),
    *(parsers, fscam),
):
    main.add_command(_command)
