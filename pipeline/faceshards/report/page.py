"""The quality report as one HTML file that needs nothing beside itself: no network, no script, no other file."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
from jinja2 import Environment, PackageLoader, StrictUndefined

from faceshards.cells import visible_lines
from faceshards.regions import PALETTE, REGION_NAMES
from faceshards.report.faces import Faces
from faceshards.report.gallery import doubtful, worst_parsed
from faceshards.report.gallery import gallery as gallery_cards
from faceshards.report.metrics import read_metrics
from faceshards.report.skipped import NAMED, reasons
from faceshards.report.statistics import region_statistics
from faceshards.store.durable import write_file


def write_report(shards: Path, aligned: Path | None, metrics: Mapping[str, Path], out: Path, gallery: int) -> None:
    """Write the report on a final store. The same store and metrics give the same bytes.

    Args:
        shards: the store of the stage `erase`.
        aligned: the store of the stage `align` that it was made from, for its ground truth; None leaves truth out.
        metrics: files by stage (`align`, `parse`, `erase`, `verify`); one that is missing is shown as not run.
        out: the HTML file.
        gallery: how many faces to show.

    Raises:
        ReportInputError: the stores do not belong together, or a metrics file holds something else.
        StoreFormatError, MissingShardError, CorruptShardError: a store cannot be read.
    """
    faces = Faces(shards, aligned)
    statistics = region_statistics(faces)
    html = (
        _environment()
        .get_template("report.html")
        .render(
            info=faces.store.info,
            metrics=read_metrics(metrics),
            identities=_identities(faces),
            variants=faces.variants,
            regions=[
                {"id": i, "name": n, "rgb": c} for i, (n, c) in enumerate(zip(REGION_NAMES, PALETTE, strict=True))
            ],
            palette=dict(zip(REGION_NAMES, PALETTE, strict=True)),
            gallery=gallery_cards(faces, gallery),
            worst=worst_parsed(faces),
            doubtful=doubtful(faces),
            regions_are_truth=faces.regions_are_truth,
            statistics={name: column.tolist() for name, column in statistics._asdict().items()},
            skipped=reasons(faces.store.manifest, usable=False),
            remarks=reasons(faces.store.manifest, usable=True),
            named=NAMED,
            facts=_facts(faces.store.info["provenance"]),
        )
    )
    write_file(out, html.encode())


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("faceshards.report"),
        autoescape=True,
        finalize=lambda value: visible_lines(value) if type(value) is str else value,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"number": "{:,}".format, "percent": _percent, "words": _words}
    return environment


def _percent(share: float) -> str:
    """Two digits where one would round a rare thing to nothing."""
    return f"{share:.1%}" if share >= 0.01 or share == 0 else f"{share:.2%}"


def _words(name: str) -> str:
    return name.replace("_", " ")


def _identities(faces: Faces) -> dict[str, int]:
    """Known persons by split; none where the source knows none."""
    known = faces.usable.filter(pc.field("identity") >= 0)
    counts = known.group_by("split").aggregate([("identity", "count_distinct")]).to_pylist()
    found = {row["split"]: row["identity_count_distinct"] for row in counts}
    return {split: found.get(split, 0) for split in faces.store.splits}


def _facts(provenance: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Dotted names and texts: one a key of each section."""
    facts = []
    for section, values in provenance.items():
        keys = (
            {f"{section}.{key}": value for key, value in values.items()}
            if isinstance(values, Mapping)
            else {section: values}
        )
        facts += [(name, _text(value)) for name, value in keys.items()]
    return facts


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {_text(item)}" for key, item in value.items())
    if isinstance(value, float):
        return f"{value:g}"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
