"""A folder of photographs through the stages that list, plan and align it."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import zarr
from small_pipeline import PINNED, ROOT

from faceshards.build.align import align_faces
from faceshards.build.download import make_source
from faceshards.build.params import RunParams, load_params
from faceshards.build.plan import plan_faces


def aligned(
    path: Path, work: Path, source: Mapping[str, Any] | None = None, **align: Any
) -> tuple[list[dict[str, Any]], np.ndarray]:
    """The rows of the manifest, and the images in their order; all faces are in one split, in order of the source.

    Args:
        path: what ``source.path`` names.
        work: takes what the stages write.
        source: changes of the params' section `source`.
        align: changes of the section `align`.
    """
    work.mkdir(parents=True, exist_ok=True)
    whole, run = load_params(ROOT / "params.yaml"), RunParams(workers=1)
    given = replace(whole.source, path=str(path), **(source or {}))
    make_source(given, run, work / "source", PINNED)
    plan_faces(work / "source", work / "plan", replace(whole.plan, splits={"train": 1.0}, order="source"))
    asked = replace(whole.align, **{"max_skipped": 1.0, **align})
    align_faces(work / "source", work / "plan", work / "aligned", asked, whole.store, run)
    images = zarr.open_group(str(work / "aligned/train.zarr"), mode="r")["image"]
    return pq.read_table(work / "aligned/manifest.parquet").to_pylist(), np.asarray(images)
