"""`params.yaml` as frozen dataclasses: unknown keys, wrong types and values out of range raise, naming the key."""

from collections.abc import Callable
from dataclasses import field
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field, PlainValidator, TypeAdapter, ValidationInfo, field_validator, model_validator
from pydantic.dataclasses import dataclass

from faceshards.errors import ParamsError
from faceshards.ops.arguments import Fill, checked_fill, classes_of_faces, number_of_regions, pixels
from faceshards.store.schema import Profile
from faceshards.yamlfile import read_yaml

_STRICT = ConfigDict(extra="forbid", strict=True)

Text = Annotated[str, Field(min_length=1)]
"""A path or a name: an empty one would be the working directory. `null` is how to say that there is none."""
PositiveInt = Annotated[int, Field(ge=1)]
NonNegativeInt = Annotated[int, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]


def _by(check: Callable[[Any], Any], argument: str) -> PlainValidator:
    """A check of `faceshards.ops` as pydantic's, which names the key itself."""

    def validate(value: Any) -> Any:
        try:
            return check(value)
        except ParamsError as error:
            raise ValueError(str(error).removeprefix(argument).lstrip(": ")) from error

    return PlainValidator(validate)


def _classes(value: Any) -> dict[str, float]:
    if isinstance(value, dict):  # YAML is read through JSON, where an id as a key is a string
        value = {int(key) if isinstance(key, str) and key.isdecimal() else key: of for key, of in value.items()}
    return classes_of_faces(value)


@dataclass(frozen=True, config=_STRICT)
class SourceParams:
    """Where the faces come from.

    Attributes:
        path: of a recipe, or of what `faceshards.source.open_source` opens.
        landmarks: a CSV table of points; None for none.
        labels: the FSErasing authors' published labels; None for none.
    """

    path: Text
    landmarks: Text | None = None
    labels: Text | None = None
    format: Literal["auto", "facesynthetics", "celebamask", "lapa", "imagefolder", "recordio"] = "auto"
    limit: PositiveInt | None = None
    accept_licence: Text | None = None


@dataclass(frozen=True, config=_STRICT)
class DatasetParams:
    """What the data set tells about itself, in `dataset.json`, its card, Croissant, the report and exports.

    Attributes:
        name: letters, digits, ``.``, ``_`` and ``-``; None takes the source's.
        licence: an SPDX identifier or expression, or a text; None takes the source's.
    """

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")] | None = None
    title: Text | None = None
    description: Text | None = None
    licence: Text | None = None
    citation: Text | None = None
    homepage: Annotated[str, Field(pattern=r"^https?://[^\s\"<>]+$")] | None = None
    version: Annotated[str, Field(pattern=r"^[0-9A-Za-z][0-9A-Za-z.+_-]{0,99}$")] | None = None


@dataclass(frozen=True, config=_STRICT)
class PlanParams:
    """Which split and row every face gets; which earlier version goes on, and which faces are left out.

    Attributes:
        seed: of the draws of splits and order.
        splits: name to its share of the people; the shares add up to 1.
        order: of the rows of a split.
        earlier: ``manifest.parquet`` of the version that this one continues; None plans anew.
        remove: a list of sample ids and people, as `faceshards.build.removal` reads it; None for nobody.
        names_key: a file with a key, as `faceshards.build.nameless` reads it, that makes numbers of all names; None
            for the names of the source.
    """

    seed: Annotated[int, Field(ge=0, lt=2**63)]
    splits: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")], Annotated[float, Field(gt=0, le=1)]]
    order: Literal["shuffled", "source"] = "shuffled"
    earlier: Text | None = None
    remove: Text | None = None
    names_key: Text | None = None

    @field_validator("splits")
    @classmethod
    def _whole(cls, value: dict[str, float]) -> dict[str, float]:
        if abs(sum(value.values()) - 1) > 1e-9:
            raise ValueError(f"the shares must add up to 1, not {sum(value.values()):g}")
        return value

    @model_validator(mode="after")
    def _nothing_of_names_in_rows(self) -> Self:
        if self.names_key is not None and self.order == "source":
            raise ValueError(
                "names_key goes with order: shuffled alone, for rows in the order of the source tell whoever has a "
                "list of its names whose they are"
            )
        return self


@dataclass(frozen=True, config=_STRICT)
class AlignParams:
    """How faces without landmarks are found, and how many may drop out.

    Attributes:
        detector: see `faceshards.source.alignment.AlignerName`.
    """

    detector: Literal["auto", "mesh", "none", "dlib", "yunet"] = "auto"
    yunet_model: Text | None = None
    max_skipped: Share = 0.2


