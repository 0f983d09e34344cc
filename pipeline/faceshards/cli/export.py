"""`faceshards export`: a store in formats of others."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from faceshards.cli.explained import explained, say
from faceshards.cli.parameters import PATH, STORE
from faceshards.counted import counted

_VIEW_HELP = "Faces as they were, or all of their precomputed erased variants."
_NUMBERS_HELP = "Class ids in place of people's names; split and row in place of sample ids."
_EXAMPLE = """
\b
Example:
  $ faceshards export webdataset data/shards out --split train
  $ faceshards export huggingface s3://bucket/shards out
"""


@click.group(epilog=_EXAMPLE)
def export() -> None:
    """Write a store, at a path or a URL, in a format of others."""


def _example(form: str) -> str:
    return f"""
\b
Example:
  $ faceshards export {form} data/shards out
  $ faceshards export {form} s3://bucket/shards out --split train --view variants
"""


def _export_options(function: Callable[..., None]) -> Callable[..., None]:
    """What all formats take."""
    views = click.Choice(["original", "variants"])
    function = click.option("--numbers", is_flag=True, help=_NUMBERS_HELP)(function)
    function = click.option("--view", type=views, default="original", show_default=True, help=_VIEW_HELP)(function)
    function = click.option("--split", "splits", multiple=True, help="Several may be given; none for all.")(function)
    function = click.argument("out", type=PATH)(function)
    return click.argument("store", type=STORE)(function)


def _say(out: Path, pictures: dict[str, int], reader: str) -> None:
    """Say what was written and what reads it."""
    by_split = ", ".join(f"{split}: {count:,}" for split, count in pictures.items())
    say(f"{out}: {counted(sum(pictures.values()), 'picture')} ({by_split}); to be read with {reader}")


@export.command("webdataset", epilog=_example("webdataset"))
@_export_options
@click.option("--faces-per-tar", type=click.IntRange(min=1), default=10_000, show_default=True)
@explained
def _export_webdataset(store: str, out: Path, **options: Any) -> None:
    """Tar files of <key>.png, .region.png, .cls and .json."""
    from faceshards.export.webdataset import export_webdataset
    from faceshards.store.remote import open_store

    pictures = export_webdataset(open_store(store), out, **options)
    _say(out, pictures, f'webdataset.WebDataset("{out}/SPLIT-000000.tar").decode("rgb8")')


@export.command("imagefolder", epilog=_example("imagefolder"))
@_export_options
@explained
def _export_imagefolder(store: str, out: Path, **options: Any) -> None:
    """PNG files in one folder a person, and beside them their region maps."""
    from faceshards.export.imagefolder import export_imagefolder
    from faceshards.store.remote import open_store

    pictures = export_imagefolder(open_store(store), out, **options)
    # Where nobody is known there are no folders of people, which ImageFolder refuses.
    anybody = any(path.is_dir() for path in out.glob("*/images/*"))
    reader = f'torchvision.datasets.ImageFolder("{out}/SPLIT/images")'
    _say(out, pictures, reader if anybody else "whatever reads PNG files: the person of no face is known")


@export.command("huggingface", epilog=_example("huggingface"))
@_export_options
@click.option("--faces-per-file", type=click.IntRange(min=1), default=10_000, show_default=True)
@explained
def _export_huggingface(store: str, out: Path, **options: Any) -> None:
    """Parquet files for datasets.load_dataset(OUT)."""
    from faceshards.export.huggingface import export_huggingface
    from faceshards.store.remote import open_store

    pictures = export_huggingface(open_store(store), out, **options)
    _say(out, pictures, f'datasets.load_dataset("{out}")')


@export.command("recordio", epilog=_example("recordio"))
@_export_options
@explained
def _export_recordio(store: str, out: Path, **options: Any) -> None:
    """InsightFace's train.rec, train.idx and property, one folder a split."""
    from faceshards.export.recordio import export_recordio
    from faceshards.store.remote import open_store

    pictures = export_recordio(open_store(store), out, **options)
    _say(out, pictures, f'MXFaceDataset("{out}/SPLIT") of InsightFace')


@export.command("fiftyone", epilog=_example("fiftyone"))
@_export_options
@explained
def _export_fiftyone(store: str, out: Path, **options: Any) -> None:
    """FiftyOne's own dataset type; variants are grouped with their original."""
    from faceshards.export.fiftyone import export_fiftyone
    from faceshards.store.remote import open_store

    pictures = export_fiftyone(open_store(store), out, **options)
    kind = "fiftyone.types.FiftyOneDataset"
    _say(out, pictures, f'fiftyone.Dataset.from_dir("{out}", dataset_type={kind})')
