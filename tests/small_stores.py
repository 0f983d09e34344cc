"""Small stores made by the stages' own build functions; only the parser is stood in for, by maps of known error."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from faceshards.build.align import HAS_TRUTH, AlignTask
from faceshards.build.arrays import ALL, IMAGE, REGION, TRUTH
from faceshards.build.erase import erase_faces
from faceshards.build.outcome import count_outcomes
from faceshards.build.params import AlignParams, EraseParams, RunParams, StoreParams
from faceshards.build.parse import ParseOutcome, as_metrics
from faceshards.build.provenance import versions
from faceshards.parsing.evaluate import coarse_confusion, confusion, scores
from faceshards.regions import IGNORE, Region
from faceshards.source.base import Source
from faceshards.store.durable import replace_folder
from faceshards.store.finish import finish
from faceshards.store.reader import Store
from faceshards.store.schema import StoreSpec
from faceshards.store.writer import create, write_shard

WORST = 4
"""The face, by its place in the source, that the stand-in parser gets all wrong."""

ERASE = EraseParams(
    seed=0,
    variants=3,
    n_regions=(1, 3),
    fill="random",
    min_area=16,
    classes={"nose": 1.0, "right_cheek": 2.0, "hair": 1.0, "headwear": 0.0},
    regions="parsed",
    splits={"train": 0.6, "val": 0.4},
)
STORE = StoreParams(shard_rows=4, chunk_rows=2)
RUN = RunParams(workers=1)


@dataclass(frozen=True)
class Build:
    """What a report is made from."""

    shards: Path
    aligned: Path
    parsed: Path
    metrics: dict[str, Path]


def build(folder: Path, source: Source, erase_params: EraseParams = ERASE) -> Build:
    """Run the stages over a source."""
    aligned, parsed, shards = (folder / name for name in ("aligned", "parsed", "shards"))
    align_faces(source, aligned)
    parse = parse_faces(aligned, parsed)
    erase = erase_faces(aligned, parsed, shards, erase_params, STORE, RUN)
    contents = {
        "align": asdict(count_outcomes(aligned)),
        "parse": as_metrics(parse),
        "erase": asdict(erase),
        "verify": {"files": 26, "bytes": 123_456, "rows": erase.used, "problems": 0},
    }
    metrics = {stage: folder / f"{stage}.json" for stage in contents}
    for stage, content in contents.items():
        metrics[stage].write_text(json.dumps(content))
    return Build(shards, aligned, parsed, metrics)


def align_faces(source: Source, out: Path) -> None:
    """The stage `align` without its file that says how to open the source."""
    spec = StoreSpec("demo <b>faces</b>", "MIT", (IMAGE, TRUTH), {ALL: len(source)}, 4, 2, (HAS_TRUTH,))
    work = out.with_name("aligned-work")
    create(work, spec)
    for shard in range(spec.shard_count(ALL)):
        AlignTask(work, spec, shard, source, AlignParams()).run(lambda _: None)
    finish(work, spec, {"source": {"format": source.name}, "versions": versions("numpy")})
    replace_folder(work, out)


def parse_faces(aligned: Path, out: Path) -> ParseOutcome:
    """In place of the network: the truth with its chin cut off, all background for `WORST`, skin where no truth is."""
    faces = Store.open(aligned)
    truth = faces.read(ALL, "truth")
    regions = np.where(truth == IGNORE, np.uint8(Region.RIGHT_CHEEK), truth)
    regions[:, 95:] = Region.NECK
    regions[WORST : WORST + 1] = Region.BACKGROUND
    spec = StoreSpec(
        faces.info["name"], faces.info["licence"], (REGION,), {ALL: len(truth)}, faces.shard_rows, faces.chunk_rows
    )
    work = out.with_name("parsed-work")
    create(work, spec)
    for shard in range(spec.shard_count(ALL)):
        rows = slice(*spec.shard_range(ALL, shard))
        table = faces.manifest.slice(rows.start, rows.stop - rows.start).select(spec.rows_schema.names)
        write_shard(work, spec, ALL, shard, {"region": regions[rows]}, table.cast(spec.rows_schema))
    made_by = {"weights_sha256": "0" * 64, "device": "cpu"}
    finish(work, spec, {**faces.info["provenance"], "parse": made_by})
    replace_folder(work, out)
    outcome = count_outcomes(out)
    known = faces.manifest["has_truth"].to_numpy()
    if not known.any():
        return ParseOutcome(outcome, 0, None, None)
    counts = confusion(regions[known], truth[known])
    return ParseOutcome(outcome, int(known.sum()), scores(counts), scores(coarse_confusion(counts)))
