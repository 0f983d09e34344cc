"""A recipe: a small YAML file that names what to render or to download, so that a source can always be a path."""

import dataclasses
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

import pydantic.dataclasses
from pydantic import ConfigDict, Field, TypeAdapter

from faceshards.errors import SourceNotFoundError
from faceshards.source.demo import DemoRecipe
from faceshards.source.fetch.remote import RemoteFile
from faceshards.yamlfile import read_yaml

_SUFFIXES = {".yaml", ".yml"}


@pydantic.dataclasses.dataclass(frozen=True, slots=True, config=ConfigDict(extra="forbid"))
class DownloadRecipe:
    """A published data set.

    Attributes:
        kind: the format of what arrives.
        licence: what `faceshards.source.fetch.licence.require_licence` wants accepted.
        frames: how many frames the set holds.
        files: the zip, or its parts in order.
        pinned_members: Parquet table of the SHA-256 of single members, checked once the files are there.
    """

    kind: Literal["facesynthetics"]
    licence: Literal["R-UDA-1.0"]
    frames: Annotated[int, Field(gt=0)]
    files: tuple[RemoteFile, ...]
    pinned_members: Path | None = None

    def __post_init__(self) -> None:
        names = [file.name for file in self.files]
        if not names or len(set(names)) < len(names):
            raise ValueError(f"files: expected one or more, each with a name of its own; found {names}")


Recipe: TypeAlias = DemoRecipe | DownloadRecipe

_ANY_RECIPE: TypeAdapter[Recipe] = TypeAdapter(Annotated[Recipe, Field(discriminator="kind")])


def is_recipe(path: Path) -> bool:
    """Whether the path names a recipe rather than data: by its suffix alone."""
    return path.suffix.lower() in _SUFFIXES


def read_recipe(path: Path) -> Recipe:
    """Read and check a recipe. A relative `pinned_members` is taken from the recipe's own folder.

    Raises:
        SourceNotFoundError: there is no such file.
        ParamsError: it is not YAML 1.2, or a key is unknown, missing, of the wrong type or out of range.
    """
    try:
        recipe = read_yaml(path, _ANY_RECIPE)
    except FileNotFoundError as error:
        raise SourceNotFoundError(
            f"{path}: no such recipe; those that come with the project lie in manifests/, each key explained"
        ) from error
    if isinstance(recipe, DownloadRecipe) and recipe.pinned_members is not None:
        recipe = dataclasses.replace(recipe, pinned_members=path.parent / recipe.pinned_members)
    return recipe
