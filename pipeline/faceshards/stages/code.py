"""Stage `code`, before the others: what the code of each of them comes to."""

from collections.abc import Iterable
from pathlib import Path

import click

from faceshards.build.code import changes, code_of
from faceshards.build.lockfile import STAGES, check_own_package, entry_of, lock_of_this, write_lock
from faceshards.build.workdir import work_dir
from faceshards.commandline import errors_told
from faceshards.counted import counted
from faceshards.store.durable import sweep, write_file

_ENTRIES = {**{stage: entry_of(stage) for stage in STAGES}, "train": "faceshards.build.train"}
_NAMES = click.Choice(list(_ENTRIES))
_EXAMPLE = """
\b
Example:
  $ faceshards stage code
  $ faceshards stage code --explain erase   # what would run again, and why
"""


@click.command(context_settings={"help_option_names": ["-h", "--help"]}, epilog=_EXAMPLE)
@click.argument("names", metavar="[STAGE]...", nargs=-1, type=_NAMES)
@click.option("--out", type=click.Path(path_type=Path), default=Path("data/code"), show_default=True)
@click.option("--explain", metavar="STAGE", type=_NAMES, help="Print its list and what is new in it; write nothing.")
def main(names: tuple[str, ...], out: Path, explain: str | None) -> None:
    """List the code of each STAGE, by default of all of dvc.yaml: its modules and the data files that they read.

    Each has its SHA-256, modules without comments and docstrings. Of all stages, what each list comes to is written to
    faceshards.lock as well, on which the stages depend. So an edit runs again what uses it, and nothing else. What is
    new is against the lists in --out: those of the last `dvc repro`.
    """
    if explain is not None:
        _explain(explain, out / explain)
        return
    with errors_told("the stage code"):
        check_own_package()
        if names:
            _write(names, out)
        else:
            with work_dir(out) as work:
                _write(STAGES, work)
            write_lock(lock_of_this())


def _write(names: Iterable[str], out: Path) -> None:
    sweep(out)
    for name in names:
        listing = code_of(_ENTRIES[name])
        write_file(out / name, "".join(f"{digest}  {path}\n" for path, digest in listing.items()).encode())


def _explain(stage: str, before: Path) -> None:
    now = code_of(_ENTRIES[stage])
    modules = sum(path.endswith(".py") for path in now)
    click.echo(
        f"{stage}: {counted(modules, 'module')} and {counted(len(now) - modules, 'data file')}, by the SHA-256 of "
        "what counts in them"
    )
    for path, digest in now.items():
        click.echo(f"  {digest[:12]}  {path}")
    if not before.is_file():
        click.echo(f"{before}: no such file; no `dvc repro` to compare with")
        return
    lines = (line.partition("  ") for line in before.read_text().splitlines())
    new = changes({path: digest for digest, _, path in lines}, now)
    click.echo(f"since the last `dvc repro` ({before}): " + (f"{len(new)} differ" if new else "no change"))
    for path, change in new.items():
        click.echo(f"  {change:7}  {path}")
