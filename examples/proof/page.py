"""Write docs/proof.md, its pictures and the README's sentence from results.csv. Needs matplotlib, and no LFW.

python -m examples.proof.page
"""

import argparse
import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, get_args

import jinja2
import numpy as np

from examples.proof import pictures
from examples.proof.arms import Arm
from examples.proof.hidden import HIDDEN, OCCLUDERS, REGIONS
from examples.proof.known import PAIRS, read_known
from examples.proof.lfw import LEFT_OUT, read_left_out
from examples.proof.rows import HALVES, RESULTS, Trial, finished
from examples.proof.settings import Settings
from examples.proof.statistics import ARMS, CLEAN, METRICS, Comparison, Difference, interval
from examples.proof.sweep import SWEEP, sweep_table
from examples.proof.training import HeadName
from examples.recognition.command import run
from faceshards.errors import SourceFormatError

TEMPLATE = Path(__file__).with_name("page.md.j2")
START, END = "<!-- what examples.proof.page found -->", "<!-- end -->"

REFERENCES: tuple[Arm, ...] = ("none", "rectangle")

LABELS = {
    "accuracy": "accuracy",
    "eer": "EER",
    "tar_at_0.01": "TAR at FAR 0.01",
    "tar_at_0.001": "TAR at FAR 0.001",
    "a region hidden": "a region hidden",
    "an occluder drawn": "an occluder drawn",
}


def write_page(results: Path, page: Path, draws: int = 1000) -> str:
    """Write the page and, in a folder of its name beside it, the pictures.

    Args:
        results: folder of results.csv.
        page: where to.
        draws: of the bootstrap.

    Returns:
        The sentence that says what was found.
    """
    known = read_known(results / PAIRS)
    rows = finished(results)
    nets = sorted({trial.net for trial in rows}, key=list(dict.fromkeys(trial.net for trial in rows)).index)
    folder = page.with_suffix("")
    folder.mkdir(parents=True, exist_ok=True)
    parts = []
    for net in nets:
        for head in get_args(HeadName):
            comparison = Comparison.read(results, known, net, head, draws)
            if comparison is not None:
                own = {trial: row for trial, row in rows.items() if (trial.net, trial.head) == (net, head)}
                pictures.save(comparison, own, folder, f"{net}-{head}")
                parts.append(_part(net, head, comparison, own))
    any_row = next(iter(rows.values()), None)
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATE.parent),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    text = environment.get_template(TEMPLATE.name).render(
        digest=digest(results),
        found=finding(parts),
        parts=parts,
        counts=_counts(rows, nets),
        halves={half: next((row for trial, row in rows.items() if trial.half == half), None) for half in HALVES},
        pairs={half: len(each.pairs.same) for half, each in known.items()},
        tested=sum(len(each.pairs.same) for each in known.values()),
        left_out=read_left_out(LEFT_OUT),
        settings=any_row or vars(Settings()),
        sweep=sweep_table(results / SWEEP),
        folder=folder.name,
    )
    page.write_text(text)
    return finding(parts)


def digest(results: Path) -> str:
    """Of results.csv and the sweep, which the page names, so that a test sees a page that is behind."""
    sha = hashlib.sha256()
    for path in (results / RESULTS, results / SWEEP):
        sha.update(path.read_bytes() if path.exists() else b"")
    return sha.hexdigest()


def finding(parts: list[dict[str, Any]]) -> str:
    """Two sentences a head, with intervals; or that nothing can be said yet."""
    if not parts:
        return "Nothing can be said yet of what FSErasing does for recognition on real faces."
    sentences = []
    for part in parts:
        of = part["comparison"]
        none, rectangle = (of.difference("accuracy", "on-the-fly", arm) for arm in ("none", "rectangle"))
        drawn = [of.difference("an occluder drawn", "on-the-fly", arm) for arm in ("none", "rectangle")]
        seeds = f"{len(of.seeds)} seed{'s' if len(of.seeds) > 1 else ''}"
        sentences.append(
            f"On LFW ({part['title']}, {seeds}), erasing regions on the fly changes the accuracy by "
            f"{points(none)} points against no erasing ({verdict(none)}) and by {points(rectangle)} against rectangles "
            f"({verdict(rectangle)}). Where something is drawn over the face, by {points(drawn[0])} against no erasing "
            f"({verdict(drawn[0])}) and by {points(drawn[1])} against rectangles ({verdict(drawn[1])})."
        )
    return " ".join(sentences)


def points(difference: Difference) -> str:
    """In points, with the 95 % interval."""
    mean, low, high = (round(100 * share, 1) + 0.0 for share in (difference.mean, difference.low, difference.high))
    return f"{mean:+.1f} ({low:+.1f} to {high:+.1f})"


def verdict(difference: Difference) -> str:
    """What an interval allows to say."""
    if difference.low > 0:
        return "a gain"
    return "a loss" if difference.high < 0 else "no difference can be seen"


