"""Stage `parse`: the network's 25-class region map of every aligned face, and how well it agrees with the truth."""

import math
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from faceshards.build.arrays import IMAGE, REGION, TRUTH
from faceshards.build.outcome import Outcome, count_outcomes
from faceshards.build.params import ParseParams, RunParams, StoreParams
from faceshards.build.parserows import parse_rows
from faceshards.build.places import places_of
from faceshards.build.provenance import versions
from faceshards.build.shardmap import ShardContent, ShardTask, making, shard_digests
from faceshards.build.shards import run_tasks, threads_per_worker
from faceshards.build.sureness import COLUMNS, Sureness, sureness_of
from faceshards.build.weights import weights_files
from faceshards.errors import ParamsError, WeightsError
from faceshards.parsing.evaluate import Scores, coarse_confusion, confusion, scores
from faceshards.parsing.parser import Parser, load_parser
from faceshards.regions import N_REGIONS, CoarseRegion, Region
from faceshards.store.durable import sha256_of
from faceshards.store.finish import finish
from faceshards.store.reader import Store
from faceshards.store.schema import OK, StoreSpec

_Weights: TypeAlias = tuple[tuple[Path, str], ...]

_LOADING = threading.Lock()

SAME_BF16 = "ONEDNN_MAX_CPU_ISA", "AVX512_CORE_BF16"
"""An environment variable of oneDNN, which reads it when a process first uses it, and what this stage sets it to where
nobody has: processors with AMX add up bfloat16 in another order than those without, and would make other bytes."""


@dataclass(frozen=True)
class ParseOutcome:
    """What the stage reports.

    Attributes:
        outcome: the count of faces.
        with_truth: how many of them could be compared with ground truth.
        regions: agreement over the 25 regions; None where no face has ground truth.
        coarse: agreement merged to the 19 classes of FaceSynthetics; None where no face has ground truth.
        confidence: how sure the network was.
        places: in how many of the faces the parts of the face lie where they must, see `places_of`.
    """

    outcome: Outcome
    confidence: Sureness
    places: Mapping[str, float]
    with_truth: int
    regions: Scores | None
    coarse: Scores | None


def parse_faces(aligned: Path, out: Path, params: ParseParams, store: StoreParams, run: RunParams) -> ParseOutcome:
    """Parse every aligned face into a store at `out`.

    Raises:
        WeightsError: the weights do not fit the network, or were replaced while the stage ran.
        DeviceError: CUDA was asked for and is not there.
        ParamsError: the device of a cluster's workers is left open.
    """
    if run.scheduler is not None and params.device == "auto":
        raise ParamsError(
            "parse.device: expected cpu or cuda with run.scheduler, found auto: this machine would settle it, and its "
            "workers may have GPUs where it has none"
        )
    faces = Store.open(aligned)
    weights = _digests(params)
    parser = _parser(params, weights)
    spec = StoreSpec(
        name=faces.info["name"],
        licence=faces.info["licence"],
        arrays=(REGION,),
        splits=faces.extents,
        shard_rows=faces.shard_rows,
        chunk_rows=faces.chunk_rows,
        profile=store.profile,
        columns=COLUMNS,
        names_key=faces.names_key,
    )
    made_by = versions("torch")
    # What "auto" came to, and not what the stages `erase` and `inputs` look at.
    settled = replace(_settled(params, parser.provenance), min_confidence=None, accept_licence=None)
    digests = [digest for _, digest in weights]
    decided_by = (settled, made_by, dict(parser.provenance), digests, os.environ[SAME_BF16[0]])
    with making(out, __name__, spec, run, *decided_by) as shards:
        gpu = settled.device == "cuda"
        sizes = [stop - start for start, stop in (spec.shard_range(*place) for place in spec.shards)]
        threads = threads_per_worker(run, sizes, gpu=gpu)
        tasks = [ParseTask(shards, *place, faces, settled, weights, threads) for place in spec.shards]
        run_tasks(tasks, run, "parse", gpu=gpu)
        provenance = {
            **faces.info["provenance"],
            "parse": dict(parser.provenance),
            "versions": {**faces.provenance("versions"), **made_by},
        }
        finish(shards.work, spec, provenance)
        parsed = Store.open(shards.work)
        return _compare(faces, parsed, count_outcomes(shards.work))


