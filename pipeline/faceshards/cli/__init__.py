"""The command `faceshards`: look at a store, verify, export it, explain a model, train a parser, render demo faces."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import faceshards
from faceshards.errors import MissingExtraError

try:
    import click
except ModuleNotFoundError as error:
    raise MissingExtraError(f"the command needs an extra: pip install 'faceshards[pipeline]' ({error})") from error

from faceshards.cli.explained import PATH, explained
from faceshards.cli.forget import forget
from faceshards.cli.fscam import fscam
from faceshards.cli.init import check, init
from faceshards.cli.parsers import parsers
from faceshards.cli.stage import stage
from faceshards.cli.versions import diff, repair

_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)
_TRAINING = Path("stages/train")
_VIEW_HELP = "Faces as they were, or all of their precomputed erased variants."


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(faceshards.__version__)
def main() -> None:
    """Face images to training shards with Face Semantic Erasing.

    The pipeline itself is run by `dvc repro` in the project's folder; these commands serve its results.
    """


@main.command()
@click.argument("store", type=PATH)
@click.option("--report", type=PATH, help="Say where the report page is, too.")
@explained
def info(store: Path, report: Path | None) -> None:
    """Say what the shards in STORE hold and how to read them."""
    from faceshards.loader.dataset import Dataset
    from faceshards.store.reader import Store

    opened = Store.open(store)
    about = opened.info
    title = about["about"].get("title") or about["name"]
    splits = ", ".join(f"{name}: {split['samples']}" for name, split in about["splits"].items())
    click.echo(
        f"""
{title}: {about["samples"]} faces ({splits}), {about["skipped"]} skipped, licence {about["licence"]}
  shards    {store}
  manifest  {store / "manifest.parquet"}"""
    )
    if report is not None:
        click.echo(f"  report    {report}")
    split = next(iter(about["splits"]))
    shown = next(iter(opened.arrays.values()))
    shape = (min(32, len(Dataset(opened, split))), *shown.shape)
    view = ', view="variants"' if "variant" in opened.arrays else ""
    click.echo(
        f"""
Read a batch:
  import faceshards
  faces = faceshards.open("{store}", split="{split}")
  batch = next(faces.batches(32, shuffle=True, seed=0{view}))
  print(batch["{shown.name}"].shape, batch["{shown.name}"].dtype)  # {shape} {shown.dtype}
  print(batch["label"][:8], faces.num_identities)
"""
    )


@main.command()
@click.argument("store", type=PATH)
@click.option("--against", type=_FILE, help="A list of hashes (manifests/shards.sha256) that the store must equal.")
@explained
def verify(store: Path, against: Path | None) -> None:
    """Re-hash and re-read everything in STORE; exit with 1 and a list where something is off."""
    from faceshards.build.verify import verify_with_bar

    report = verify_with_bar(store, against)
    for problem in report.problems:
        click.echo(str(problem), err=True)
    click.echo(f"{store}: {report.files} files, {report.bytes} bytes, {len(report.problems)} problems")
    sys.exit(0 if report.ok else 1)


@main.command()
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
    out.parent.mkdir(parents=True, exist_ok=True)
    write_demo_zip(out, DemoRecipe(seed=seed, identities=identities, views=views))
    click.echo(f"{out}: {identities * views} faces; use it with `source.path: {out}` in params.yaml")


@main.command()
@click.option("--params", type=PATH, default=_TRAINING / "params.yaml", show_default=True, help="What and how.")
@click.option("--out", type=PATH, default=_TRAINING / "parser", show_default=True, help="Weights, metrics, checkpoint.")
@explained
def train(params: Path, out: Path) -> None:
    """Train the parser as a params file says; killed, the same command goes on where it stood."""
    from faceshards.build.train import train_parser

    weights = train_parser(params, out)
    click.echo(f"{weights}: use it with `parse.weights: {weights}` in params.yaml")


@main.group()
def export() -> None:
    """Write a store, at a path or a URL, in a format of others."""


def _export_options(function: Callable[..., None]) -> Callable[..., None]:
    """What all formats take."""
    views = click.Choice(["original", "variants"])
    function = click.option("--view", type=views, default="original", show_default=True, help=_VIEW_HELP)(function)
    function = click.option("--split", "splits", multiple=True, help="Several may be given; none for all.")(function)
    function = click.argument("out", type=PATH)(function)
    return click.argument("store")(function)


@export.command("webdataset")
@_export_options
@click.option("--faces-per-tar", type=click.IntRange(min=1), default=10_000, show_default=True)
@explained
def _export_webdataset(store: str, out: Path, **options: Any) -> None:
    """Tar files of <key>.png, .region.png, .cls and .json."""
    from faceshards.export.webdataset import export_webdataset
    from faceshards.store.remote import open_store

    export_webdataset(open_store(store), out, **options)


@export.command("imagefolder")
@_export_options
@explained
def _export_imagefolder(store: str, out: Path, **options: Any) -> None:
    """PNG files in one folder a person, and beside them their region maps."""
    from faceshards.export.imagefolder import export_imagefolder
    from faceshards.store.remote import open_store

    export_imagefolder(open_store(store), out, **options)


@export.command("huggingface")
@_export_options
@click.option("--faces-per-file", type=click.IntRange(min=1), default=10_000, show_default=True)
@explained
def _export_huggingface(store: str, out: Path, **options: Any) -> None:
    """Parquet files for datasets.load_dataset(OUT)."""
    from faceshards.export.huggingface import export_huggingface
    from faceshards.store.remote import open_store

    export_huggingface(open_store(store), out, **options)


@export.command("recordio")
@_export_options
@explained
def _export_recordio(store: str, out: Path, **options: Any) -> None:
    """InsightFace's train.rec, train.idx and property, one folder a split."""
    from faceshards.export.recordio import export_recordio
    from faceshards.store.remote import open_store

    export_recordio(open_store(store), out, **options)


main.add_command(forget)
main.add_command(fscam)
main.add_command(parsers)
main.add_command(diff)
main.add_command(repair)
main.add_command(stage)
main.add_command(init)
main.add_command(check)
