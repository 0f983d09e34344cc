"""A recipe: a small YAML file that names what to render or to download, so that a source can always be a path."""

import dataclasses
import json
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

import pydantic.dataclasses
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from faceshards.errors import ParamsError, SourceNotFoundError
from faceshards.source.demo import DemoRecipe
from faceshards.source.fetch.remote import RemoteFile

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
        # Through JSON, for only there does strict pydantic take a list for a tuple and a mapping for a dataclass.
        recipe = _ANY_RECIPE.validate_json(json.dumps(_load(path), default=str), strict=True)
    except ValidationError as error:
        raise ParamsError(f"{path}: {_explain(error)}") from error
    if isinstance(recipe, DownloadRecipe) and recipe.pinned_members is not None:
        recipe = dataclasses.replace(recipe, pinned_members=path.parent / recipe.pinned_members)
    return recipe


def _load(path: Path) -> object:
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError as error:
        raise SourceNotFoundError(
            f"{path}: no such recipe; those that come with the project lie in manifests/"
        ) from error
    except UnicodeDecodeError as error:
        raise ParamsError(f"{path}: expected UTF-8 text; found {error}") from error
    try:
        return YAML(typ="safe", pure=True).load(text)  # the pure parser is the YAML 1.2 one
    except YAMLError as error:
        raise ParamsError(f"{path}: expected YAML 1.2; found {error}") from error


def _explain(error: ValidationError) -> str:
    problems = []
    for detail in error.errors(include_url=False):
        key = ".".join(str(part) for part in detail["loc"][1:])  # the first part is the kind
        if detail["type"] == "unexpected_keyword_argument":
            problems.append(f"unknown key {key}; the keys of a recipe are explained in manifests/*.yaml")
        elif isinstance(detail["input"], dict | list):
            problems.append(f"{key or 'the recipe'}: {detail['msg']}")
        else:
            problems.append(f"{key or 'the recipe'}: {detail['msg']}; found {detail['input']!r}")
    return "; ".join(problems)
