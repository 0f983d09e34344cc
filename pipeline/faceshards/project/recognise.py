"""What lies at a path that is to be a source, in a few words."""

from pathlib import Path

from faceshards.build.params import SourceParams
from faceshards.counted import counted
from faceshards.source.demo import DemoRecipe
from faceshards.source.fetch.licence import require_licence
from faceshards.source.fetch.recipe import DownloadRecipe, is_recipe, read_recipe
from faceshards.source.open import open_source

_MOST_NAMED = 1_000_000
"""Faces whose people are counted: of more, going through the names takes longer than anybody waits for."""


def recognised(params: SourceParams) -> str:
    """Say what the source is, such as ``"84 pictures of 20 people (imagefolder)"``; nothing is downloaded.

    Args:
        params: the section ``source``; paths are relative to the working directory.

    Raises:
        SourceNotFoundError, SourceFormatError, ParamsError: it is none, as `open_source` and `read_recipe` tell.
        LicenceError: a published set, whose licence was not accepted.
    """
    path = Path(params.path)
    if not is_recipe(path):
        return _opened(params)
    recipe = read_recipe(path)
    if isinstance(recipe, DemoRecipe):
        pictures = counted(recipe.identities * recipe.views, "rendered picture")
        return f"{pictures} of {counted(recipe.identities, 'person', 'people')}"
    require_licence(recipe, params.accept_licence)
    return published(recipe)


def published(recipe: DownloadRecipe) -> str:
    """Say what a recipe downloads."""
    return f"{counted(recipe.frames, 'picture')} of {recipe.kind}, which are downloaded, licence {recipe.licence}"


def _opened(params: SourceParams) -> str:
    source = open_source(
        Path(params.path),
        params.format,
        landmarks=None if params.landmarks is None else Path(params.landmarks),
        labels=None if params.labels is None else Path(params.labels),
        limit=params.limit,
    )
    pictures = counted(len(source), "picture")
    if len(source) > _MOST_NAMED:
        return f"{pictures} ({source.name})"
    people = {source.face(index).identity for index in range(len(source))} - {None}
    who = f"of {counted(len(people), 'person', 'people')}" if people else "without names of people"
    return f"{pictures} {who} ({source.name})"
