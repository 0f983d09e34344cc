"""`faceshards forget`: leave faces out of the next version, and know where else they are."""

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from faceshards.cli.explained import explained, say
from faceshards.cli.parameters import PATH
from faceshards.counted import counted
from faceshards.store.schema import MANIFEST

if TYPE_CHECKING:
    from faceshards.build.forget import Forgotten, Holders

_SHOWN = 12
_EARLIER = "manifests/earlier.parquet"


@click.command(
    epilog="""
\b
Example:
  $ faceshards forget data/shards --person 'Ann Example' --sample 000123
"""
)
@click.argument("store", type=PATH)
@click.option("--person", "people", metavar="NAME", multiple=True, help="All faces of a person; may be given again.")
@click.option("--sample", "samples", metavar="ID", multiple=True, help="One face; may be given again.")
@click.option("--list", "listing", type=PATH, metavar="FILE", default=Path("manifests/removed.txt"), show_default=True)
@click.option("--key", type=PATH, metavar="FILE", help="That of plan.names_key, where STORE has numbers as names.")
@explained
def forget(store: Path, people: tuple[str, ...], samples: tuple[str, ...], listing: Path, key: Path | None) -> None:
    """Leave people or single faces of STORE out of the next version.

    They are appended to the list FILE, which `plan.remove` in params.yaml names. Nothing else is written. What is
    printed says which shards the next `dvc repro` makes anew, and what still holds the faces afterwards.
    """
    from faceshards.build.forget import forget as append
    from faceshards.build.forget import holders_of
    from faceshards.build.removal import Entry
    from faceshards.store.reader import Store

    entries = [*(Entry("person", name) for name in people), *(Entry("sample", name) for name in samples)]
    if not entries:
        raise click.UsageError("name somebody: --person NAME or --sample ID")
    holders = holders_of(store)  # before the list is written, for DVC may fail
    project = Path() if holders is None else holders.project
    _refuse_a_second_list(project, listing)
    forgotten = append(Store.open(store), entries, listing, key)
    to_push = holders is not None and bool(holders.remotes)
    say(_told(forgotten, store, listing, project))
    say(f"Then run: dvc repro{' && dvc push' if to_push else ''}")
    say(_elsewhere(holders, store, " and dvc push" if to_push else ""))


def _refuse_a_second_list(project: Path, listing: Path) -> None:
    """See that params.yaml names no other list, for the next version reads one: those on the other would come back."""
    from faceshards.build.params import load_params
    from faceshards.errors import ParamsError

    try:
        known = load_params(project / "params.yaml").plan.remove
    except ParamsError:  # there are none, or `faceshards check` says what is wrong with them
        return
    if known is not None and (project / known).resolve() != listing.resolve():
        raise click.UsageError(
            f"params.yaml names {known} as plan.remove, and the next version reads that list alone, so nothing was "
            f"written; give --list {_pasted(project / known)}"
        )


def _from_project(path: Path, project: Path) -> str:
    """A path as params.yaml has it."""
    if project == Path():
        return str(path)
    there = path.resolve()
    return os.path.relpath(there, project) if there.is_relative_to(project) else str(there)


def _told(forgotten: "Forgotten", store: Path, listing: Path, project: Path) -> str:
    from faceshards.project.files import scalar

    added = [f"  {entry}" for entry in forgotten.added] or ["  nothing: all of them were in it"]
    shards = []
    for split, count in forgotten.of.items():
        here = [(shard, faces) for (of, shard), faces in forgotten.shards.items() if of == split]
        named = ", ".join(f"{shard} ({counted(faces, 'face')})" for shard, faces in here[:_SHOWN])
        rest = f" and {len(here) - _SHOWN} more" if len(here) > _SHOWN else ""
        shards.append(f"  {split}: {len(here)} of {counted(count, 'shard')}" + (f": {named}{rest}" if here else ""))
    return "\n".join(
        [
            f"Added to {listing}:",
            *added,
            "",
            f"{store} has {counted(forgotten.faces, 'face')} of them. The next version makes these shards anew:",
            *shards,
            *_copies(forgotten, listing),
            "",
            "params.yaml must say, for the next version (until it does, dvc repro leaves nobody out),",
            "  plan:",
            f"    earlier: {_EARLIER}",
            f"    remove: {scalar(_from_project(listing, project))}",
            "with a copy of this version's manifest, without which all others get new places: "
            f"cp {_pasted(store / MANIFEST)} {_pasted(Path(os.path.relpath(project / _EARLIER)))}",
        ]
    )


def _copies(forgotten: "Forgotten", listing: Path) -> list[str]:
    """What to say of faces that stay, and are the same picture."""
    same = forgotten.same
    if not same:
        return []
    rest = f" and {len(same) - _SHOWN} more" if len(same) > _SHOWN else ""
    stays = "stays, with" if len(same) == 1 else "stay, with"
    return [
        "",
        f"{counted(len(same), 'face')} that {listing} does not name {stays} the very image file of one that goes: "
        f"{', '.join(same[:_SHOWN])}{rest}",
        "Name each that has to go as well: --sample ID. Pictures that were stored anew are not found in this way.",
    ]


def _elsewhere(holders: "Holders | None", store: Path, push: str) -> str:
    held = [("the source (source.path)", "take them out there; until then the list keeps them out")]
    if holders is None:
        held.append(("other copies", f"{store} lies in no DVC project, so that nothing is known of them"))
    else:
        held.append(("finished shards kept for reuse", f"rm -r {_pasted(store.parent / '.work' / 'kept')}"))
        of = f", with the versions of {counted(holders.versions, 'commit')} of dvc.lock" if holders.versions else ""
        held.append((f"DVC's cache{of}", "dvc gc --workspace"))
        held += [
            (f"DVC's remote {name}, {url}", f"dvc gc --workspace --cloud --remote {shlex.quote(name)}")
            for name, url in holders.remotes
        ]
    width = max(len(what) for what, _ in held) + 2
    lines = ["", "What still holds them afterwards, and what removes them:"]
    lines += [f"  {what:{width}}{how}" for what, how in held]
    if holders is not None:
        lines += [
            f"Run dvc gc after dvc repro{push}. It removes all versions of all outs but those of the workspace.",
            "With --dry it shows what would go. Git keeps the dvc.lock of older versions, but their data is gone.",
        ]
    lines += [
        "Look as well for caches of readers that opened a remote (FACESHARDS_CACHE, ~/.cache/faceshards), exports,",
        f"{_EARLIER} and the report with their names, and models trained on them.",
    ]
    return "\n".join(lines)


def _pasted(path: Path) -> str:
    """A path as a shell takes it for one word, and none for an option."""
    text = str(path)
    return shlex.quote(f"./{text}" if text.startswith("-") else text)
