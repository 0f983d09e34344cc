"""Commands that look at a store: `info`, `verify`, `stats`, `show`. They work in a bare install."""

import json
import shutil
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from faceshards.cells import json_text, visible, visible_lines
from faceshards.cli.explained import explained, say, say_one
from faceshards.cli.parameters import FILE_ADDRESS, JSON, PATH, STORE
from faceshards.counted import counted

if TYPE_CHECKING:
    from faceshards.store.reader import Store

_LEAST_COLUMNS = 40


@click.command(
    epilog="""
\b
Example:
  $ faceshards info data/shards
  $ faceshards info s3://bucket/shards --json
"""
)
@click.argument("store", type=STORE)
@click.option("--report", type=PATH, help="Say where the report page is, too.")
@JSON
@explained
def info(store: str, report: Path | None, as_json: bool) -> None:
    """Say what the shards in STORE, a folder or a URL, hold and how to read them."""
    from faceshards.store.dataset_json import checksum
    from faceshards.store.description import title_of
    from faceshards.store.remote import open_store

    opened = open_store(store)
    about = opened.info
    if as_json:
        said = {"store": store, **{key: about[key] for key in _INFO}, "sha256": checksum(about)}
        # A stranger's store may tell about itself under any name, that of its own hash as well.
        click.echo(json_text(said | {key: text for key, text in about["about"].items() if key not in said}))
        return
    faces = counted(about["samples"], "face")
    splits = ", ".join(f"{name}: {split['samples']:,}" for name, split in about["splits"].items())
    skipped, licence = f"{about['skipped']:,} skipped", f"licence {about['licence']}"
    say("")
    for line in (
        f"{title_of(about)}: {faces} ({splits}), {skipped}, {licence}",
        f"  shards    {store}",
        f"  manifest  {store.rstrip('/')}/manifest.parquet",
        *([] if report is None else [f"  report    {report}"]),
    ):
        say_one(line)
    say(_snippet(opened, store))


_INFO = ("name", "licence", "samples", "skipped", "splits", "shard_rows", "chunk_rows", "profile", "arrays")


def _snippet(opened: "Store", store: str) -> str:
    from faceshards.loader.dataset import Dataset

    of_splits = opened.info["splits"]
    split = next((name for name, of in of_splits.items() if of["samples"]), None)
    if split is None:
        return "\nNo face can be used; `faceshards stats` says why they dropped out\n"
    shown = next(iter(opened.arrays.values()))
    shape = (min(32, len(Dataset(opened, split))), *shown.shape)
    view = ', view="variants"' if "variant" in opened.arrays else ""
    return f"""
Read a batch:
  import faceshards
  faces = faceshards.open({json.dumps(store, ensure_ascii=False)}, split="{split}")
  batch = next(faces.batches(32, shuffle=True, seed=0{view}))
  print(batch["{shown.name}"].shape, batch["{shown.name}"].dtype)  # {shape} {shown.dtype}
  print(batch["label"][:8], faces.num_identities)
"""


@click.command(
    epilog="""
\b
Example:
  $ faceshards verify shards --against shards.sha256
  $ faceshards verify https://example.org/shards --against https://example.org/shards.sha256 --json
"""
)
@click.argument("store", type=STORE)
@click.option(
    "--against",
    type=FILE_ADDRESS,
    help="A list of hashes (manifests/shards.sha256), a file or a URL, that the store must equal.",
)
@JSON
@explained
def verify(store: str, against: str | None, as_json: bool) -> None:
    """Re-hash and re-read everything in STORE, a folder or a URL; exit with 1 and a list where something is off.

    Of a URL every file is fetched anew, and removed afterwards; files that the store does not list are not seen.
    """
    from faceshards.build.verify import verify_with_bar

    report = verify_with_bar(store, against)
    if as_json:
        problems = [asdict(problem) for problem in report.problems]
        said = {"files": report.files, "bytes": report.bytes, "rows": report.rows, "problems": problems}
        click.echo(json_text({"store": store, "ok": report.ok, **said}))
    else:
        for problem in report.problems:
            say_one(str(problem), err=True)
        looked_at = f"{counted(report.files, 'file')}, {counted(report.bytes, 'byte')}"
        say_one(f"{store}: {looked_at}, {counted(len(report.problems), 'problem')}")
    sys.exit(0 if report.ok else 1)