@dataclass(frozen=True, config=_STRICT)
class ParseParams:
    """Which network cuts the faces into regions, where it runs, and which of its answers are doubtful.

    Attributes:
        min_confidence: faces of less are marked by the stage `erase`; None marks nobody.
        accept_licence: the licence of a network to download that the user accepts, by name; None for none.
    """

    weights: Text = "bundled"
    device: Literal["auto", "cpu", "cuda"] = "auto"
    precision: Literal["auto", "bf16", "fp32"] = "auto"
    mirror: bool = True
    min_confidence: Share | None = None
    accept_licence: Text | None = None


@dataclass(frozen=True, config=_STRICT)
class EraseParams:
    """What is erased, how often, and with what.

    `n_regions`, `classes`, `fill` and `min_area` are those of `faceshards.Erase`; `fill` may also be ``"mean"``, the
    mean colour of the data set.

    Attributes:
        variants: erased variants of each face; 0 for faces and maps alone.
        images: whether the faces themselves are stored; False for their maps alone, which takes 0 variants.
        regions: whose maps.
    """

    seed: Annotated[int, Field(ge=0, lt=2**63)]
    variants: Annotated[int, Field(ge=0)]
    n_regions: Annotated[tuple[int, int], _by(number_of_regions, "n_regions")]
    fill: Annotated[Fill | Literal["mean"], _by(lambda value: checked_fill(value, "mean"), "fill")]
    min_area: Annotated[int, _by(pixels, "min_area")]
    classes: Annotated[dict[str, float], _by(_classes, "classes")]
    regions: Literal["parsed", "truth"]
    images: bool = True

    @field_validator("images")
    @classmethod
    def _no_variants_without_images(cls, value: bool, info: ValidationInfo) -> bool:
        if not value and info.data.get("variants"):
            raise ValueError("a store without images has no variants: set erase.variants to 0, or erase.images to true")
        return value


@dataclass(frozen=True, config=_STRICT)
class StoreParams:
    """How faces are coded, and how many of them a shard and a chunk hold."""

    shard_rows: PositiveInt = 2048
    chunk_rows: PositiveInt = 32
    profile: Profile = "portable"

    @field_validator("chunk_rows")
    @classmethod
    def _divides(cls, value: int, info: ValidationInfo) -> int:
        rows = info.data.get("shard_rows", value)
        if rows % value:
            raise ValueError(f"shard_rows must be a multiple of chunk_rows; found {rows} and {value}")
        return value


@dataclass(frozen=True, config=_STRICT)
class ReportParams:
    """What the report shows, and of how many faces.

    Attributes:
        gallery: faces with all their pictures.
        pictures: False leaves pictures of faces and all names out.
        faces: of so many faces the page has the numbers, and as many pictures are looked at.
        thumbnails: so many of them have a picture and a region map, some 3.5 kB each.
        dropped: so many of the faces that dropped out have a picture.
    """

    gallery: PositiveInt = 24
    pictures: bool = True
    faces: PositiveInt = 100_000
    thumbnails: NonNegativeInt = 1000
    dropped: NonNegativeInt = 60


@dataclass(frozen=True, config=_STRICT)
class RunParams:
    """How to run; never what comes out."""

    workers: PositiveInt | Literal["auto"] = "auto"
    scheduler: Text | None = None
    worker_timeout: Annotated[float, Field(gt=0)] = 600
    connections: PositiveInt = 4
    kept_gb: Annotated[float, Field(ge=0)] = 20.0


@dataclass(frozen=True, config=_STRICT)
class Params:
    """All of `params.yaml`; a section is what one or more stages declare in `dvc.yaml`."""

    source: SourceParams
    plan: PlanParams
    align: AlignParams
    parse: ParseParams
    erase: EraseParams
    store: StoreParams
    report: ReportParams
    run: RunParams
    dataset: DatasetParams = field(default_factory=DatasetParams)

    @property
    def paths(self) -> dict[str, str | None]:
        """Those that name a file or a folder, or null, by dotted name; ``parse.weights`` stands for several."""
        return {
            "source.path": self.source.path,
            "source.landmarks": self.source.landmarks,
            "source.labels": self.source.labels,
            "plan.earlier": self.plan.earlier,
            "plan.remove": self.plan.remove,
            "plan.names_key": self.plan.names_key,
            "align.yunet_model": self.align.yunet_model,
        }


def nothing_at(param: str, path: str | Path) -> ParamsError:
    """The error of a param that names a path at which there is nothing."""
    return ParamsError(f"{param}: expected a file or a folder at {path}; found nothing there; check the path")


def load_params(path: Path) -> Params:
    """Read and check a params file (YAML 1.2, as DVC reads it).

    Raises:
        ParamsError: the file is missing or no YAML, or a key is unknown, missing, or has a value that it cannot have.
            Every offending key is named.
    """
    try:
        return read_yaml(path, TypeAdapter(Params))
    except FileNotFoundError as error:
        raise ParamsError(f"{path}: no such file; run from the project's root, or name the file") from error
