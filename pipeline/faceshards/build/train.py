"""Training the parser from a params file: its sources opened, its weights where the file says."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

from pydantic import ConfigDict, Field, TypeAdapter
from pydantic.dataclasses import dataclass

from faceshards.build.removal import BLANKS
from faceshards.errors import ParamsError
from faceshards.parsing.train import TrainingSource, TrainParams, train
from faceshards.parsing.trainparams import Positive
from faceshards.source.fetch.resolve import resolve
from faceshards.source.open import open_source
from faceshards.store.durable import sweep
from faceshards.yamlfile import read_yaml

_STRICT = ConfigDict(extra="forbid", strict=True)


@dataclass(frozen=True, config=_STRICT)
class SourceToTrainOn:
    """One source of labelled faces.

    Attributes:
        label: what metrics call it, and a folder for what a recipe makes; each another.
        path: data or a recipe, as `source.path` of the pipeline.
        weight: its share of the training samples, relative to the other sources'.
        validation: a text file of sample ids that are never trained on, one a line; None draws a share of them by
            hash.
        labels: the FSErasing authors' published labels, or None.
        accept_licence: for recipes that download.
    """

    label: Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_-]*$")]
    path: str
    weight: Positive = 1.0
    validation: str | None = None
    labels: str | None = None
    accept_licence: str | None = None


@dataclass(frozen=True, config=_STRICT)
class TrainFile:
    """The whole params file."""

    sources: tuple[SourceToTrainOn, ...]
    train: TrainParams


def train_parser(params_file: Path, out: Path, tell: Callable[[str], object] = lambda _: None) -> Path:
    """Train as the params file says; call again after a kill to go on.

    Args:
        params_file: YAML of `TrainFile`.
        out: the folder for weights, metrics, checkpoint and what recipes render or download.
        tell: takes lines that say what is trained on and what is left out.

    Returns:
        The path of the weights.

    Raises:
        ParamsError: the file is missing or does not fit, or `out` has the checkpoint of another run.
        TrainingError, WeightsError: as `faceshards.parsing.train.train`.
        SourceNotFoundError, SourceFormatError, LicenceError, DownloadError: as in the stage `download`.
    """
    try:
        params = read_yaml(params_file, TypeAdapter(TrainFile))
    except FileNotFoundError as error:
        raise ParamsError(
            f"{params_file}: no such file; the project's own is stages/train/params.yaml, from the project's root"
        ) from error
    twice = [label for label, count in Counter(source.label for source in params.sources).items() if count > 1]
    if twice:
        raise ParamsError(f"{params_file}: sources: expected a label of its own for each; found {twice[0]!r} twice")
    sweep(out)
    sources = [_opened(source, out / "sources" / source.label) for source in params.sources]
    return train(sources, params.train, out, tell=tell)


def _opened(source: SourceToTrainOn, into: Path) -> TrainingSource:
    data = resolve(Path(source.path), into, accept_licence=source.accept_licence)
    return TrainingSource(
        label=source.label,
        source=open_source(data, labels=None if source.labels is None else Path(source.labels)),
        weight=source.weight,
        validation=None if source.validation is None else _sample_ids(Path(source.validation)),
    )


def _sample_ids(path: Path) -> frozenset[str]:
    try:
        lines = (line.strip(BLANKS) for line in path.read_text("utf-8-sig").split("\n"))
        return frozenset(filter(None, lines))
    except (OSError, UnicodeDecodeError) as error:
        raise ParamsError(
            f"sources: validation: {path}: expected UTF-8 text of sample ids, one a line; {error}"
        ) from error
