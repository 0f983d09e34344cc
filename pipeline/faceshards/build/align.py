"""Stage `align`: every face of the source onto the 112x112 template, with its ground truth where there is one."""

import hashlib
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa

from faceshards.build.arrays import ALL, IMAGE, TRUTH
from faceshards.build.outcome import Outcome, count_outcomes, refuse_too_many
from faceshards.build.params import AlignParams, RunParams, StoreParams
from faceshards.build.provenance import versions
from faceshards.build.shards import run_tasks
from faceshards.build.source import read_note
from faceshards.build.sourceshard import SourceShard, missing_shards
from faceshards.build.workdir import work_dir
from faceshards.errors import BadSampleError
from faceshards.ops.align import warp_image, warp_labels
from faceshards.ops.labels import detailed_regions
from faceshards.records import Float32Array, Truth, UInt8Array
from faceshards.source.alignment import face_alignment
from faceshards.source.base import Source
from faceshards.source.decode import decode_image
from faceshards.source.detect import Detector, DetectorName, load_detector
from faceshards.source.stamp import stamp_of
from faceshards.store.finish import finish
from faceshards.store.schema import NO_IDENTITY, OK, SKIPPED, StoreSpec
from faceshards.store.writer import create, write_shard

HAS_TRUTH = pa.field("has_truth", pa.bool_())
"""Manifest column: the source has ground truth for this face."""


def align_faces(source: Path, out: Path, params: AlignParams, store: StoreParams, run: RunParams) -> Outcome:
    """Align every face of the source that `make_source` left in the folder `source`, into a store at `out`.

    Faces that cannot be used become manifest rows with a reason.

    Raises:
        TooManySkippedError: a greater share than ``params.max_skipped`` dropped out; `out` is not written.
        MissingExtraError: the detector's package is not installed.
    """
    note = read_note(source)
    faces = note.open(source)
    spec = StoreSpec(
        name=note.name,
        licence=note.licence,
        arrays=(IMAGE, TRUTH),
        splits={ALL: len(faces)},
        shard_rows=store.shard_rows,
        chunk_rows=store.chunk_rows,
        profile=store.profile,
        columns=(HAS_TRUTH,),
    )
    # A missing extra is to be told before anything is written.
    _detector(params.detector, params.yunet_model)
    made_by = versions("numpy", "opencv-python")
    read = (note.stamps(source), params.yunet_model and stamp_of(Path(params.yunet_model)))
    with work_dir(out, __name__, params.detector, repr(spec), made_by, asdict(note), read) as work:
        create(work, spec)
        shards = missing_shards(work, spec)
        run_tasks([AlignTask(work, spec, shard, faces, params) for shard in shards], run, "align")
        provenance = {"source": {"name": note.name, "format": faces.name}, "align": {"detector": params.detector}}
        finish(work, spec, None, {**provenance, "versions": made_by})
        outcome = count_outcomes(work)
        refuse_too_many(outcome, work, params.max_skipped, "align")
    return outcome


@dataclass(frozen=True)
class AlignTask(SourceShard):
    """Align the faces of one shard."""

    source: Source
    params: AlignParams

    def run(self, advance: Callable[[int], object]) -> None:
        """Read, align, write; a face that cannot be used leaves black pixels that no manifest row offers."""
        start, stop = self.bounds
        images = np.zeros((self.faces, *IMAGE.shape), np.uint8)
        truths = np.full((self.faces, *TRUTH.shape), TRUTH.fill_value, np.uint8)
        detect = _detector(self.params.detector, self.params.yunet_model)
        rows = []
        for row, index in enumerate(range(start, stop)):
            rows.append(self._align_one(index, images[row], truths[row], detect))
            advance(1)
        table = pa.Table.from_pylist(rows, self.spec.rows_schema)
        write_shard(self.work, self.spec, ALL, self.shard, {"image": images, "truth": truths}, table)

    def _align_one(
        self, index: int, image_out: UInt8Array, truth_out: UInt8Array, detect: Detector | None
    ) -> dict[str, Any]:
        face = self.source.face(index)
        row = {
            "source_index": index,
            "sample_id": face.sample_id,
            "source_id": face.source_id,
            "identity": NO_IDENTITY,
            "identity_name": face.identity,
            "status": OK,
        }
        try:
            data = self.source.image_bytes(index)
            row["source_sha256"] = hashlib.sha256(data).hexdigest()
            image = decode_image(data, face.source_id)
            landmarks = self.source.landmarks(index)
            matrix = face_alignment(image, landmarks, detect)
            image_out[:] = image if matrix is None else warp_image(image, matrix)
        except BadSampleError as error:
            return {**row, "status": SKIPPED, "reason": str(error), "has_truth": False}
        try:
            regions = _true_regions(self.source.truth(index), landmarks, image.shape[:2])
        except BadSampleError as error:  # the face is good all the same
            return {**row, "reason": str(error), "has_truth": False}
        if regions is not None:
            truth_out[:] = regions if matrix is None else warp_labels(regions, matrix)
        return {**row, "has_truth": regions is not None}


def _true_regions(truth: Truth | None, landmarks: Float32Array | None, shape: tuple[int, ...]) -> UInt8Array | None:
    """Ground truth as regions, which takes the 70 landmarks where the source has coarse labels."""
    if truth is None:
        return None
    if truth.labels.shape != shape:
        raise BadSampleError("truth_of_other_size", f"expected labels of {shape}, found {truth.labels.shape}")
    if truth.scheme == "regions25":
        return truth.labels
    return None if landmarks is None or len(landmarks) != 70 else detailed_regions(truth.labels, landmarks)


@cache
def _detector(name: DetectorName | Literal["none"], model: str | None) -> Detector | None:
    return None if name == "none" else load_detector(name, None if model is None else Path(model))
