"""The tables behind `dvc plots`: small CSV files, one row a region."""

import csv
import io
from collections.abc import Iterable, Mapping
from pathlib import Path

from faceshards.regions import REGION_NAMES
from faceshards.report.faces import Faces
from faceshards.report.metrics import read_metrics
from faceshards.report.statistics import region_statistics
from faceshards.store.durable import write_file

AREA_CSV = "region_area.csv"
ERASED_CSV = "region_erased.csv"
IOU_CSV = "region_iou.csv"


def write_plots(shards: Path, metrics: Mapping[str, Path], out: Path) -> None:
    """Write `AREA_CSV`, `ERASED_CSV` and `IOU_CSV` into the folder `out`; shares and IoU run from 0 to 1.

    Args:
        shards: the store of the stage `erase`.
        metrics: files by stage, as for `page.write_report`. Without IoU in those of `parse` the third table has only
            its header; a region that occurs nowhere has no row in it.
        out: a folder.

    Raises:
        ReportInputError: `shards` is another kind of store, or a metrics file holds something else.
        StoreFormatError, MissingShardError, CorruptShardError: the store cannot be read.
    """
    area, present, eligible, erased = (column.tolist() for column in region_statistics(Faces(shards, None)))
    parse = read_metrics(metrics).parse
    iou = parse.regions.iou if parse and parse.regions else {}
    _write(out / AREA_CSV, ("region", "mean_share", "present_share"), zip(REGION_NAMES, area, present, strict=True))
    _write(
        out / ERASED_CSV, ("region", "eligible_share", "erased_share"), zip(REGION_NAMES, eligible, erased, strict=True)
    )
    known = ((name, value) for name, value in iou.items() if value is not None)
    _write(out / IOU_CSV, ("region", "iou"), known)


def _write(path: Path, header: tuple[str, ...], rows: Iterable[tuple[str | float, ...]]) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows([f"{value:.6f}" if isinstance(value, float) else value for value in row] for row in rows)
    write_file(path, text.getvalue().encode())
