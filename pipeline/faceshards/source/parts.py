"""The files that one named path stands for, where it is more than that file."""

from pathlib import Path

from faceshards.source.fetch.recipe import DownloadRecipe, is_recipe, read_recipe
from faceshards.source.splitfile import parts_of


def files_of(path: Path) -> list[Path]:
    """All files that decide what a source at a path holds, the path itself first.

    Args:
        path: a ``.rec`` brings its ``.idx``, the first part of a split zip the others, and a recipe the table of hashes
            that it names. A folder, and any other file, stands for itself.

    Raises:
        SourceNotFoundError: a part between the first and the last is missing.
        ParamsError: a recipe does not read.

    Example:
        >>> files_of(Path("train.rec"))
        [PosixPath('train.rec'), PosixPath('train.idx')]
    """
    if not path.is_file():
        return [path]
    if path.suffix == ".rec":
        return [path, path.with_suffix(".idx")]
    if is_recipe(path):
        recipe = read_recipe(path)
        pinned = recipe.pinned_members if isinstance(recipe, DownloadRecipe) else None
        return [path] if pinned is None else [path, pinned]
    return parts_of(path)
