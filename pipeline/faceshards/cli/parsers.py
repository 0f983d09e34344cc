"""`faceshards parsers`: other people's networks by name, and getting one."""

import textwrap

import click

from faceshards.cells import json_text
from faceshards.cli.explained import explained, refuse_without_posix, say
from faceshards.cli.parameters import JSON
from faceshards.counted import counted
from faceshards.errors import MissingExtraError

_EXAMPLE = """
\b
Example:
  $ faceshards parsers
  $ faceshards parsers show zoo/bisenet-resnet18.yaml
  $ faceshards parsers get zoo/bisenet-resnet18.yaml --accept-licence CelebAMask-HQ
  $ sed -i 's|weights: bundled|weights: zoo/bisenet-resnet18.yaml|' params.yaml
"""
_COLUMNS = ("name", "classes", "input", "size", "licence to accept", "here", "run by us")
_WIDTH = 100


@click.group(invoke_without_command=True, epilog=_EXAMPLE)
@JSON
@click.pass_context
def parsers(context: click.Context, as_json: bool) -> None:
    """List the published face parsers that `parse.weights` takes by name.

    "licence to accept" is the name that `parse.accept_licence` takes. "here": whether the file is on this machine.
    "run by us": whether this project has run the real network; all were run with stand-ins of their layout.
    """
    refuse_without_posix()
    if context.invoked_subcommand is None:
        _list(as_json=as_json)
    elif as_json:
        raise click.UsageError(f"--json is for the list; {context.invoked_subcommand} does not take it")


@explained
def _list(as_json: bool) -> None:
    from faceshards.parsing.adapterparams import read_adapter
    from faceshards.zoo.catalogue import description_of, model_of, zoo

    rows = []
    for name in zoo():
        description = description_of(name)
        params = read_adapter(description)
        accept = params.licence.accept if params.licence else None
        here = "yes" if model_of(description, params).is_file() else "no"
        height, width = params.size
        size = _megabytes(params.bytes) if params.url else "export it"
        shown = (name, str(len(params.class_names)), f"{height}x{width}", size, accept or "none", here, params.tested)
        rows.append(shown)
    if as_json:
        parsers = [dict(zip(_COLUMNS, row, strict=True)) for row in rows]
        click.echo(json_text({"parsers": parsers}))
        return
    widths = [max(map(len, column)) for column in zip(_COLUMNS, *rows, strict=True)]
    for row in (_COLUMNS, *rows):
        say("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


@parsers.command(
    epilog="""
\b
Example:
  $ faceshards parsers show zoo/bisenet-resnet18.yaml
"""
)
@click.argument("name")
@explained
def show(name: str) -> None:
    """Tell all that is known of the parser NAME: address, hash, licence, and what each of its classes becomes."""
    from faceshards.parsing.adapterparams import read_adapter
    from faceshards.zoo.catalogue import description_of, model_of
    from faceshards.zoo.kept import known_sha256
    from faceshards.zoo.pins import pins_file

    description = description_of(name)
    params = read_adapter(description)
    model = model_of(description, params)
    licence = params.licence
    height, width = params.size
    placed = "the aligned face fills it" if params.points is None else "by five points"
    warped = f", tanh-warped by {params.tanh_warp:g}" if params.tanh_warp else ""
    for key, value in (
        ("name", name),
        ("described in", str(description)),
        ("homepage", params.homepage),
        ("paper", params.paper),
        ("address", params.url),
        ("to be made", params.export),
        ("bytes", f"{params.bytes:,}" if params.bytes else None),
        ("SHA-256", known_sha256(description, params, pins_file()) or "unknown: pinned when it is first used"),
        ("file", f"{model} ({'here' if model.is_file() else 'not here'})"),
        ("run by us", params.tested),
        ("licence", licence and (licence.accept or "free")),
        ("terms", licence and licence.terms),
        ("code", licence and licence.code),
        ("learnt from", licence and licence.data),
        ("input", f"{height}x{width} {params.channels}; {placed}{warped}"),
        ("values", f"(value / {params.scale:g} - mean) / std; mean {list(params.mean)}, std {list(params.std)}"),
        ("output", f"{params.output}, logits of {counted(len(params.class_names), 'class', 'classes')}"),
        ("classes", ", ".join(f"{i} {became}" for i, became in enumerate(params.class_names))),
    ):
        if value:
            lines = textwrap.wrap(value.strip(), _WIDTH, break_long_words=False, break_on_hyphens=False)
            say(f"{key:13} " + f"\n{'':14}".join(lines))


@parsers.command(
    epilog="""
\b
Example:
  $ faceshards parsers get zoo/bisenet-resnet18.yaml --accept-licence CelebAMask-HQ
"""
)
@click.argument("name")
@click.option("--accept-licence", metavar="LICENCE", help="The name of the licence whose terms you accept.")
@click.option("--connections", type=click.IntRange(1, 64), default=4, show_default=True, help="Of the download.")
@explained
def get(name: str, accept_licence: str | None, connections: int) -> None:
    """Download the parser NAME, an entry of the zoo or a description with a `url`, and run it once.

    A download that was stopped goes on where it was. A file whose hash nobody publishes is pinned: the file of pins is
    to be committed. Then the network is run on a black face, and refused where it is not what its description says.
    """
    from faceshards.source.fetch.remote import Transfer
    from faceshards.zoo.obtain import obtain

    obtained = obtain(name, accept_licence, transfer=Transfer(connections=connections), tell=say)
    say(f"{name}: {obtained.path}, SHA-256 {obtained.sha256}")
    if obtained.pinned_in is not None:
        say(f"pinned in {obtained.pinned_in}, which is to be committed")
    try:
        from faceshards.parsing import load_parser

        load_parser(name, "cpu")
    except MissingExtraError as error:
        say(f"not run: {error}")
        return
    say(f"run: it gives the classes that its description says; use it with `parse.weights: {name}`")


def _megabytes(size: int | None) -> str:
    return f"{size / 1e6:.0f} MB" if size else "unknown"
