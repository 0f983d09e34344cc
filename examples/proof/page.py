"""Write docs/proof.md, its pictures and the README's sentence from results.csv. Needs matplotlib, and no LFW.

python -m examples.proof.page
"""

import argparse
import hashlib
from itertools import product
from pathlib import Path
from typing import Any, get_args

import jinja2
import numpy as np

from examples.proof import pictures, tables
from examples.proof.known import PAIRS, read_known
from examples.proof.lfw import LEFT_OUT, read_left_out
from examples.proof.rows import HALVES, RESULTS, Trial, finished, is_finished, read_rows
from examples.proof.settings import Settings
from examples.proof.statistics import Comparison, Difference
from examples.proof.sweep import SWEEP
from examples.proof.tables import points
from examples.recognition.command import run
from examples.recognition.train import HeadName
from faceshards.counted import counted
from faceshards.errors import SourceFormatError

TEMPLATE = Path(__file__).with_name("page.md.j2")
START, END = "<!-- what examples.proof.page found -->", "<!-- end -->"


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
    folder = page.with_suffix("")
    folder.mkdir(parents=True, exist_ok=True)
    parts = []
    for net, head in product(dict.fromkeys(trial.net for trial in rows), get_args(HeadName)):
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
        counts=tables.counts_table(rows),
        nets={trial.net for trial in rows},
        finished=is_finished(rows),
        halves={half: next((row for trial, row in rows.items() if trial.half == half), None) for half in HALVES},
        tested=sum(len(each.pairs.same) for each in known.values()),
        left_out=read_left_out(LEFT_OUT),
        settings=any_row or vars(Settings()),
        sweep=tables.sweep_table(read_rows(results / SWEEP)),
        folder=folder.name,
    )
    page.write_text(text)
    return finding(parts)


def _part(net: str, head: HeadName, of: Comparison, rows: dict[Trial, dict[str, str]]) -> dict[str, Any]:
    """All that the page says of one net and head."""
    return {
        "net": net,
        "head": head,
        "name": f"{net}-{head}",
        "title": f"net `{net}`, {'ArcFace' if head == 'arcface' else 'softmax'}",
        "comparison": of,
        "seeds": counted(len(of.seeds), "seed"),
        "figures": tables.figures_table(of),
        "against": {reference: tables.difference_table(of, reference) for reference in tables.REFERENCES},
        "hidden": tables.hidden_table(of),
        "gains": [points(of.difference(metric, "on-the-fly", "none")) for metric in ("accuracy", "eer")],
        "spread": tables.spread_table(of),
        "learning": tables.learning_table(rows),
        "seconds": round(float(np.mean([int(row["seconds"]) for row in rows.values()]))),
    }


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
        (none, rectangle), (none_drawn, rectangle_drawn) = (
            [of.difference(metric, "on-the-fly", reference) for reference in tables.REFERENCES]
            for metric in ("accuracy", "an occluder drawn")
        )
        over = "people and seeds" if len(of.seeds) > 1 else "people alone"
        sentences.append(
            f"On LFW ({part['title']}, {part['seeds']}; in brackets 95 % intervals over {over}), "
            "erasing regions on the fly changes the accuracy by "
            f"{points(none)} points against no erasing ({verdict(none)}) and by {points(rectangle)} against rectangles "
            f"({verdict(rectangle)}). Where something is drawn over the face, by {points(none_drawn)} against no "
            f"erasing ({verdict(none_drawn)}) and by {points(rectangle_drawn)} against rectangles "
            f"({verdict(rectangle_drawn)})."
        )
    return " ".join(sentences)


def verdict(difference: Difference) -> str:
    """What an interval allows to say."""
    if difference.low > 0:
        return "a gain"
    return "a loss" if difference.high < 0 else "no difference can be seen"


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
