"""From the path of a source to the path of its data: recipes are rendered or downloaded, data is read where it lies."""

from pathlib import Path

from faceshards.errors import SourceNotFoundError
from faceshards.source.demo import DemoRecipe, write_demo_zip
from faceshards.source.fetch.download import fetch
from faceshards.source.fetch.licence import require_licence
from faceshards.source.fetch.pinned import verify_members
from faceshards.source.fetch.recipe import is_recipe, read_recipe
from faceshards.source.fetch.remote import Transfer


def resolve(
    path: Path, into: Path, *, accept_licence: str | None = None, connections: int = 4, progress: bool = True
) -> Path:
    """Make the data of a source available.

    Args:
        path: a recipe (``*.yaml``), or data: a zip, a folder, a ``.rec``.
        into: the folder that takes what a recipe asks for; unused for data. After a kill, call again with the same
            folder, and a download goes on where it was.
        accept_licence: the name of the licence that the user has accepted.
        connections: how many ranges of a file are downloaded at once.
        progress: whether to show a progress bar, on a terminal.

    Returns:
        Where the data lies: a file in `into` (of a split zip the first part), or `path` itself.

    Raises:
        SourceNotFoundError: there is nothing at `path`.
        ParamsError: the recipe is malformed.
        LicenceError: the recipe's licence was not accepted.
        DownloadError: the files cannot be had, or are not the ones that the recipe names.
        SourceFormatError: what arrived is no zip.
    """
    if not path.exists():
        raise SourceNotFoundError(
            f"{path}: no such file or folder; set `source.path` in params.yaml to a zip, a folder, a .rec or a recipe "
            "(manifests/*.yaml)"
        )
    if not is_recipe(path):
        return path
    recipe = read_recipe(path)
    if isinstance(recipe, DemoRecipe):
        into.mkdir(parents=True, exist_ok=True)
        write_demo_zip(into / "demo.zip", recipe)
        return into / "demo.zip"
    require_licence(recipe, accept_licence)
    first, *_ = fetch(recipe.files, into, transfer=Transfer(connections=connections), progress=progress)
    if recipe.pinned_members is not None:
        verify_members(first, recipe.pinned_members, frames=recipe.frames)
    return first