@click.command(
    epilog="""
\b
Example:
  $ faceshards stats data/shards
  $ faceshards stats data/shards --json | jq .confidence
"""
)
@click.argument("store", type=STORE)
@JSON
@explained
def stats(store: str, as_json: bool) -> None:
    """Tell the numbers of STORE, a folder or a URL: faces, people, regions, confidence, and why faces dropped out.

    All of them are in the manifest; no picture is read. The confidence is the parser's own, from 0 to 1.
    """
    from faceshards.statistics import statistics_of
    from faceshards.store.remote import open_store

    found = statistics_of(open_store(store))
    click.echo(json_text({"store": store, **found}) if as_json else visible_lines(_table(store, found)))


def _table(store: str, found: dict[str, Any]) -> str:
    people = found["people"]
    lines = [
        f"{store}: {counted(found['faces'], 'face')} of {counted(people['count'], 'person', 'people')}, "
        f"{found['skipped']:,} dropped out",
        "",
    ]
    lines += ["split            faces    people"]
    lines += [f"{name:12} {of['faces']:9,} {of['people']:9,}" for name, of in found["splits"].items()]
    if people["count"]:
        spread = people["faces_each"]
        lines += ["", "faces a person   " + "  ".join(f"{name} {value:g}" for name, value in spread.items())]
        lines += [f"faces of no known person   {people['unknown']:,}"] if people["unknown"] else []
    if found["reasons"]:
        lines += ["", "dropped out, by reason"]
        # A line of a reason is a remark of its own.
        reasons = ((count, visible(reason.replace("\n", "; "))) for reason, count in found["reasons"].items())
        lines += [f"  {count:9,}  {reason}" for count, reason in reasons]
    if found["confidence"]:
        lines += ["", "confidence   " + "  ".join(f"{name} {value:.3f}" for name, value in found["confidence"].items())]
    if found["regions"]:
        lines += ["", f"{'region':18} {'area':>7} {'present':>8}" + ("  confidence" if found["confidence"] else "")]
        for name, of in found["regions"].items():
            sure = of.get("confidence")
            said = "" if sure is None else f"{sure:12.3f}"
            lines.append(f"{name:18} {of['area']:7.2%} {of['present']:8.1%}{said}")
    return "\n".join(lines)


@click.command(
    epilog="""
\b
Example:
  $ faceshards show data/shards person_03/0001               # in the terminal
  $ faceshards show data/shards person_03/0001 --out face.png
"""
)
@click.argument("store", type=STORE)
@click.argument("sample_id")
@click.option("--out", type=PATH, metavar="FILE.png", help="Write a PNG file instead.")
@explained
def show(store: str, sample_id: str, out: Path | None) -> None:
    """Show one face of STORE, a folder or a URL: as aligned, its regions, and its erased variants.

    In a terminal of 24-bit colours it is drawn in half blocks, two pixels a character. Where the output is no terminal,
    --out says where the picture goes.
    """
    from faceshards.pngwriter import png
    from faceshards.sheet import half_blocks, pictures_of, sheet_of
    from faceshards.store.durable import write_file
    from faceshards.store.remote import open_store

    if out is None and not sys.stdout.isatty():
        raise click.UsageError("the output is no terminal; name a file for the picture: --out face.png")
    if out is not None and out.suffix.lower() != ".png":
        raise click.BadParameter(f"expected a name that ends in .png; found {out}", param_hint="--out")
    opened = open_store(store)
    if out is not None and out.resolve().is_relative_to(opened.path.resolve()):
        raise click.BadParameter(f"expected a place outside of {store}; there it would be data", param_hint="--out")
    found = pictures_of(opened, sample_id)
    if out is not None:
        write_file(out, png(sheet_of(found.pictures, len(found.pictures))))
    else:
        columns = shutil.get_terminal_size().columns
        a_row = max(1, min(len(found.pictures), columns // _LEAST_COLUMNS))
        click.echo(half_blocks(sheet_of(found.pictures, a_row), columns), color=True)
    for line in found.said:
        say_one(line)
    if out is not None:
        say_one(f"{out}: {', '.join(found.names)}")