def _part(net: str, head: HeadName, of: Comparison, rows: dict[Trial, dict[str, str]]) -> dict[str, Any]:
    """All tables of one net and head."""
    values, bounds = of.values(), interval(of.bootstrap())
    return {
        "net": net,
        "head": head,
        "name": f"{net}-{head}",
        "title": f"net `{net}`, {'ArcFace' if head == 'arcface' else 'softmax'}",
        "comparison": of,
        "seeds": len(of.seeds),
        "figures": _table(
            ["erasing", *(LABELS[metric] for metric in CLEAN)],
            [[arm, *(_cell(values, bounds, a, metric) for metric in CLEAN)] for a, arm in enumerate(ARMS)],
        ),
        "against": {reference: _against(of, reference) for reference in REFERENCES},
        "hidden": _table(
            ["hidden", *ARMS, "on-the-fly against none", "on-the-fly against rectangle"],
            [
                [
                    what,
                    *(f"{100 * values[a, METRICS.index(what)]:.1f}" for a in range(len(ARMS))),
                    *(points(of.difference(what, "on-the-fly", reference)) for reference in REFERENCES),
                ]
                for what in ("accuracy", *HIDDEN, "a region hidden", "an occluder drawn")
            ],
        ).replace("| accuracy |", "| nothing |"),
        "regions": len(REGIONS),
        "occluders": len(OCCLUDERS),
        "spread": _table(
            ["erasing", "regions looked at", "against none", "paired p"],
            [
                [
                    arm,
                    f"{values[a, -1]:.2f} ({bounds[0, a, -1]:.2f} to {bounds[1, a, -1]:.2f})",
                    *_plain(of.difference("regions looked at", arm, "none"), is_reference=arm == "none"),
                ]
                for a, arm in enumerate(ARMS)
            ],
        ),
        "seconds": round(float(np.mean([int(row["seconds"]) for row in rows.values()]))),
    }


def _against(of: Comparison, reference: Arm) -> str:
    metrics = (*LABELS,)
    lines = []
    for arm in ARMS:
        if arm != reference:
            found = {metric: of.difference(metric, arm, reference) for metric in metrics}
            clean = found["accuracy"]
            lines.append(
                [
                    arm,
                    *(points(found[metric]) for metric in metrics),
                    f"{clean.p:.3f}",
                    f"{100 * clean.smallest:.1f}",
                    f"{100 * clean.smallest_of_people:.1f}",
                ]
            )
    return _table(
        ["erasing", *LABELS.values(), "paired p of the accuracy", "smallest visible gain", "with endless seeds"], lines
    )


def _plain(difference: Difference, *, is_reference: bool) -> list[str]:
    if is_reference:
        return ["", ""]
    return [f"{difference.mean:+.2f} ({difference.low:+.2f} to {difference.high:+.2f})", f"{difference.p:.3f}"]


def _cell(values: Any, bounds: Any, arm: int, metric: str) -> str:
    m = METRICS.index(metric)
    return f"{100 * values[arm, m]:.1f} ({100 * bounds[0, arm, m]:.1f} to {100 * bounds[1, arm, m]:.1f})"


def _counts(rows: Iterable[Trial], nets: list[str]) -> str:
    every = list(rows)
    lines = []
    for net in nets:
        for head in get_args(HeadName):
            many = [sum((t.net, t.head, t.arm) == (net, head, arm) for t in every) for arm in ARMS]
            if any(many):
                lines.append([f"`{net}`", head, *map(str, many)])
    return _table(["net", "head", *ARMS], lines)


def _table(head: list[str], lines: list[list[str]]) -> str:
    return "\n".join(f"| {' | '.join(cells)} |" for cells in [head, ["---"] * len(head), *lines])


def write_sentence(readme: Path, sentence: str) -> None:
    """Put the sentence between the README's two comments.

    Raises:
        SourceFormatError: the comments are not there once each, in their order.
    """
    text = readme.read_text()
    before, start, rest = text.partition(START)
    _, end, after = rest.partition(END)
    if not (start and end):
        raise SourceFormatError(f"{readme}: expected the lines {START} and {END} around the sentence; put them back")
    readme.write_text(f"{before}{START}\n{sentence}\n{END}{after}")


def main() -> None:
    """Read the command line and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, default=Path(__file__).with_name("results"))
    parser.add_argument("--page", type=Path, default=Path("docs/proof.md"))
    parser.add_argument("--readme", type=Path, default=Path("README.md"))
    parser.add_argument("--draws", type=int, default=1000, help="of the bootstrap (default: 1000)")
    given = parser.parse_args()
    sentence = write_page(given.results, given.page, given.draws)
    write_sentence(given.readme, sentence)
    print(sentence)


if __name__ == "__main__":
    run(main)