@dataclass(frozen=True)
class ParseTask(ShardTask):
    """Parse the faces of one shard.

    Attributes:
        weights: the files of the parser, each with the SHA-256 that it must have; none for the bundled weights.
        threads: of the parser on the CPU; on CUDA, those that decode faces.
    """

    aligned: Store
    params: ParseParams
    weights: _Weights
    threads: int

    def inputs(self) -> Sequence[str]:
        """The aligned faces."""
        return shard_digests(self.aligned, self.split, self.shard, IMAGE.name)

    def make(self, advance: Callable[[int], object]) -> ShardContent:
        """Parse the usable faces, which are read ahead; the other rows stay 255."""
        start, _ = self.bounds
        rows = self.aligned.rows(self.split, self.shard)
        at = rows["row"].to_numpy().astype(np.int64) - start
        usable = np.zeros(self.faces, np.bool_)
        usable[at] = pc.equal(rows["status"], OK).to_numpy()
        gpu = self.params.device == "cuda"
        parser = _parser(self.params, self.weights, 1 if gpu else self.threads)
        readers = self.threads if gpu else 1  # on the CPU the parser itself has the threads
        found = parse_rows(self.aligned, self.split, self.bounds, usable, parser, readers, advance)
        columns = found.sureness.columns(at)
        schema = self.making.spec.rows_schema
        table = pa.table([columns[name] if name in columns else rows[name] for name in schema.names], schema=schema)
        return ShardContent({REGION.name: found.regions}, table, at)


def _settled(params: ParseParams, provenance: Mapping[str, str]) -> ParseParams:
    """The params with the device and the precision of a parser in place of ``"auto"``, which a worker's own machine
    would settle otherwise, and so make other bytes.

    On CUDA ``"auto"`` is fp16 everywhere.
    """
    device: Literal["cpu", "cuda"] = "cuda" if provenance["device"] == "cuda" else "cpu"
    named: dict[str, Literal["bf16", "fp32"]] = {"bfloat16": "bf16", "float32": "fp32"}
    return replace(params, device=device, precision=named.get(provenance.get("precision", ""), params.precision))


def _compare(aligned: Store, parsed: Store, outcome: Outcome) -> ParseOutcome:
    """Agreement of the parsed maps with the truth, over all faces that have one."""
    counts = np.zeros((N_REGIONS, N_REGIONS), np.int64)
    with_truth = 0
    for split, shard in parsed.shards:
        rows = aligned.rows(split, shard)
        known = rows.filter(rows["has_truth"])["row"].to_numpy()
        with_truth += len(known)
        for chunk in np.unique(known // parsed.chunk_rows).tolist():
            start = chunk * parsed.chunk_rows
            stop = min(start + parsed.chunk_rows, parsed.splits[split])
            here = known[known // parsed.chunk_rows == chunk] - start
            predicted = parsed.read(split, REGION.name, start, stop)[here]
            counts += confusion(predicted, aligned.read(split, TRUTH.name, start, stop)[here])
    known_of_all = outcome, sureness_of(parsed), places_of(parsed)
    if not counts.any():
        return ParseOutcome(*known_of_all, 0, None, None)
    return ParseOutcome(*known_of_all, with_truth, scores(counts), scores(coarse_confusion(counts)))


def _digests(params: ParseParams) -> _Weights:
    return tuple((path, sha256_of(path)) for path in weights_files(params.weights) if path.is_file())


def _parser(params: ParseParams, weights: _Weights, threads: int = 1) -> Parser:
    """The parser of some weights, kept for the next shard, and for the next run where the process lives on.

    Raises:
        WeightsError: the files are others by now, or here.
    """
    with _LOADING:  # threads of a process share a GPU, and so a parser
        return _loaded(params, weights, threads)


@lru_cache(maxsize=2)  # the one that settles "auto", and the one that works: a worker may outlive many weights
def _loaded(params: ParseParams, weights: _Weights, threads: int) -> Parser:
    os.environ.setdefault(*SAME_BF16)
    os.environ["ONEDNN_DEFAULT_FPMATH_MODE"] = "STRICT"  # or fp32 may be bf16 without a word in the provenance
    parser = load_parser(params.weights, params.device, threads, params.precision, params.mirror)
    if (found := _digests(params)) != weights:
        raise WeightsError(
            f"parse.weights: expected {_listed(weights)}, as when the stage parse began; found {_listed(found)}. Let "
            "the weights be while it runs, give all machines the same, and run `dvc repro` again"
        )
    return parser


def _listed(weights: _Weights) -> str:
    return ", ".join(f"{path} with SHA-256 {digest}" for path, digest in weights) or "no file"


def as_metrics(result: ParseOutcome) -> dict[str, Any]:
    """The stage's metrics: counts, and agreement by class name where there is ground truth."""
    return {
        **asdict(result.outcome),
        "confidence": result.confidence.as_metrics(),
        "in_place": dict(result.places),
        "with_truth": result.with_truth,
        "regions": result.regions and _named(result.regions, Region),
        "coarse": result.coarse and _named(result.coarse, CoarseRegion),
    }


def _named(agreement: Scores, classes: type[Region] | type[CoarseRegion]) -> dict[str, Any]:
    return {
        "miou": round(agreement.miou, 4),
        "pixel_accuracy": round(agreement.pixel_accuracy, 4),
        "iou": {
            member.name.lower(): None if math.isnan(iou) else round(iou, 4)
            for member, iou in zip(classes, agreement.iou, strict=True)
        },
    }
