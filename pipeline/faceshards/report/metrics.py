"""What the stages left in their metrics files, checked on the way in."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from faceshards.errors import ReportInputError


@dataclass(frozen=True)
class FaceCounts:
    """How many faces a stage took in.

    Attributes:
        faces: all that came in.
        used: those that can be used.
        skipped: how many dropped out, there or in a stage before, by the code of the reason.
        remarks: how many of those that can be used have a remark, by its code.
    """

    faces: int
    used: int
    skipped: dict[str, int]
    remarks: dict[str, int]


@dataclass(frozen=True)
class Agreement:
    """Parser against ground truth, over one set of classes.

    Attributes:
        miou: mean IoU of the classes that the truth holds, 0 to 1.
        pixel_accuracy: share of the pixels whose class is right, 0 to 1.
        iou: IoU by class name; None for a class that occurs nowhere.
    """

    miou: float
    pixel_accuracy: float
    iou: dict[str, float | None]


@dataclass(frozen=True)
class Confidence:
    """How sure the parser was, 0 to 1; None where no face was parsed.

    Attributes:
        mean: over the faces.
        low: what 5 % of the faces do not reach.
        agreement: share of the pixels on which a face and its mirror image agree; None also without mirror images.
        regions: by name, the mean over the faces that show the region; None where none does.
    """

    mean: float | None
    low: float | None
    agreement: float | None
    regions: dict[str, float | None]


@dataclass(frozen=True)
class ParseMetrics(FaceCounts):
    """What the stage `parse` measured.

    Attributes:
        confidence: how sure the parser was.
        in_place: by the part of the face, the share of the faces that have it in its place; empty for few faces.
        with_truth: faces that could be compared with ground truth.
        regions: agreement over the 25 regions; None where no face has ground truth.
        coarse: agreement over FaceSynthetics' 19 classes; None where no face has ground truth.
    """

    confidence: Confidence
    in_place: dict[str, float]
    with_truth: int
    regions: Agreement | None
    coarse: Agreement | None


@dataclass(frozen=True)
class VerifyMetrics:
    """What the stage `verify` read, and how many problems it found."""

    files: int
    bytes: int
    rows: int
    problems: int


@dataclass(frozen=True)
class Metrics:
    """One field a stage; None where the stage has left no file, because it has not run."""

    align: FaceCounts | None = None
    parse: ParseMetrics | None = None
    erase: FaceCounts | None = None
    verify: VerifyMetrics | None = None


_METRICS: TypeAdapter[Metrics] = TypeAdapter(Metrics)


def read_metrics(paths: Mapping[str, Path]) -> Metrics:
    """Read metrics files by stage name; a stage that is not named, or whose file is not there, has not run.

    Raises:
        ReportInputError: a file is no JSON or holds something else, or there is no stage of that name.
    """
    stages = Metrics.__dataclass_fields__.keys()
    if unknown := sorted(paths.keys() - stages):
        raise ReportInputError(f"metrics of {', '.join(unknown)}: the report reads those of {', '.join(stages)}")
    contents = {stage: _load(path) for stage, path in paths.items() if path.is_file()}
    try:
        return _METRICS.validate_python(contents)
    except ValidationError as error:
        stage, *keys = error.errors()[0]["loc"]
        raise ReportInputError(
            f"{paths[str(stage)]}: {'.'.join(map(str, keys)) or 'content'}: {error.errors()[0]['msg']}; "
            f"run the stage again: `dvc repro --force {stage}`"
        ) from error


def _load(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes(), parse_constant=lambda _: None)  # NaN, which some writers leave for null
    except (ValueError, RecursionError) as error:
        raise ReportInputError(f"{path}: expected a stage's metrics as JSON ({error}); run the stage again") from error
