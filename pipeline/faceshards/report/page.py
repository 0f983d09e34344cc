"""The quality report as one HTML file that needs nothing beside itself: no network, no other file."""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from faceshards.build.params import ReportParams
from faceshards.cells import visible_lines
from faceshards.counted import counted
from faceshards.regions import PALETTE, REGION_NAMES
from faceshards.report.agreement import compare
from faceshards.report.contents import contents_of
from faceshards.report.earlier import changes
from faceshards.report.faces import Faces
from faceshards.report.gallery import doubtful, worst_parsed
from faceshards.report.gallery import gallery as gallery_cards
from faceshards.report.metrics import read_metrics
from faceshards.report.originals import Originals
from faceshards.report.script import policy, script, style
from faceshards.report.similar import DISTANCE, LIKENESS
from faceshards.report.skipped import NAMED, reasons
from faceshards.report.statistics import region_statistics
from faceshards.report.survey import survey
from faceshards.store.description import title_of
from faceshards.store.durable import write_file


def write_report(
    shards: Path,
    aligned: Path | None,
    metrics: Mapping[str, Path],
    out: Path,
    params: ReportParams,
    *,
    source: Path | None = None,
    plan: Path | None = None,
    earlier: Path | None = None,
) -> None:
    """Write the report on a final store. The same stores, source and metrics give the same bytes.

    About ``params.faces`` faces are looked at, in whole chunks; some 300 bytes of each are kept until the page is
    written.

    Args:
        shards: the store of the stage `erase`.
        aligned: the store of the stage `align` that it was made from, for its ground truth and the size of the faces;
            None leaves these out.
        metrics: files by stage (`align`, `parse`, `erase`, `verify`); one that is missing is shown as not run.
        out: the HTML file.
        params: what is shown, and of how many faces.
        source: the folder that the stage `download` left, for pictures of faces that dropped out; None for none.
        plan: the folder that the stage `plan` left, which is needed with `source`.
        earlier: the manifest of the version before; None where there is none.

    Raises:
        ReportInputError: the stores do not belong together, or a metrics file or `earlier` holds something else.
        StoreFormatError, MissingShardError, CorruptShardError: a store cannot be read.

    Example:
        >>> write_report(Path("data/shards"), Path("data/aligned"), {}, Path("report.html"), ReportParams())
    """
    faces = Faces(shards, aligned)
    read = read_metrics(metrics)
    compared = compare(faces)
    looked = survey(faces, params.faces)
    originals = Originals.of(source, plan) if params.pictures else None
    html = (
        _environment()
        .get_template("report.html")
        .render(
            # Both are files of the package, and base64 has no letter that means anything in HTML.
            script=Markup(script()),
            style=Markup(style()),
            policy=Markup(policy()),
            params=params,
            info=faces.store.info,
            title=title_of(faces.store.info),
            total=faces.store.manifest.num_rows,
            metrics=read,
            identities=_identities(faces),
            variants=faces.variants,
            regions=[
                {"id": i, "name": n, "rgb": c} for i, (n, c) in enumerate(zip(REGION_NAMES, PALETTE, strict=True))
            ],
            palette=dict(zip(REGION_NAMES, PALETTE, strict=True)),
            contents=contents_of(faces, looked, compared, originals, params),
            looked=looked.pixels is not None,
            distance=DISTANCE,
            likeness=LIKENESS,
            earlier=None if earlier is None else changes(faces, earlier),
            gallery=gallery_cards(faces, params.gallery) if params.pictures else (),
            worst=worst_parsed(faces, compared) if params.pictures else None,
            doubtful=doubtful(faces) if params.pictures else (),
            regions_are_truth=faces.regions_are_truth,
            statistics={name: column.tolist() for name, column in region_statistics(faces)._asdict().items()},
            skipped=reasons(faces.store.manifest, usable=False),
            remarks=reasons(faces.store.manifest, usable=True),
            named=NAMED,
            facts=_facts(faces.store.info["provenance"]),
        )
    )
    write_file(out, html.encode())


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("faceshards.report"),
        autoescape=True,
        finalize=lambda value: visible_lines(value) if type(value) is str else value,  # Markup is none
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"number": "{:,}".format, "counted": counted, "percent": _percent, "words": _words}
    return environment


def _percent(share: float) -> str:
    """Two digits where one would round a rare thing to nothing."""
    return f"{share:.1%}" if share >= 0.01 or share == 0 else f"{share:.2%}"


def _words(name: str) -> str:
    return name.replace("_", " ")


def _identities(faces: Faces) -> dict[str, int]:
    """Known persons by split; none where the source knows none."""
    known = faces.usable.filter(pc.greater_equal(faces.usable["identity"], 0))
    return {
        split: pc.count_distinct(known["identity"].filter(pc.equal(known["split"], split))).as_py()
        for split in faces.store.splits
    }


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
