"""`faceshards diff` and `faceshards repair`: versions of a store beside each other."""

import sys
from pathlib import Path

import click

from faceshards.cli.explained import PATH
from faceshards.errors import FaceShardsError

_SHARDS = Path("data/shards")


@click.command()
@click.argument("a", default="HEAD")
@click.argument("b", required=False)
@click.option("--path", type=PATH, default=_SHARDS, show_default=True, help="Where a revision has the store.")
@click.option("--json", "form", flag_value="json", help="All counts, for programs.")
@click.option("--markdown", "form", flag_value="markdown", help="Tables for a pull request.")
def diff(a: str, b: str | None, path: Path, form: str | None) -> None:
    """Tell version B of a store from version A.

    A and B are folders, URLs, or git revisions at which DVC tracks --path. Without B, A is held against the folder
    --path as it is now; without both, that is done to HEAD.

    Files that a revision needs come from DVC's cache, else from its remote. Shards with the same recorded hash at the
    same place are not read.

    Exit status: 0 where the versions are equal, 1 where they differ, 2 where they could not be compared.
    """
    from faceshards.versions import table
    from faceshards.versions.address import open_version
    from faceshards.versions.diff import diff as find

    try:
        found = find(open_version(a, path), open_version(str(path) if b is None else b, path))
    except FaceShardsError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(2)
    shown = {"json": lambda found: found.as_json() + "\n", "markdown": table.as_markdown, None: table.as_text}
    click.echo(shown[form](found), nl=False)
    sys.exit(0 if found.equal else 1)
