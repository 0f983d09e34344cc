"""What a description says of where its network is published. The other keys are `parsing.adapterparams`'."""

from pathlib import Path, PurePosixPath
from typing import Annotated, TypeVar
from urllib.parse import urlsplit

from pydantic import ConfigDict, Field, TypeAdapter
from pydantic.dataclasses import dataclass

from faceshards.errors import WeightsNotFoundError
from faceshards.yamlfile import read_yaml

T = TypeVar("T")

Text = Annotated[str, Field(min_length=1)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Bytes = Annotated[int, Field(ge=1)]
Url = Annotated[str, Field(pattern=r"^https?://[^/?#]+/([^?#]*/)?[A-Za-z0-9_][A-Za-z0-9._-]*(\?[^#]*)?$")]
"""As `faceshards.source.fetch.remote.RemoteFile` takes it."""


@dataclass(frozen=True, config=ConfigDict(extra="forbid", strict=True))
class Licence:
    """Under what a published network stands.

    Attributes:
        accept: the name under which its terms are accepted before it is downloaded; None where it is free.
        terms: what the terms come to, in a sentence or two.
        code: licence of the code that it comes from.
        data: what it learnt from.
    """

    accept: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9+._-]*$")] | None
    terms: Text
    code: Text
    data: Text


@dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="ignore", strict=True))
class Published:
    """Where a network is published, and what its file is.

    Attributes:
        model: ``.onnx``, or TorchScript (``.pt``, ``.ts``, ``.torchscript``); relative to the YAML file.
        url: where the model is downloaded from, in the place of `model`; http or https, and a file's name at its end.
        sha256: of the model, checked where it is given.
        bytes: size of the model, checked before it is downloaded.
        licence: of the network.
        homepage: where it is described.
        paper: that describes it.
        export: how to make the model, where its authors publish no file that can be run.
        tested: whether this project has run it, and when.
    """

    model: Text | None = None
    # As `faceshards.source.fetch.remote.RemoteFile` takes it.
    url: Annotated[str, Field(pattern=r"^https?://[^/?#]+/([^?#]*/)?[A-Za-z0-9_][A-Za-z0-9._-]*(\?[^#]*)?$")] | None = (
        None
    )
    sha256: Sha256 | None = None
    bytes: Bytes | None = None
    licence: Licence | None = None
    homepage: Text | None = None
    paper: Text | None = None
    export: Text | None = None
    tested: Text = "not run"

    def __post_init__(self) -> None:
        if (self.model is None) == (self.url is None):
            raise ValueError("expected either `model`, a file, or `url`, where it is downloaded from")

    @property
    def file_name(self) -> str:
        """The name of the model's file, whose suffix says its format."""
        return PurePosixPath(urlsplit(self.url).path if self.url else str(self.model)).name

    @property
    def terms(self) -> str | None:
        """The licence's name and terms, as a store of its regions tells them; None where it is free or not told."""
        if self.licence is None or self.licence.accept is None:
            return None
        return f"{self.licence.accept}: {self.licence.terms.strip()}"


def read_published(path: Path) -> Published:
    """Read what a description says of where its network is published, and leave its other keys alone.

    Raises:
        WeightsNotFoundError: there is no such file.
        ParamsError: it is no YAML 1.2, or one of these keys has a value that it cannot have.
    """
    return read_description(path, TypeAdapter(Published))


def read_description(path: Path, schema: TypeAdapter[T]) -> T:
    """Read the keys of a description that `schema` has. Raises as `read_published`."""
    try:
        return read_yaml(path, schema)
    except FileNotFoundError as error:
        raise WeightsNotFoundError(f"{path}: no such file; expected the description of a network") from error
