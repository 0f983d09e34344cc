"""Small stores made by the stages' own build functions; only the parser is stood in for, by maps of known error."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from faceshards.build import align, parse
from faceshards.build.align import AlignTask
from faceshards.build.alignedrows import COLUMNS as ALIGNED_COLUMNS
from faceshards.build.arrays import IMAGE, REGION, TRUTH
from faceshards.build.erase import erase_faces
from faceshards.build.outcome import count_outcomes
from faceshards.build.params import AlignParams, EraseParams, PlanParams, RunParams, StoreParams
from faceshards.build.parse import ParseOutcome, as_metrics
from faceshards.build.places import places_of
from faceshards.build.plan import plan_source
from faceshards.build.planfile import Plan
from faceshards.build.provenance import versions
from faceshards.build.shardmap import making
from faceshards.build.sureness import COLUMNS, SurenessNotes, sureness_of
from faceshards.parsing.certainty import Confidence
from faceshards.parsing.evaluate import coarse_confusion, confusion, scores
from faceshards.regions import IGNORE, N_REGIONS, Region
from faceshards.source.base import Source
from faceshards.store.finish import finish
from faceshards.store.reader import Store
from faceshards.store.schema import OK, StoreSpec
from faceshards.store.writer import write_shard

WORST = "000004"
"""The face that the stand-in parser gets all wrong."""

ERASE = EraseParams(
    seed=0,
    variants=3,
    n_regions=(1, 3),
    fill="random",
    min_area=16,
    classes={"nose": 1.0, "right_cheek": 2.0, "hair": 1.0, "headwear": 0.0},
    regions="parsed",
)
PLAN = PlanParams(seed=0, splits={"train": 0.6, "val": 0.4})
STORE = StoreParams(shard_rows=4, chunk_rows=2)
RUN = RunParams(workers=1)


@dataclass(frozen=True)
class Build:
    """What a report is made from."""

    shards: Path
    aligned: Path
    parsed: Path
    metrics: dict[str, Path]


def build(
    folder: Path,
    source: Source,
    erase_params: EraseParams = ERASE,
    plan_params: PlanParams = PLAN,
    store: StoreParams = STORE,
) -> Build:
    """Run the stages over a source."""
    plan, aligned, parsed, shards = (folder / name for name in ("plan", "aligned", "parsed", "shards"))
    plan.mkdir(parents=True)
    plan_source(source, plan, plan_params)
    align_faces(source, plan, aligned, store)
    parsed_faces = parse_faces(aligned, parsed)
    erase = erase_faces(aligned, parsed, shards, erase_params, store, RUN)
    contents = {
        "align": asdict(count_outcomes(aligned)),
        "parse": as_metrics(parsed_faces),
        "erase": asdict(erase),
        "verify": {"files": 26, "bytes": 123_456, "rows": erase.used, "problems": 0},
    }
    metrics = {stage: folder / f"{stage}.json" for stage in contents}
    for stage, content in contents.items():
        metrics[stage].write_text(json.dumps(content))
    return Build(shards, aligned, parsed, metrics)


def align_faces(source: Source, plan: Path, out: Path, store: StoreParams = STORE) -> None:
    """The stage `align` without its file that says how to open the source."""
    planned = Plan.open(plan)
    spec = StoreSpec(
        name="demo <b>faces</b>",
        licence="MIT",
        arrays=(IMAGE, TRUTH),
        splits=planned.splits,
        shard_rows=store.shard_rows,
        chunk_rows=store.chunk_rows,
        columns=ALIGNED_COLUMNS,
        profile=store.profile,
    )
    with making(out, align.__name__, spec, RUN) as shards:
        for place in spec.shards:
            AlignTask(shards, *place, planned, source, AlignParams("none")).run(lambda _: None)
        order = {"plan": {"order": planned.made_by["order"]}}
        finish(shards.work, spec, {"source": {"format": source.name}, **order, "versions": versions("numpy")})


def parse_faces(aligned: Path, out: Path) -> ParseOutcome:
    """In place of the network: the truth with its chin cut off, all background for `WORST`, skin where no truth is."""
    faces = Store.open(aligned)
    name, licence = faces.info["name"], faces.info["licence"]
    spec = StoreSpec(name, licence, (REGION,), faces.extents, faces.shard_rows, faces.chunk_rows, columns=COLUMNS)
    counts = np.zeros((N_REGIONS, N_REGIONS), np.int64)
    with making(out, parse.__name__, spec, RUN) as shards:
        for split, shard in spec.shards:
            rows = faces.rows(split, shard)
            start, stop = spec.shard_range(split, shard)
            truth = faces.read(split, "truth", start, stop)
            regions = np.where(truth == IGNORE, np.uint8(Region.RIGHT_CHEEK), truth)
            regions[:, 95:] = Region.NECK
            regions[rows["row"].filter(pc.equal(rows["sample_id"], WORST)).to_numpy() - start] = Region.BACKGROUND
            known = rows["row"].filter(rows["has_truth"]).to_numpy() - start
            counts += confusion(regions[known], truth[known])
            at = rows["row"].to_numpy() - start
            columns = _sureness(stop - start, rows, at).columns(at)
            schema = spec.rows_schema
            table = pa.table([columns[name] if name in columns else rows[name] for name in schema.names], schema)
            write_shard(shards.work, spec, split, shard, {"region": regions}, table, at)
        made_by = {"weights_sha256": "0" * 64, "device": "cpu", "weights_licence": "MIT", "temperature": "1"}
        finish(shards.work, spec, {**faces.info["provenance"], "parse": made_by})
    outcome = count_outcomes(out)
    known_faces = int(pc.sum(faces.manifest["has_truth"]).as_py())
    known_of_all = outcome, sureness_of(Store.open(out)), places_of(Store.open(out))
    if not known_faces:
        return ParseOutcome(*known_of_all, 0, None, None)
    agreement = scores(counts), scores(coarse_confusion(counts))
    return ParseOutcome(*known_of_all, known_faces, *agreement)


def _sureness(rows: int, faces: pa.Table, at: NDArray[np.int64]) -> SurenessNotes:
    """Of `WORST` 30 %, of all other faces 90 %."""
    notes = SurenessNotes(rows)
    usable = pc.equal(faces["status"], OK).to_numpy()
    face = np.where(pc.equal(faces["sample_id"], WORST).to_numpy(), 0.3, 0.9).astype(np.float32)[usable]
    notes.add(at[usable], Confidence(face, np.repeat(face[:, None], N_REGIONS, axis=1), face))
    return notes
