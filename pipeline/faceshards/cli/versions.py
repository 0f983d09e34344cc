"""`faceshards diff` and `faceshards repair`: versions of a store beside each other."""

import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from faceshards.cells import json_text, visible_lines
from faceshards.cli.explained import explained, say, say_one
from faceshards.cli.parameters import JSON, PATH, STORE
from faceshards.commandline import errors_told
from faceshards.counted import counted

if TYPE_CHECKING:
    from faceshards.versions.repair import Repair

_SHARDS = Path("data/shards")


@click.command(
    epilog="""
\b
Example:
  $ faceshards diff                            # this folder's shards against HEAD
  $ faceshards diff v1 v2 --markdown
  $ faceshards diff s3://bucket/v1 data/shards --json
"""
)
@click.argument("a", type=STORE, default="HEAD")
@click.argument("b", type=STORE, required=False)
@click.option("--path", type=PATH, default=_SHARDS, show_default=True, help="Where a revision has the store.")
@JSON
@click.option("--markdown", is_flag=True, help="Tables for a pull request.")
def diff(a: str, b: str | None, path: Path, as_json: bool, markdown: bool) -> None:
    """Tell version B of a store from version A.

    A and B are folders, URLs, or git revisions at which DVC tracks --path. Without B, A is held against the folder
    --path as it is now; without both, that is done to HEAD.

    Files that a revision needs come from DVC's cache, else from its remote. Shards with the same recorded hash at the
    same place are not read.

    Exit status: 0 where the versions are equal, 1 where they differ, 2 where they could not be compared.
    """
    if as_json and markdown:
        raise click.UsageError("--json and --markdown are two forms; give one of them")
    from faceshards.versions import table
    from faceshards.versions.address import open_version
    from faceshards.versions.diff import diff as find

    with _all_trouble_is_2():
        found = find(open_version(a, path), open_version(str(path) if b is None else b, path))
        if as_json:
            click.echo(found.as_json())
        else:
            click.echo(visible_lines(table.as_markdown(found) if markdown else table.as_text(found)), nl=False)
    sys.exit(0 if found.equal else 1)


@contextmanager
def _all_trouble_is_2() -> Iterator[None]:
    """Exit with 2 whatever goes wrong: the 1 of an error, a bug or an interrupt would say that the versions differ."""
    try:
        with errors_told("diff"):
            yield
    except BrokenPipeError:  # whoever read the output has enough of it
        raise
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except KeyboardInterrupt:
        click.echo("Aborted!", err=True)
        sys.exit(2)
    except Exception:
        traceback.print_exc()
        sys.exit(2)


@click.command(
    epilog="""
\b
Example:
  $ faceshards repair data/shards --from HEAD --from s3://bucket/shards
"""
)
@click.argument("store", type=PATH)
@click.option(
    "--from", "sources", multiple=True, metavar="COPY", help="A folder, URL or git revision; several may be given."
)
@click.option("--remove-unlisted", is_flag=True, help="Remove files that the store does not list.")
@JSON
@explained
def repair(store: Path, sources: tuple[str, ...], remove_unlisted: bool, as_json: bool) -> None:
    """Make again what is damaged of STORE, to the same bytes.

    Good bytes come from: another place in STORE; each --from COPY, of this version or another one; DVC's cache, where
    STORE is an out; kept shards in .work/kept beside STORE; dataset.json, from which texts and metadata follow. They
    are used only where they have the recorded SHA-256. Copies in DVC's cache with the same damage are replaced too.

    All is verified afterwards. Exit status: 0 where nothing is wrong any more, 1 where something is left, or where
    STORE could not be repaired at all.
    """
    from faceshards.versions.repair import repair as mend

    done = mend(store, sources, remove_unlisted=remove_unlisted)
    if as_json:
        click.echo(json_text({"store": str(store), "ok": done.ok, **_said(done)}))
        sys.exit(0 if done.ok else 1)
    for file in (*done.repaired, *done.in_cache):
        say_one(f"{file.path}: repaired from {file.source}")
    for name in done.removed:
        say_one(f"{name}: removed")
    for left in done.left:
        say(str(left), err=True)
    say(
        f"{store}: {counted(len(done.repaired) + len(done.in_cache), 'file')} repaired, {len(done.removed)} removed, "
        f"{counted(len(done.left), 'problem')} left"
    )
    sys.exit(0 if done.ok else 1)


def _said(done: "Repair") -> dict[str, Any]:
    """What was repaired and what was not, as JSON values."""
    repaired = [{"path": file.path, "source": file.source} for file in (*done.repaired, *done.in_cache)]
    left = [{**asdict(left.problem), "reason": left.reason} for left in done.left]
    return {"repaired": repaired, "removed": done.removed, "left": left}
